"""`train_grid`: the probes of a grid, group by group."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.probing.bank import Learner
from mirbench.benchmark.probing.checkpoint import Checkpoint
from mirbench.benchmark.probing.clock import Clock, Progress
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, select
from mirbench.benchmark.probing.group import Group
from mirbench.benchmark.probing.saved_state import SavedStates, discard_states
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.threads import Threads
from mirbench.benchmark.protocol import ProbeConfig, Protocol, get_grid

OnProbe = Callable[[ProbeRecord], None]
OnProgress = Callable[[Progress], None]


def train_grid(
    data: ProbeData,
    protocol: Protocol | str,
    only: Sequence[int] | None = None,
    device: str = "cpu",
    on_probe: OnProbe | None = None,
    *,
    memory: int | None = None,
    checkpoint: Path | None = None,
    on_progress: OnProgress | None = None,
) -> list[ProbeRecord]:
    """Train probes of a grid together.

    Each probe ends as if it had been trained alone, with the random numbers
    of the protocol. Which others are trained with it, the number of threads
    and the memory do not change its result.

    Parameters
    ----------
    data : ProbeData
        Embeddings and targets of the three splits.
    protocol : Protocol or str
        The grid and its rules, or their name.
    only : sequence of int, optional
        Grid indices of the probes to train; default: all.
    device : str
        ``cpu``, ``cuda``, or ``cuda:1`` and so on.
    on_probe : callable, optional
        Called with each finished probe, from the calling thread.
    memory : int, optional
        Bytes that training may take besides the embeddings; a group that
        needs more is split. Default: four fifths of what is free.
    checkpoint : Path, optional
        Folder in which finished probes, and the states of those that are learning, are kept and
        looked for first.
    on_progress : callable, optional
        Called after every round of evaluations.

    Returns
    -------
    list of ProbeRecord
        In grid order; `test_outputs` is kept of the best only.

    Raises
    ------
    UsageError
        If the protocol, the device or an index is unknown, or memory does
        not suffice for a single probe.
    MirbenchError
        If the device is a GPU that PyTorch does not find.
    DataError
        If a validation score is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> from mirbench.benchmark.probing import ProbeData, train_grid
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 3
    >>> X = (y[:, None] + rng.normal(0, 0.1, (60, 4))).astype(np.float32)
    >>> data = ProbeData("multiclass", X[:40], y[:40], X[40:50], y[40:50], X[50:], y[50:])
    >>> records = train_grid(data, "quick")
    >>> [record.index for record in records]
    [0, 1, 2]
    >>> max(record.valid for record in records)
    1.0
    """
    if isinstance(protocol, str):
        protocol = get_grid(protocol)
    configs = _chosen(protocol, only)
    check_device(device)
    where = torch.device(device)
    clock = Clock(configs, protocol, data.X_train.shape[1], data.outputs)
    store = None if checkpoint is None else Checkpoint(checkpoint, data, protocol, where.type)
    records = _Records(protocol, clock, store, on_probe, on_progress)
    missing = [config for config in configs if not records.read(config)]
    if missing:
        with Threads(where) as threads, contextlib.ExitStack() as stack:
            setup = Setup.of(data, protocol, threads, memory)
            saved = None
            if store is not None:
                saved = stack.enter_context(SavedStates(store.folder, where, threads.size))
            groups = [Group(setup, group, saved) for group in _groups(missing)]
            for group in groups:
                clock.start()
                for record in group.train(records.report):
                    records.add(record)
    if store is not None and only is None:
        discard_states(store.folder)
    return sorted(records.records, key=lambda record: record.index)


class _Records:
    """The finished probes of a grid: kept on disk, and reported as they come.

    Parameters
    ----------
    protocol : Protocol
    clock : Clock
        Is told of every round and of every finished probe.
    store : Checkpoint or None
        Where finished probes are kept.
    on_probe, on_progress : callable or None
        Those of `train_grid`.
    """

    def __init__(
        self,
        protocol: Protocol,
        clock: Clock,
        store: Checkpoint | None,
        on_probe: OnProbe | None,
        on_progress: OnProgress | None,
    ) -> None:
        self._protocol, self._clock, self._store = protocol, clock, store
        self._on_probe, self._on_progress = on_probe, on_progress
        self.records: list[ProbeRecord] = []

    def read(self, config: ProbeConfig) -> bool:
        """Take a probe from the checkpoint; say whether it was there."""
        record = None if self._store is None else self._store.load(config)
        if record is None:
            return False
        self._keep(record, None)
        return True

    def add(self, record: ProbeRecord) -> None:
        """Take a probe that was trained."""
        if self._store is not None:
            self._store.save(record)
        self._keep(record, record.updates)

    def report(self, number: int, learners: Sequence[Learner], made: int) -> None:
        """Tell the caller how far the grid is, after `number` updates, `made` since the last."""
        facts = [(learner.config, learner.best_update, learner.valid) for learner in learners]
        progress = self._clock.round(number, made, facts)
        if self._on_progress is not None:
            self._on_progress(progress)

    def _keep(self, record: ProbeRecord, updates: int | None) -> None:
        self._clock.stopped(record.index, updates)
        if self._on_probe is not None:
            self._on_probe(record)
        self.records.append(record)
        best = select(self.records)
        for i, other in enumerate(self.records):
            if other is not best and other.test_outputs is not None:
                self.records[i] = dataclasses.replace(other, test_outputs=None)


def _chosen(protocol: Protocol, only: Sequence[int] | None) -> list[ProbeConfig]:
    grid = protocol.grid()
    indices = range(len(grid)) if only is None else sorted(set(only))
    for index in indices:
        if not 0 <= index < len(grid):
            raise UsageError(
                f"protocol {protocol.name!r} has no probe {index}; they are 0 to {len(grid) - 1}"
            )
    return [grid[index] for index in indices]


def _groups(configs: Sequence[ProbeConfig]) -> list[list[ProbeConfig]]:
    groups: dict[tuple[int, int], list[ProbeConfig]] = {}
    for config in configs:
        groups.setdefault((config.hidden, config.batch_size), []).append(config)
    return list(groups.values())
