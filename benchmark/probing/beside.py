"""Grids of several layers at once on a GPU, which a single one does not fill.

A round of one grid is some hundred small kernels, one after the other. Grids of other layers,
each in a queue of its own, use what that leaves. One thread takes them in turn, so nothing
that they share is used by two at a time.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterable

import torch

from mirbench.benchmark.machine.device import free_threads
from mirbench.benchmark.machine.memory import free_main_memory
from mirbench.benchmark.probing.data import ProbeRecord
from mirbench.benchmark.probing.device_scores import METRICS
from mirbench.benchmark.probing.grid import Grid, groups_of
from mirbench.benchmark.probing.group import fleet_need
from mirbench.benchmark.probing.memory import FLOAT, SHARE, free_memory
from mirbench.benchmark.probing.replay import own_queue
from mirbench.benchmark.probing.threads import Threads


def train_beside(
    grids: Iterable[Grid], device: torch.device, memory: int | None = None
) -> Generator[list[ProbeRecord]]:
    """Train grids, as many at once as there is room for.

    Each is trained as by `train_grid`: which others are beside it changes no result.

    Parameters
    ----------
    grids : iterable of Grid
        Alike in their sizes; each is taken when there is room for it.
    device : torch.device
        That of the grids.
    memory : int, optional
        Bytes that training may take besides the embeddings. Default: four fifths of what is free.

    Yields
    ------
    list of ProbeRecord
        Of each grid, in their order.
    """
    waiting, lanes = iter(grids), deque[_Lane]()
    budget = int(SHARE * free_memory(device)) if memory is None else memory
    at_once = 1
    with Threads(device) as threads, contextlib.ExitStack() as closing:
        while True:
            while sum(lane.records is None for lane in lanes) < at_once:
                grid = next(waiting, None)
                if grid is None:
                    break
                if not lanes:
                    at_once = _room(grid, budget)
                lanes.append(_Lane(grid, threads, budget // at_once))
                closing.callback(lanes[-1].close)
                del grid
            if not lanes:
                return
            for lane in lanes:
                lane.advance()
            while lanes and lanes[0].records is not None:
                yield lanes.popleft().records or []


class _Lane:
    """A grid, and its queue of the device; its records, once it is done."""

    def __init__(self, grid: Grid, threads: Threads, memory: int) -> None:
        self.records: list[ProbeRecord] | None = None
        self._grid: Grid | None = grid
        self._rounds = grid.rounds(threads, memory)
        self._queue = own_queue(threads.device)

    def advance(self) -> None:
        """Train up to the next evaluation, if it is not done."""
        if self._grid is None:
            return
        with self._queue():
            done = next(self._rounds, True) is True
        if done:
            self.records, self._grid = self._grid.finish(), None  # and its embeddings go

    def close(self) -> None:
        """Stop it."""
        with self._queue():
            self._rounds.close()


def _room(grid: Grid, budget: int) -> int:
    """Count the grids like this that fit: one at least, and no more than cores draw for them."""
    data, largest = grid.data, 0
    if data.metrics[0] not in METRICS:
        return 1  # no fleet: its probes share the memory of a thread
    for configs in groups_of(grid.protocol.grid()):
        need = fleet_need(data, configs, grid.protocol.eval_every)
        largest = max(largest, need.shared + need.probe * len(configs))
    rows = sum(len(X) for X in (data.X_train, data.X_valid, data.X_test))
    embeddings = rows * data.X_train.shape[1] * FLOAT
    held = int(SHARE * free_main_memory() // embeddings)
    return max(1, min(int(budget // (largest + embeddings)), held, free_threads()))
