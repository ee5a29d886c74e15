"""CLAP of LAION: the audio half of a model of sounds and their descriptions.

Wu et al., ICASSP 2023. Audio at 48 kHz goes through it in equal pieces of at most 10 s,
each repeated to exactly 10 s; an embedding is the mean of their vectors.

Parameters
----------
model : str
    ``general`` or ``music_and_speech`` (the larger ones), ``unfused`` or
    ``fused``; from the Hugging Face cache.
weights : str
    A folder with a model instead.
layer : str
    ``pooled`` (the default): the mean of the last stage, 768-d (larger: 1024-d); or
    ``projected``: the vector beside those of texts, 512-d, not brought to length 1.
chunk : float
    Longest piece, in seconds; a longer clip is cut into equal pieces, and the mean is
    over the pieces. Left out, and at most, 10.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.benchmark.api import UsageError
from mirbench.representations.hf.named import HubEncoders

if TYPE_CHECKING:
    from mirbench.representations.hf.encoder import HuggingFaceEncoder

CARD = {
    "title": "CLAP (LAION)",
    "paper": "Wu et al., Large-scale contrastive language-audio pretraining, ICASSP 2023",
    "licence": "MIT or Apache 2.0, sources differ",
    "trained_on": "LAION-Audio-630K; larger ones also music, not published: overlap unknown",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = HubEncoders(
    "clap",
    {
        "general": "laion/larger_clap_general",
        "music_and_speech": "laion/larger_clap_music_and_speech",
        "unfused": "laion/clap-htsat-unfused",
        "fused": "laion/clap-htsat-fused",
    },
    types=("clap", "clap_audio_model"),
)


def load_model(
    device: str = "cpu",
    model: str = "general",
    weights: str = "",
    layer: str = "pooled",
    chunk: float = 30.0,
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
    if layer not in ("pooled", "projected"):
        raise UsageError(f"clap: layer must be pooled or projected, not {layer!r}")
    own = "mean" if layer == "pooled" else layer  # of the one state that there is
    return MODELS.load(device, model, weights, layer=own, chunk=chunk, pool="mean")


def model_files(model: str = "general", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    return MODELS.files(model, weights)
