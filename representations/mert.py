"""MERT v1: a HuBERT for music at 24 kHz, trained on codes of EnCodec and constant-Q spectra.

Li et al., ICLR 2024. It is run as the HuBERT that it is, without the code that comes
with it (`mirbench.representations.hf.mert`); 75 frames a second, averaged over time.

Parameters
----------
model : str
    ``95M`` (768-d, 12 blocks) or ``330M`` (1024-d, 24 blocks); from the Hugging Face cache.
weights : str
    A folder with a model instead.
layer : int or str, optional
    Which hidden state to give: 0 is the input of the first block, k the output of
    block k; or ``mean`` of all. Left out, 7 with 12 blocks, as in the configuration of
    MARBLE (version 2) for MERT-v1-95M and GTZAN (8 for keys); with 24, for which MARBLE
    has no configuration, the middle one.
layers : str, optional
    ``all``: every one of them, in one pass, whatever `layer` is.
chunk : float
    Longest piece, in seconds; a longer clip is cut into equal pieces, and the mean is
    over the frames of all. MERT was trained on pieces of 5 seconds.
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
    "title": "MERT v1",
    "paper": "Li et al., MERT, ICLR 2024, arXiv:2306.00107",
    "licence": "CC BY-NC 4.0",
    "trained_on": "160,000 hours of music (95M: fewer), not published; overlap unknown",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = LayeredEncoders(
    "mert",
    {
        "95M": "m-a-p/MERT-v1-95M",
        "330M": "m-a-p/MERT-v1-330M",
    },
    types=("mert_model",),
    usual={12: 7},
)


def load_model(
    device: str = "cpu",
    model: str = "95M",
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


def model_files(model: str = "95M", weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that a model is made of; raises as `load_model` does."""
    return MODELS.files(model, weights)
