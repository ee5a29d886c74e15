"""Hugging Face audio models, as ``hf:<folder or hub id>``: MERT, HuBERT, Whisper, AST, CLAP, ….

How a model is run is looked up by the ``model_type`` of its configuration, in
`mirbench.representations.hf.table`; a type that is not there is refused. An
embedding is the mean over time of the hidden states of an encoder, of what CLAP
pools, or of the latents of a codec.

Nothing is downloaded: a hub id must be in the local Hugging Face cache.

Parameters
----------
layer : str
    ``mean`` over all, ``all``, the number of a hidden state (0 is the input of
    the first layer), or the name of another vector that the model has.
chunk : float
    Longer clips are cut into equal pieces of at most so many seconds.
pool : str
    ``mean`` over time, or ``mean_std``, followed by the standard deviations.
trust_remote_code : bool
    Run Python files that come with the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.benchmark.api import UsageError

if TYPE_CHECKING:
    from mirbench.representations.hf.encoder import HuggingFaceEncoder

CARD = {
    "title": "Hugging Face audio models",
    "paper": "Wolf et al., Transformers, EMNLP 2020 (system demonstrations)",
    "licence": "that of the model",
    "adapter": "hf:<folder or hub id>",
    "requires": ["torch", "transformers"],
    "install": "pip install 'mirbench[hf]'",
}


def target_files(target: str) -> dict[str, Path]:
    """Find the files of a model, by their names below its folder.

    Raises
    ------
    UsageError
        If `target` is neither a folder nor of the form of a hub id.
    DataError
        If it is a hub id that is not in the local cache, or the folder holds no model.
    """
    from mirbench.representations.hf.folder import model_files

    return model_files(target)


def load_model(
    device: str = "cpu",
    *,
    target: str,
    layer: str = "mean",
    chunk: float = 30.0,
    pool: str = "mean",
    trust_remote_code: bool = False,
) -> HuggingFaceEncoder:
    """Load the model of a folder or hub id; see the module's docstring for the parameters.

    Raises
    ------
    UsageError
        If a parameter has no such value with this model.
    DataError
        If its files are damaged, or lack tensors of the model.
    PluginError
        If no family is known for its type, or it would run code that is not trusted.
    """
    if not chunk > 0:
        raise UsageError(f"hf:{target}: chunk must be positive, is {chunk:g}")
    if pool not in ("mean", "mean_std"):
        raise UsageError(f"hf:{target}: pool must be mean or mean_std, not {pool!r}")
    target_files(target)
    from mirbench.representations.hf.encoder import HuggingFaceEncoder
    from mirbench.representations.hf.table import open_network

    network = open_network(target, device, trust_remote_code)
    if chunk > network.longest:
        if chunk != 30:
            raise UsageError(
                f"hf:{target}: the model takes in at most {network.longest:g} s at once, and "
                f"chunk is {chunk:g}"
            )
        chunk = network.longest
    return HuggingFaceEncoder(network, layer, chunk, pool, target)
