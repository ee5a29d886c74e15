"""Find a MusicGen model on this machine, load it, and keep the parts that are needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.api import DataError
from mirbench.representations._hub import HubModels, deciding_files
from mirbench.representations._pretrained import check_whole, reason
from mirbench.representations.musicgen.shape import MODELS, Options

if TYPE_CHECKING:
    from torch import Tensor


#: The patterns leave out the same weights in the form that audiocraft reads.
CHECKPOINTS = HubModels(
    "musicgen",
    {model: f"facebook/musicgen-{model}" for model in MODELS},
    download="--exclude '*state_dict.bin'",
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is kept of a model, on the processor, in float32.

    Attributes
    ----------
    codec : EncodecModel
        Without its decoder.
    decoder : MusicgenDecoder
        The language model's blocks, without its heads; as many as are needed.
    text : Tensor of float32, shape [1, 1, width], or None
        What the blocks attend to; None: nothing, and they have no attention to it.
    padding : int
        The token that is no code.
    """

    codec: Any
    decoder: Any
    text: Tensor | None
    padding: int


def load_parts(folder: Path, options: Options) -> Parts:
    """Load a whole model and take its parts.

    The class of a part alone would load from a whole checkpoint too, and be random.

    Raises
    ------
    DataError
        If the weights are not those of the whole model.
    """
    import torch

    model = _load(folder)
    decoder = model.decoder.model.decoder
    with torch.inference_mode():
        text = _empty_text(model, folder) if options.text == "empty" else None
    decoder.layers = decoder.layers[: max(1, *options.layers)]
    if text is None:
        for block in decoder.layers:
            block.encoder_attn = block.encoder_attn_layer_norm = None
    codec = model.audio_encoder
    codec.decoder = None
    padding, codes = decoder.config.pad_token_id, decoder.config.vocab_size
    if padding != codes:
        raise DataError(
            f"musicgen: {folder}: its padding is token {padding}, which should be {codes}, the "
            "first that is no code"
        )
    return Parts(codec, decoder, text, padding)


def _load(folder: Path) -> Any:
    import torch
    from transformers import MusicgenForConditionalGeneration
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    safe = any(name.endswith(".safetensors") for name in deciding_files(folder))
    try:
        model, found = MusicgenForConditionalGeneration.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=safe,
            weights_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # transformers has no exception of its own for damaged files
        raise DataError(f"musicgen: transformers cannot load {folder}: {reason(error)}") from error
    check_whole(found, f"musicgen: the weights in {folder}", unused=())
    return model.eval()


def _empty_text(model: Any, folder: Path) -> Tensor:
    """Encode ``""``, which the tokenizer of T5 turns into the token that ends a text."""
    import torch

    end = model.text_encoder.config.eos_token_id
    if not isinstance(end, int):
        raise DataError(f"musicgen: the text encoder of {folder} has no token that ends a text")
    tokens = torch.tensor([[end]])
    states: Tensor = model.text_encoder(input_ids=tokens, attention_mask=torch.ones_like(tokens))[0]
    width = model.decoder.config.hidden_size
    own = getattr(model.decoder.config, "cross_attention_hidden_size", None)
    if states.shape[-1] != width and own is None:
        projected: Tensor = model.enc_to_dec_proj(states)
        return projected
    return states
