"""Splits that are malformed are refused, with the line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import DataError, PluginError, Split, Task, UsageError
from mirbench.benchmark.datasets.splits import compute_split, read_split

GOOD = "clip_id,split\na,train\nb,valid\nc,test\n"


@pytest.fixture
def task() -> Task:
    return toy_task(splits=("paper", "artist"))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_good_split(tmp_path: Path, task: Task, mark: bytes, ending: str) -> None:
    content = mark + GOOD.replace("\n", ending).encode()
    (tmp_path / "toy.paper.csv").write_bytes(content)
    table = read_split(task, "paper", tmp_path)
    assert dict(table.of) == {"a": "train", "b": "valid", "c": "test"}
    assert table.ids("valid") == ["b"]
    assert table.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("", ", line 1: the header must be clip_id,split"),
        ("id,split\na,train\n", ", line 1: the header must be clip_id,split"),
        (GOOD + "d\n", ", line 5: expected a clip id and one of train, valid, test"),
        (GOOD + "d,dev\n", ", line 5: expected a clip id and one of train, valid, test"),
        (GOOD + "d,train,1\n", ", line 5: expected"),
        (GOOD + "\n", ", line 5: expected"),
        (GOOD + "c,train\n", ", line 5: clip 'c' stands there twice"),
        (GOOD + "aa,train\n", " is not sorted by clip id"),
        ("clip_id,split\n", " has no clip for train"),
        ("clip_id,split\na,train\nb,test\n", " has no clip for valid"),
        ("clip_id,split\na\udcff,train\n", " is not a CSV file in UTF-8"),
    ],
)
def test_malformed(tmp_path: Path, task: Task, content: str, mistake: str) -> None:
    path = tmp_path / "toy.paper.csv"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DataError) as caught:
        read_split(task, "paper", tmp_path)
    assert str(caught.value).startswith(f"{path}{mistake}")


def test_absent_and_unknown(tmp_path: Path, task: Task) -> None:
    with pytest.raises(
        DataError, match=r"'artist' should be the file .*toy\.artist\.csv, which is"
    ):
        read_split(task, "artist", tmp_path)
    with pytest.raises(UsageError, match=r"no split 'own'; it offers: paper, artist"):
        read_split(task, "own", tmp_path)


def test_a_computed_split_is_checked_like_a_file(tmp_path: Path) -> None:
    def whole(root: Path, name: str) -> dict[str, Split]:
        assert (root, name) == (tmp_path, "artist")
        return {"c": "test", "a": "train", "b": "valid"}

    table = compute_split(toy_task(splits=("artist",), compute_split=whole), "artist", tmp_path)
    assert list(table.of) == ["a", "b", "c"]
    assert table.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


def test_what_is_no_split_is_refused(tmp_path: Path) -> None:
    def partial(root: Path, name: str) -> dict[str, Split]:
        return {"a": "train", "b": "valid"}

    def failing(root: Path, name: str) -> dict[str, Split]:
        raise KeyError("a column")

    with pytest.raises(DataError, match="has no clip for test of 'paper'"):
        compute_split(toy_task(compute_split=partial), "paper", tmp_path)
    with pytest.raises(PluginError, match="split 'paper' raised KeyError: 'a column'"):
        compute_split(toy_task(compute_split=failing), "paper", tmp_path)
