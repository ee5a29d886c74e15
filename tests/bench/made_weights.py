"""Weights of noise for the representations that are timed: they cost what real ones cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers import plain_representations as plain
from helpers import weight_files
from safetensors.numpy import save_file

from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.weights.conversion import Draft
from mirbench.benchmark.weights.sets import Original
from mirbench.representations import musicnn


def random_weights(folder: Path) -> dict[str, Any]:
    """Make weights of noise up and put them into the store; give them for the plain forms."""
    choi = weight_files.choi_files(folder / "choi")
    put_weights("choi", choi, folder)
    arrays: dict[str, Any] = {"choi": plain.read_hdf5(choi)}
    for name in ("musicnn", "musicnn:model=MSD_musicnn"):
        model = name.partition("=")[2] or "MSD_musicnn_big"
        arrays[name] = weight_files.musicnn_variables(musicnn.variable_shapes(model))
        put_weights(name, weight_files.musicnn_files(folder / model, arrays[name]), folder)
    arrays["clmr"] = weight_files.clmr_state()
    clmr = weight_files.clmr_file(folder / "clmr_epoch=10000.ckpt", arrays["clmr"])
    put_weights("clmr", {clmr.name: clmr}, folder)
    return arrays


def hubert_base(folder: Path) -> Path:
    """Make a HuBERT of the size "base" up."""
    import transformers

    transformers.HubertModel(transformers.HubertConfig()).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def put_weights(name: str, files: Mapping[str, Path], folder: Path) -> None:
    """Convert made-up files into the store as if they were those that the card declares."""
    spec = parse_representation(name, folder / "cache")
    one = spec.weights
    assert one is not None
    tensors = spec.plugin.load_module().convert_weights(one.name, files)
    converted = folder / f"{one.name}.safetensors"
    save_file(tensors, converted)
    originals = {f.name: Original(f.sources[0], 0, f.sha256 or 64 * "0") for f in one.files}
    one.folder.mkdir(parents=True, exist_ok=True)
    Draft(one, originals, converted).keep()
