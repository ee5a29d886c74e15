"""EnCodec: the latents of a neural codec, before they are quantised.

Défossez et al., TMLR 2023; 32 kHz: Copet et al., NeurIPS 2023. 128-d, averaged over time,
which says little of a clip: try ``pool=mean_std``. That for 48 kHz divides each second
by its level; longer pieces than 0.99 s are cut.

Parameters
----------
model : str
    ``24khz`` (75 frames a second), ``32khz`` (50; MusicGen's), or ``48khz`` (150; stereo,
    both channels are the clip); from the Hugging Face cache.
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
    "title": "EnCodec",
    "paper": "Défossez et al., EnCodec, TMLR 2023, arXiv:2210.13438",
    "licence": "48khz: MIT; others: MIT or CC BY-NC 4.0, sources differ",
    "trained_on": "DNS Challenge, Common Voice, AudioSet, FSD50K, Jamendo (not checked); 32khz: "
    "licensed music (Meta, Shutterstock, Pond5)",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = HubEncoders(
    "encodec",
    {
        "24khz": "facebook/encodec_24khz",
        "32khz": "facebook/encodec_32khz",
        "48khz": "facebook/encodec_48khz",
    },
    types=("encodec",),
)


def load_model(
    device: str = "cpu",
    model: str = "24khz",
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


def model_files(model: str = "24khz", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    return MODELS.files(model, weights)
