"""Grids of several layers beside each other, as on a GPU."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from probe_data import SMALL, small_data

from mirbench.benchmark.api import DataError
from mirbench.benchmark.probing import Grid, ProbeData, ProbeRecord, beside, train_beside
from mirbench.benchmark.probing.group import Group

# isort: split
import torch

CPU = torch.device("cpu")
#: Eight probes, linear and with a hidden layer.
FEW = dataclasses.replace(SMALL, dropout=(0.25,), l2=(0.0,), learning_rate=(1e-2,))
PLENTY = 2**33


@pytest.fixture(autouse=True)
def _as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train fleets, on a CPU."""
    begin = Group.__init__

    def begun(self: Group, *args: object) -> None:
        begin(self, *args)  # type: ignore[arg-type]
        self.as_fleet = True

    monkeypatch.setattr(Group, "__init__", begun)
    monkeypatch.setattr(beside, "free_threads", lambda: 3)


def layers(count: int) -> list[ProbeData]:
    return [small_data("multiclass", seed=seed) for seed in range(count)]


def grids(
    data: list[ProbeData], begun: list[int], checkpoint: Path | None = None
) -> Iterator[Grid]:
    """Make grids one by one, and note which were made."""
    for number, one in enumerate(data):
        begun.append(number)
        yield Grid(one, FEW, CPU, checkpoint=checkpoint)


def facts(records: list[ProbeRecord]) -> list[object]:
    return [(r.index, r.updates, r.best_update, r.valid, r.test) for r in records]


def test_each_ends_as_if_it_were_alone_and_they_come_in_order() -> None:
    data = layers(5)
    alone = [facts(next(train_beside(iter([Grid(one, FEW, CPU)]), CPU, PLENTY))) for one in data]
    begun: list[int] = []
    found = train_beside(grids(data, begun), CPU, PLENTY)
    first = next(found)
    assert 3 <= len(begun) <= 5
    assert [facts(first), *map(facts, found)] == alone
    assert begun == [0, 1, 2, 3, 4]


def test_without_room_they_come_one_after_the_other() -> None:
    data, begun = layers(2), list[int]()
    grid = Grid(data[0], FEW, CPU)
    needed = next(n for n in range(2**20, 2**30, 2**18) if beside._room(grid, n) == 2)
    found = train_beside(grids(data, begun), CPU, needed - 2**18)
    next(found)
    assert begun == [0]
    assert len(list(found)) == 1
    assert begun == [0, 1]


def test_grids_that_are_finished_are_read(tmp_path: Path) -> None:
    data = layers(3)
    done = [facts(records) for records in train_beside(grids(data, [], tmp_path), CPU, PLENTY)]
    again: list[list[ProbeRecord]] = list(train_beside(grids(data, [], tmp_path), CPU, PLENTY))
    assert [facts(records) for records in again] == done
    assert not list(train_beside(iter([]), CPU, PLENTY))


def test_a_fault_in_one_stops_the_threads_of_all() -> None:
    before = threading.active_count()
    data = [small_data("regression", seed=seed) for seed in range(2)]
    data[1].X_valid[:] = np.nan
    with pytest.raises(DataError, match="NaN"):
        list(train_beside(grids(data, []), CPU, PLENTY))
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(5)
    assert threading.active_count() <= before
