"""A finished probe is what was written, or it is trained again."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.old_files import read_parts
from probe_data import SMALL, small_data
from safetensors.numpy import save_file

from mirbench.benchmark.probing.checkpoint import Checkpoint
from mirbench.benchmark.probing.data import ProbeRecord

GRID = SMALL.grid()
CLIPS = len(small_data("multiclass").y_test)
RECORD = ProbeRecord(
    index=5,
    config=GRID[5],
    updates=800,
    best_update=400,
    valid=0.967,
    way=None,
    test={"accuracy": 0.95},
    test_outputs=np.arange(4 * CLIPS, dtype=np.float32).reshape(CLIPS, 4),
)


def store_of(folder: Path, seed: int = 0) -> Checkpoint:
    return Checkpoint(folder, small_data("multiclass", seed=seed), SMALL, "cpu")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the record is stored."""
    store_of(tmp_path).save(RECORD)
    (path,) = tmp_path.rglob("*.safetensors")
    return path


def same(one: ProbeRecord, other: ProbeRecord) -> bool:
    assert one.test_outputs is not None
    assert other.test_outputs is not None
    return np.array_equal(one.test_outputs, other.test_outputs) and repr(one) == repr(other)


def test_a_record_comes_back(path: Path, tmp_path: Path) -> None:
    found = store_of(tmp_path).load(GRID[5])
    assert found is not None
    assert same(found, RECORD)


def test_a_flip_anywhere_is_seen(path: Path, tmp_path: Path) -> None:
    store, content = store_of(tmp_path), path.read_bytes()
    seen = 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        found = store.load(GRID[5])
        seen += found is None
        assert found is None or same(found, RECORD), place
    assert seen > 0.95 * len(content)


def other_probe(path: Path) -> None:
    path.rename(path.with_name("006.safetensors"))


def other_grid(path: Path) -> None:
    """Put the record of other data in its place."""
    folder = path.parent.parent / "elsewhere"
    store_of(folder, seed=1).save(dataclasses.replace(RECORD, valid=0.1))
    (foreign,) = folder.rglob("*.safetensors")
    shutil.copy(foreign, path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def be_empty(path: Path) -> None:
    path.write_bytes(b"")


def have_no_digest(path: Path) -> None:
    facts, arrays = read_parts(path, "record")
    del facts["digest"]
    save_file(arrays, path, metadata={"record": json.dumps(facts)})


def be_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "change", [other_probe, other_grid, truncate, be_empty, have_no_digest, be_a_folder]
)
def test_what_is_not_whole_is_said_once(
    path: Path, tmp_path: Path, change: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(path)
    store = store_of(tmp_path)
    assert [store.load(GRID[5]), store.load(GRID[6]), store.load(GRID[5])] == [None] * 3
    said = capsys.readouterr().err
    assert said.count("is damaged (") == 1
    assert "such ones are trained again" in said


def test_nothing_is_said_of_probes_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store_of(tmp_path).load(GRID[5]) is None
    assert not capsys.readouterr().err
