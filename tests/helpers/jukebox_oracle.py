"""The Jukebox classes of transformers 4.57.6, filled from the original checkpoint's tensors.

An independent implementation. Later versions of transformers have it no more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mirbench.representations.jukebox.shape import Shape

State = dict[str, Tensor]


def vqvae(state: State, shape: Shape) -> Any:
    """Build a `JukeboxVQVAE` with the encoders and codebooks of a checkpoint."""
    from transformers.models.deprecated.jukebox import configuration_jukebox as configuration
    from transformers.models.deprecated.jukebox import modeling_jukebox as modeling

    model = modeling.JukeboxVQVAE(
        configuration.JukeboxVQVAEConfig(
            nb_discrete_codes=shape.codes,
            embed_dim=shape.code_width,
            res_conv_depth=shape.conv_depth,
            res_conv_width=shape.conv_width,
            res_dilation_growth_rate=shape.dilation_growth,
            res_downs_t=list(shape.downs),
            sample_length=shape.n_ctx * shape.hop,
        )
    ).eval()
    with torch.no_grad():
        for level, encoder in enumerate(model.encoders):
            for block, part in enumerate(encoder.level_blocks):
                name = f"encoders.{level}.level_blocks.{block}.model"
                for stage in range(shape.downs[block]):
                    _fill(part.downsample_block[2 * stage], state, f"{name}.{stage}.0")
                    units = part.downsample_block[2 * stage + 1].resnet_block
                    for unit, convolutions in enumerate(units):
                        key = f"{name}.{stage}.1.model.{unit}.model"
                        _fill(convolutions.conv1d_1, state, f"{key}.1")
                        _fill(convolutions.conv1d_2, state, f"{key}.3")
                _fill(part.proj_out, state, f"{name}.{shape.downs[block]}")
            codebook = state[f"bottleneck.level_blocks.{level}.k"]
            model.bottleneck.level_blocks[level].codebook.copy_(codebook)
    return model


def codes(model: Any, audio: Tensor) -> Tensor:
    """Codes of the top level, of audio ``[n_samples]``."""
    with torch.no_grad():
        found: Tensor = model.encode(audio[None, :, None], start_level=2)[0][0]
    return found


def layers(state: State, shape: Shape, codes: Tensor) -> list[Tensor]:
    """Activations ``[n_ctx, width]`` of every layer, conditioned as in Castellon et al."""
    from transformers.models.deprecated.jukebox import modeling_jukebox as modeling

    config = _prior_config(shape)
    conditioner = modeling.JukeboxLabelConditioner(config, include_time_signal=True)
    prior = modeling.JukeboxConditionalAutoregressive(
        config, audio_conditioning=True, metadata_conditioning=True, is_encoder=True
    ).eval()
    total = 62 * shape.sample_rate // shape.hop * shape.hop
    labels = torch.tensor([[total, 0, shape.n_ctx * shape.hop, 0, 0, -1, -1, -1, -1]])
    found: list[Tensor] = []
    with torch.no_grad():
        conditioner.bow_genre_emb.weight.copy_(state["y_emb.bow_genre_emb.emb.weight"])
        conditioner.artist_emb.weight.copy_(state["y_emb.artist_emb.emb.weight"])
        for name in ("total_length", "absolute_pos", "relative_pos"):
            table = getattr(conditioner, f"{name}_emb").emb
            table.weight.copy_(state[f"y_emb.{name}_emb.emb.weight"])
        prior.embed_tokens.weight.copy_(state["prior.x_emb.weight"])
        prior.pos_emb.pos_emb.copy_(state["prior.pos_emb.pos_emb"])
        for number, layer in enumerate(prior.transformer._attn_mods):
            name = f"prior.transformer._attn_mods.{number}"
            for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"):
                module = layer.get_submodule(part)
                module.weight.copy_(state[f"{name}.{part}.w"])
                module.bias.copy_(state[f"{name}.{part}.b"])
            _fill(layer.layer_norm_0, state, f"{name}.ln_0")
            _fill(layer.layer_norm_1, state, f"{name}.ln_1")
            layer.register_forward_hook(lambda *call: found.append(call[2][0]))
        start, time = conditioner(labels)
        last = prior(codes[None], audio_conditioning=time, metadata_conditioning=start)
    assert torch.equal(last[0], found[-1])
    return found


def _prior_config(shape: Shape) -> Any:
    from transformers.models.deprecated.jukebox import configuration_jukebox as configuration

    return configuration.JukeboxPriorConfig(
        attention_multiplier=shape.attention_width / shape.width,
        attention_pattern="raw_column_previous_row_attention",
        blocks=shape.blocks,
        num_layers=shape.depth,
        hidden_size=shape.width,
        is_encoder_decoder=False,
        mask=True,
        max_duration=shape.longest,
        min_duration=shape.shortest,
        max_nb_genres=5,
        metadata_dims=[shape.genres, shape.artists],
        music_vocab_size=shape.codes,
        n_ctx=shape.n_ctx,
        n_heads=shape.heads,
        nb_relevant_lyric_tokens=0,
        timing_dims=shape.time_bins,
    )


def _fill(module: nn.Module, state: State, name: str) -> None:
    for part in ("weight", "bias"):
        getattr(module, part).copy_(state[f"{name}.{part}"])
