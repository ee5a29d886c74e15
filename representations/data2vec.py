"""data2vec: an encoder of speech, trained to predict states of a slower copy of itself.

Baevski et al., ICML 2022. 50 frames a second from audio at 16 kHz, averaged over time.

Parameters
----------
model : str
    ``base`` (768-d, 12 blocks) or ``large`` (1024-d, 24 blocks); from the Hugging Face cache.
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
    "title": "data2vec (audio)",
    "paper": "Baevski et al., data2vec, ICML 2022, arXiv:2202.03555",
    "licence": "Apache 2.0 (not checked)",
    "trained_on": "LibriSpeech; large: Libri-Light (speech; not checked)",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = LayeredEncoders(
    "data2vec",
    {
        "base": "facebook/data2vec-audio-base",
        "large": "facebook/data2vec-audio-large",
    },
    types=("data2vec-audio",),
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
