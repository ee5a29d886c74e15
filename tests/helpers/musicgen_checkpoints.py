"""Small MusicGen models with random weights, in the form that the hub has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Channels, blocks and codes of the small models.
WIDTH, DEPTH, CODES = 16, 3, 64


def make_model(channels: int = 1, seed: int = 0, **decoder: Any) -> Any:
    """Make a small MusicGen that hears its input; `decoder` replaces sizes of its decoder."""
    import torch
    import transformers

    torch.manual_seed(seed)
    codec = transformers.EncodecConfig(
        target_bandwidths=[1.2],
        sampling_rate=32_000,
        upsampling_ratios=[8, 5, 4, 4],
        num_filters=4,
        hidden_size=16,
        codebook_dim=16,
        codebook_size=CODES,
        num_residual_layers=1,
        use_causal_conv=False,
    )
    text = transformers.T5Config(
        vocab_size=32, d_model=24, d_kv=8, d_ff=16, num_layers=1, num_heads=2
    )
    sizes = {
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": 2,
        "ffn_dim": 32,
        "vocab_size": CODES,
        "pad_token_id": CODES,
        "bos_token_id": CODES,
        "num_codebooks": 4 * channels,
        "audio_channels": channels,
        "max_position_embeddings": 256,
    }
    language = transformers.MusicgenDecoderConfig(**sizes | decoder)
    config = transformers.MusicgenConfig(
        text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=language.to_dict()
    )
    model = transformers.MusicgenForConditionalGeneration(config)
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(model.generation_config, name, language.pad_token_id)
    with torch.no_grad():
        _enliven(model)
    return model.eval()


def _enliven(model: Any) -> None:
    """Give everything a part in the result: PyTorch's own first values leave much at zero."""
    model.enc_to_dec_proj.bias.normal_()
    for name, tensor in model.decoder.named_parameters():
        if tensor.dim() > 1:
            tensor.mul_(4)
        elif name.endswith("weight"):
            tensor.uniform_(0.5, 1.5)
        else:
            tensor.normal_(0, 0.1)
    for name, tensor in model.audio_encoder.state_dict().items():
        if "encoder" in name and name.endswith("original0"):
            tensor.mul_(2)
        if name.endswith("codebook.embed"):
            tensor.normal_()


def write_checkpoint(folder: Path, channels: int = 1, **sizes: Any) -> Path:
    """Write a small model to a folder, which is returned."""
    make_model(channels, **sizes).save_pretrained(folder)
    return folder
