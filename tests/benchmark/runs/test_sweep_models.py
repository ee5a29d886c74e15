"""When a sweep loads its model, and with which weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mirbench.benchmark.api import MissingWeights, UsageError
from mirbench.benchmark.machine import workers
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.runs.sweep import sweep, with_layers

if TYPE_CHECKING:
    from conftest import TinyPackage

#: Two layers, which depend on the batch.
CENTRED = """
from pathlib import Path
import numpy as np

class Centred:
    sample_rate, dims, layers = 8000, 2, ("1", "2")
    batch_dependent, batch_size = True, 40

    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        rows = np.array([[np.abs(audio).mean(), len(audio)] for audio in audios])
        rows = rows - rows.mean(axis=0)
        return np.stack([rows, rows**2], axis=1).astype(np.float32)

def load_model(device="cpu"):
    with (Path(__file__).parent / "loaded").open("a") as file:
        file.write("x")
    return Centred()
"""

#: One layer or several, and weights that lie in an installed package.
LARGE = """
from mirbench.benchmark.api import ModelCost, weights_file

CARD = {
    "title": "Large",
    "weights": {
        "large": {
            "licence": "CC0",
            "files": {"large.safetensors": {"source": "https://example.org/large.safetensors"}},
            "package": "largepackage/large",
        }
    },
}

class Large:
    sample_rate, dims = 8000, 2
    def __init__(self, layers):
        if layers == "all":
            self.layers = ("1", "2")
    def embed(self, audio, sr): ...

def load_model(device="cpu", layers="one"):
    weights_file("large", "large")
    return Large(layers)

def plan_model(seconds, device="cpu", layers="one"):
    shape = (7, 100) if layers == "all" else (100,)
    return ModelCost(parameters=1, nbytes=4, flops=1e9, seconds=1.0, shape=shape)
"""


@pytest.fixture
def centred(tmp_path: Path) -> str:
    (tmp_path / "centred.py").write_text(CENTRED)
    return str(tmp_path / "centred.py")


@pytest.fixture
def large(tmp_path: Path) -> str:
    (tmp_path / "large.py").write_text(LARGE)
    return str(tmp_path / "large.py")


@pytest.mark.parametrize("named", [True, False], ids=["folder", "usual folder"])
def test_a_model_is_loaded_once_and_then_never_again(
    centred: str,
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,
) -> None:
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "usual"))
    options: dict[str, Any] = {"data": tiny.data, "out": tmp_path / "out", "jobs": 1}
    for _ in range(2):
        sweep(centred, "tinytask", cache=tmp_path / "named" if named else None, **options)
        # To see its layers; to see what it reads; and in the process with which this one is
        # compared before the first clip.
        assert (tmp_path / "loaded").read_text() == "xxx"
        workers._KEPT.end()  # as if by another process


def test_a_wrong_task_shows_before_a_model_is_loaded(centred: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no task 'nothing'"):
        sweep(centred, ["rendered_key", "nothing"], cache=tmp_path)
    assert not (tmp_path / "loaded").exists()


def test_weights_of_a_package_are_converted_before_they_are_fingerprinted(
    large: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    folder = tmp_path / "site" / "largepackage" / "large"
    folder.mkdir(parents=True)
    save_file({"w": np.zeros(2, np.float32)}, folder / "large.safetensors")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert with_layers(large, tmp_path / "cache").label == "large:layers=all"
    assert parse_representation(large, tmp_path / "cache").weights_sha256


def test_a_plan_needs_no_weights(
    large: str, tmp_path: Path, main: Callable[..., tuple[int, str, str]]
) -> None:
    with pytest.raises(MissingWeights, match=r"the weights of .*large"):
        with_layers(large, tmp_path / "cache")
    status, out, err = main("sweep", "--rep", large, "--task", "tinytask", "--dry-run")
    assert "large:layers=all" in out
    assert " 21 " in out  # seven layers of three probes
    assert status == 1
    assert err.startswith("mirbench: would not be run:\nthe weights of ")


def test_probing_stored_embeddings_needs_to_know_the_weights(
    large: str, tmp_path: Path, main: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, err = main("probe", "--rep", large, "--task", "tinytask", "--protocol", "quick")
    note = tmp_path / "cache" / "weights" / "large" / "large.json"
    assert status == 1
    assert "the store has no embeddings of 'large' for task 'tinytask', and finds none " in err
    assert f"without {note}, which says what its weights were made from: " in err
    assert "mirbench weights fetch large.py" in err
