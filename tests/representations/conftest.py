"""The trained representations with random weights, written as the originals are and converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from helpers.hub_cache import STANDS_IN, put_in_cache, stand_in
from helpers.musicgen_checkpoints import write_checkpoint
from helpers.weight_files import (
    choi_files,
    clmr_file,
    clmr_state,
    crepe_file,
    crepe_state,
    musicnn_files,
    musicnn_variables,
)
from safetensors.numpy import save_file

from mirbench.benchmark.registry import parse_representation
from mirbench.representations import _inference, choi, clmr, crepe, musicnn


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Leave the other processors to the other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files ``<representation>/<set>.safetensors`` of a store, made of noise.

    The originals that they were converted from lie beside, in ``originals``.
    """
    folder = tmp_path_factory.mktemp("weights")
    originals = folder / "originals"

    def put(representation: str, name: str, tensors: dict[str, npt.NDArray[np.float32]]) -> None:
        (folder / representation).mkdir(exist_ok=True)
        save_file(tensors, folder / representation / f"{name}.safetensors")

    put("choi", "choi", choi.convert_weights("choi", choi_files(originals / "choi")))
    for name in musicnn.SIZES:
        variables = musicnn_variables(musicnn.variable_shapes(name))
        files = musicnn_files(originals / name, variables)
        put("musicnn", name, musicnn.convert_weights(name, files))
    checkpoint = clmr_file(originals / "clmr_epoch=10000.ckpt", clmr_state())
    put("clmr", "clmr", clmr.convert_weights("clmr", {checkpoint.name: checkpoint}))
    state = crepe_state(crepe.tensor_shapes("tiny"))
    checkpoint = crepe_file(originals / "tiny.pth", state)
    put("crepe", "tiny", crepe.convert_weights("tiny", {checkpoint.name: checkpoint}))
    return folder


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the Hugging Face cache, with a small MusicGen in it; others are put there."""
    folder = tmp_path_factory.mktemp("hub")
    put_in_cache(write_checkpoint(folder / "made"), folder / "cache", "facebook/musicgen-small")
    return folder / "cache"


@pytest.fixture
def load(
    random_weights: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[str], Any]:
    """Give a function from ``name:key=value`` to the model, made of `random_weights` or `hub`."""

    def weights_file(representation: str, name: str) -> Path:
        return random_weights / representation / f"{name}.safetensors"

    monkeypatch.setattr(_inference, "weights_file", weights_file)

    def load_model(text: str) -> Any:
        spec = parse_representation(text)
        if "transformers" in spec.requires:
            hub = request.getfixturevalue("hub")
            monkeypatch.setenv("HF_HUB_CACHE", str(hub))
            if spec.plugin.name in STANDS_IN:
                stand_in(spec.plugin.name, hub)
        return spec.plugin.load_module().load_model("cpu", **spec.params)

    return load_model
