"""DAC: the latents of a neural codec, before they are quantised.

Kumar et al., NeurIPS 2023. 1024-d, averaged over time; ``pool=mean_std`` says more.

Parameters
----------
model : str
    ``44khz`` (86 frames a second), ``24khz`` (75) or ``16khz`` (50); from the Hugging Face cache.
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
    "title": "DAC, Descript Audio Codec",
    "paper": "Kumar et al., Improved RVQGAN, NeurIPS 2023, arXiv:2306.06546",
    "licence": "MIT (not checked)",
    "trained_on": "MTG-Jamendo, MUSDB, AudioSet, speech (not checked)",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = HubEncoders(
    "dac",
    {
        "44khz": "descript/dac_44khz",
        "24khz": "descript/dac_24khz",
        "16khz": "descript/dac_16khz",
    },
    types=("dac",),
)


def load_model(
    device: str = "cpu",
    model: str = "44khz",
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


def model_files(model: str = "44khz", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    return MODELS.files(model, weights)
