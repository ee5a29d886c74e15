"""Mimi: the latents of the codec of Moshi, before they are quantised.

Défossez et al. 2024. Audio at 24 kHz, 12.5 frames a second, 512-d, averaged over
time; ``pool=mean_std`` says more.

Parameters
----------
weights : str
    A folder with the model, instead of the Hugging Face cache.
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
    "title": "Mimi",
    "paper": "Défossez et al., Moshi, 2024, arXiv:2410.00037",
    "licence": "CC BY 4.0 (not checked)",
    "trained_on": "speech, not published (not checked)",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = HubEncoders(
    "mimi",
    {
        "24khz": "kyutai/mimi",
    },
    types=("mimi",),
)


def load_model(
    device: str = "cpu",
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
    return MODELS.load(device, "24khz", weights, layer="mean", chunk=chunk, pool=pool)


def model_files(weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that the model is made of; raises as `load_model` does."""
    return MODELS.files("24khz", weights)
