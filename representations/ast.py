"""AST: a transformer of patches of a spectrogram, trained to name sounds of AudioSet.

Gong et al., Interspeech 2021. Audio at 16 kHz goes through it in pieces of 10.24 s, 768-d,
12 blocks.

Parameters
----------
weights : str
    A folder with the model, instead of the Hugging Face cache.
layer : int or str
    ``pooled`` (the default): what its classifier takes in, the two tokens of the whole after
    the last layer, averaged over pieces; the number of a hidden state (0 is the input of
    the first block), averaged over the tokens that lie in the clip; or ``mean`` of these.
layers : str, optional
    ``all``: every hidden state, in one pass, whatever `layer` is.
chunk : float
    Longest piece, in seconds; a longer clip is cut into equal pieces, and the mean is
    over the frames of all. Left out, and at most, 10.24.
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
    "title": "AST, Audio Spectrogram Transformer",
    "paper": "Gong et al., AST, Interspeech 2021, arXiv:2104.01778",
    "licence": "BSD 3-Clause (code); weights: BSD 3-Clause or Apache 2.0, sources differ",
    "trained_on": "ImageNet, AudioSet",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = LayeredEncoders(
    "ast",
    {
        "10-10": "MIT/ast-finetuned-audioset-10-10-0.4593",
    },
    types=("audio-spectrogram-transformer",),
)


def load_model(
    device: str = "cpu",
    weights: str = "",
    layer: int | str = "pooled",
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
        device, "10-10", weights, layer=layer, layers=layers, chunk=chunk, pool=pool
    )


def model_files(weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that the model is made of; raises as `load_model` does."""
    return MODELS.files("10-10", weights)
