"""Whisper: the encoder of a recogniser of speech.

Radford et al., ICML 2023. 50 frames a second from mel bands of audio at 16 kHz, averaged
over the frames of the clip; the silence that fills up its window of 30 s is left out.

Parameters
----------
model : str
    ``tiny`` (384-d, 4 blocks), ``base`` (512-d, 6), ``small`` (768-d, 12), ``medium``
    (1024-d, 24), ``large-v2`` or ``large-v3`` (1280-d, 32); from the Hugging Face cache.
weights : str
    A folder with a model instead.
layer : int or str, optional
    Which hidden state to give: 0 is the input of the first block, k the output of
    block k; or ``mean`` of all. Left out, the middle one: which serves music best has not
    been published as far as we know.
layers : str, optional
    ``all``: every one of them, in one pass, whatever `layer` is.
chunk : float
    Longest piece, in seconds; a longer clip is cut into equal pieces, and the mean is
    over the frames of all.
pool : str
    ``mean`` over time, or ``mean_std``, followed by the standard deviations.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.representations.hf.named import LayeredEncoders

if TYPE_CHECKING:
    from mirbench.representations.hf.encoder import HuggingFaceEncoder

CARD = {
    "title": "Whisper",
    "paper": "Radford et al., Whisper, ICML 2023, arXiv:2212.04356",
    "licence": "Apache 2.0 (not checked)",
    "trained_on": "speech of the web with its transcripts, not published",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = LayeredEncoders(
    "whisper",
    {
        "base": "openai/whisper-base",
        "tiny": "openai/whisper-tiny",
        "small": "openai/whisper-small",
        "medium": "openai/whisper-medium",
        "large-v2": "openai/whisper-large-v2",
        "large-v3": "openai/whisper-large-v3",
    },
    types=("whisper",),
    depth_key="encoder_layers",
)


def load_model(
    device: str = "cpu",
    model: str = "base",
    weights: str = "",
    layer: int | str | None = None,
    layers: str | None = None,
    chunk: float = 30.0,
    pool: str = "mean",
) -> HuggingFaceEncoder:
    """Load the model; see the module's docstring for the parameters.

    Raises
    ------
    UsageError
        If a parameter has no such value.
    MissingWeights
        If the model is not in the Hugging Face cache; with the command that gets it.
    DataError
        If the folder holds another model, its files are damaged, or tensors are missing.
    """
    return MODELS.load_layers(
        device, model, weights, layer=layer, layers=layers, chunk=chunk, pool=pool
    )


def model_files(model: str = "base", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    return MODELS.files(model, weights)
