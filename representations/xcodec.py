"""X-Codec: the latents of a codec with a HuBERT inside, before they are quantised.

Ye et al., AAAI 2025. Audio at 16 kHz, 50 frames a second, 1024-d, averaged over time.

Parameters
----------
model : str
    ``general``, or ``general-balanced``, trained on more balanced
    data; from the Hugging Face cache.
weights : str
    A folder with a model instead.
chunk : float
    Longest piece, in seconds; a longer clip is cut into equal pieces, and the mean is
    over the frames of all.
pool : str
    ``mean`` over time, or ``mean_std``, followed by the standard deviations.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.representations.hf.named import HubEncoders

if TYPE_CHECKING:
    from mirbench.representations.hf.encoder import HuggingFaceEncoder

CARD = {
    "title": "X-Codec",
    "paper": "Ye et al., Codec Does Matter, AAAI 2025, arXiv:2408.17175",
    "licence": "MIT (not checked)",
    "trained_on": "200,000 hours of audio of all kinds, not published; overlap unknown",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = HubEncoders(
    "xcodec",
    {
        "general": "hf-audio/xcodec-hubert-general",
        "general-balanced": "hf-audio/xcodec-hubert-general-balanced",
    },
    types=("xcodec",),
)


def load_model(
    device: str = "cpu",
    model: str = "general",
    weights: str = "",
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
    return MODELS.load(device, model, weights, layer="mean", chunk=chunk, pool=pool)


def model_files(model: str = "general", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    return MODELS.files(model, weights)
