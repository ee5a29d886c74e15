"""What the store remembers in small files never decides a number when it is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.batches import known_batch_size
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

SIZE = 8

PLUGIN = f"""
import numpy as np

class Model:
    sample_rate, dims = 8000, 2
    batch_dependent, batch_size = True, {SIZE}

    def embed(self, audio, sr):
        return self.embed_batch([audio], sr)[0]

    def embed_batch(self, audios, sr):
        rows = np.array([[np.abs(audio).mean(), len(audio)] for audio in audios])
        return (rows - rows.mean(axis=0)).astype(np.float32)

def load_model(device="cpu"):
    return Model()
"""


@pytest.fixture
def task(tiny: TinyPackage) -> Task:
    return replace(load_task("tinytask"), window=0.06)


@pytest.fixture
def clips(tiny: TinyPackage, task: Task) -> list[Clip]:
    return read_clips(task, tiny.data / "tinytask")[:20]


@pytest.fixture
def rep(tmp_path: Path) -> str:
    (tmp_path / "centred.py").write_text(PLUGIN)
    return str(tmp_path / "centred.py")


def embed(rep: str, task: Task, clips: Sequence[Clip], folder: Path) -> Embeddings:
    return embed_clips_of(parse_representation(rep), task, clips, folder / "cache", jobs=1)


def store_file(folder: Path, name: str) -> Path:
    (path,) = (folder / "cache").rglob(name)
    return path


@pytest.mark.parametrize("empty_store", [False, True])
@pytest.mark.parametrize("size", [0, "8", None, 9, 4, -8, True, 8.0, [], {}])
def test_a_wrong_batch_size(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path, size: Any, empty_store: bool
) -> None:
    whole = embed(rep, task, clips, tmp_path)
    path = store_file(tmp_path, "model.json")
    assert json.loads(path.read_text())["batch_size"] == SIZE
    if empty_store:
        for shard in (tmp_path / "cache").rglob("*.safetensors"):
            shard.unlink()
    path.write_text(json.dumps({"batch_size": size}))
    again = embed(rep, task, clips, tmp_path)
    assert (again.sha256, again.computed) == (whole.sha256, 20 if empty_store else 0)
    assert json.loads(path.read_text())["batch_size"] == SIZE


@pytest.mark.parametrize("content", ["", "{", "8", "[8]", '{"size": 8}', "[" * 99_999, "\0" * 20])
def test_what_is_not_about_a_model(tmp_path: Path, content: str) -> None:
    store = Store(tmp_path)
    path = store.model_facts("rep")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert known_batch_size("rep", store) == (False, None)


def change_counts(content: dict[str, Any], value: Any) -> dict[str, Any]:
    key = sorted(content["counts"])[3]
    return {**content, "counts": {**content["counts"], key: value}}


@pytest.mark.parametrize(
    "change",
    [
        lambda content: change_counts(content, 2),
        lambda content: change_counts(content, 4),
        lambda content: change_counts(content, -3),
        lambda content: change_counts(content, 0),
        lambda content: change_counts(content, "3"),
        lambda content: change_counts(content, "clip003.wav does not exist"),
        lambda content: change_counts(content, None),
        lambda content: change_counts(content, 3.0),
        lambda content: change_counts(content, True),
        lambda content: dict.fromkeys(content["counts"], 2),  # as older versions wrote them
        lambda content: {**content, "counts": list(content["counts"])},
        lambda content: {"counts": content["counts"]},
        lambda content: [],
    ],
)
def test_wrong_window_counts(
    rep: str, task: Task, clips: list[Clip], tmp_path: Path, change: Any
) -> None:
    whole = embed(rep, task, clips, tmp_path)
    path = store_file(tmp_path, "windows/*.json")
    content = json.loads(path.read_text())
    assert list(content["counts"].values()) == [3] * 20
    path.write_text(json.dumps(change(content)))
    again = embed(rep, task, clips, tmp_path)
    assert (again.sha256, again.computed) == (whole.sha256, 0)
    assert json.loads(path.read_text()) == content
