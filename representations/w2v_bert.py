"""w2v-BERT 2.0: an encoder of speech in many languages, the first part of SeamlessM4T v2.

Seamless Communication 2023. 50 frames a second from mel bands of audio at 16 kHz,
1024-d, 24 blocks, averaged over time.

Parameters
----------
weights : str
    A folder with the model, instead of the Hugging Face cache.
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
    "title": "w2v-BERT 2.0",
    "paper": "Seamless Communication, Seamless, 2023, arXiv:2312.05187",
    "licence": "MIT (not checked)",
    "trained_on": "4.5 million hours of speech, not published (not checked)",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}

MODELS = LayeredEncoders(
    "w2v_bert",
    {
        "2.0": "facebook/w2v-bert-2.0",
    },
    types=("wav2vec2-bert",),
)


def load_model(
    device: str = "cpu",
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
        device, "2.0", weights, layer=layer, layers=layers, chunk=chunk, pool=pool
    )


def model_files(weights: str = "", **others: Any) -> dict[str, Path]:
    """Name the files that the model is made of; raises as `load_model` does."""
    return MODELS.files("2.0", weights)
