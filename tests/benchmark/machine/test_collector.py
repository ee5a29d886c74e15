"""The collector of garbage rests while tables are read, and comes back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import Clip
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.collector import without_collecting
from mirbench.benchmark.runs import pairs


def test_it_rests_and_comes_back_though_there_is_an_error() -> None:
    @without_collecting()
    def fail() -> None:
        assert not gc.isenabled()
        raise ValueError("wrong")

    assert gc.isenabled()
    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert gc.isenabled()


def test_it_stays_off_where_it_was() -> None:
    gc.disable()
    try:
        with without_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_rests_while_a_table_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "task_origin", lambda task: ("file", ""))
    seen: list[bool] = []

    def read(root: Path) -> Iterator[Clip]:
        seen.append(gc.isenabled())
        yield Clip("a", None, "x", "g")

    where = pairs.Where(split="paper", data=tmp_path, cache=CacheFolder(tmp_path))
    table = SplitTable("paper", {"a": "train"}, "")
    data = pairs._dataset(toy_task(read_clips=read), table, where, make=False)
    assert seen == [False]
    assert gc.isenabled()
    (spec,) = Store(tmp_path).shards_for("f", data.task, data.clips)
    assert spec.clip_ids == ("a",)
    assert gc.isenabled()
