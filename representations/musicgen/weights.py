"""Find a MusicGen model on this machine, load it, and keep the parts that are needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.api import DataError, MissingWeights, UsageError
from mirbench.representations._hub import cached_folder, deciding_files, hub_cache
from mirbench.representations.musicgen.shape import MODELS, Options

if TYPE_CHECKING:
    from torch import Tensor


def repository(model: str) -> str:
    """Hub id of a model; raises UsageError."""
    if model not in MODELS:
        raise UsageError(f"musicgen has the models {', '.join(MODELS)}, not {model!r}")
    return f"facebook/musicgen-{model}"


def find_folder(model: str, weights: str) -> Path:
    """Find the folder of a model.

    Parameters
    ----------
    model : str
        One of `MODELS`, to be looked for in the Hugging Face cache.
    weights : str
        The folder; empty: that of the cache.

    Raises
    ------
    UsageError
        If there is no such model, or both are given.
    MissingWeights
        If it is not in the cache; with the command that gets it.
    DataError
        If the folder holds no model.
    """
    hub_id = repository(model)
    if weights:
        folder = Path(os.path.expanduser(weights))
        if model != "small":
            raise UsageError("musicgen: give model or weights, not both; the folder says which")
        if not deciding_files(folder):
            raise DataError(f"musicgen: {folder} holds no config.json with weights beside it")
        return folder
    cached = cached_folder(hub_id)
    if cached is None or not deciding_files(cached):
        # The patterns leave out the same weights in the form that audiocraft reads.
        raise MissingWeights(
            f"the weights of musicgen:model={model} are not in the Hugging Face cache "
            f"({hub_cache()}): get them with hf download {hub_id} --exclude '*state_dict.bin', or "
            "name a folder that holds them by the parameter weights"
        )
    return cached


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
        reason = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            f"musicgen: transformers cannot load {folder}: {type(error).__name__}: {reason}"
        ) from error
    for kind, what in (("missing", "lack"), ("mismatched", "have in another shape")):
        keys = sorted(map(str, found[f"{kind}_keys"]))
        if keys:
            raise DataError(
                f"musicgen: the weights in {folder} {what} {len(keys)} of the model's tensors, the "
                f"first {keys[0]!r}; it would be random in part"
            )
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
