"""Tables of a task of a million clips: longer than any other file of ours may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.datasets.splits import read_split
from mirbench.benchmark.embedding import window_counts
from mirbench.benchmark.files.foreign import SMALL

pytestmark = pytest.mark.slow

#: With names so long that the tables have the bytes of a million.
CLIPS = 150_000


def test_a_split_of_a_million_clips(tmp_path: Path) -> None:
    path = tmp_path / "toy.paper.csv"
    sides = ("train", "valid", "test")
    with path.open("w") as file:
        file.write("clip_id,split\n")
        file.writelines(f"{n:0120d},{sides[n % 3]}\n" for n in range(CLIPS))
    assert path.stat().st_size > SMALL
    assert len(read_split(toy_task(), "paper", tmp_path).of) == CLIPS


def test_counts_of_windows_of_as_many_are_known_again(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    counts: window_counts.Counts = {f"{n:0120x}": n % 9 + 1 for n in range(CLIPS)}
    window_counts._write(path, counts)
    assert path.stat().st_size > SMALL
    assert window_counts._read(path) == counts
