"""The grid of one set of embeddings while it is trained, group by group."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import torch

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.probing.bank import Learner
from mirbench.benchmark.probing.checkpoint import Checkpoint
from mirbench.benchmark.probing.clock import Clock, Progress
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, select
from mirbench.benchmark.probing.group import Group
from mirbench.benchmark.probing.saved_state import SavedStates, discard_states
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.threads import Threads
from mirbench.benchmark.protocol import ProbeConfig, Protocol

OnProbe = Callable[[ProbeRecord], None]
OnProgress = Callable[[Progress], None]


class Grid:
    """Probes on one set of embeddings: those that were kept, and those that must be trained.

    Parameters
    ----------
    data : ProbeData
    protocol : Protocol
    device : torch.device
    only, on_probe, checkpoint, on_progress
        Those of `train_grid`.

    Raises
    ------
    UsageError
        If an index is unknown.
    """

    def __init__(
        self,
        data: ProbeData,
        protocol: Protocol,
        device: torch.device,
        *,
        only: Sequence[int] | None = None,
        on_probe: OnProbe | None = None,
        checkpoint: Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        configs = _chosen(protocol, only)
        self.data, self.protocol, self._device = data, protocol, device
        self._clock = Clock(configs, protocol, data.X_train.shape[1], data.outputs)
        self._store = (
            None if checkpoint is None else Checkpoint(checkpoint, data, protocol, device.type)
        )
        self._whole = only is None
        self._records = _Records(protocol, self._clock, self._store, on_probe, on_progress)
        self.missing = [config for config in configs if not self._records.read(config)]

    def rounds(self, threads: Threads, memory: int | None) -> Generator[None]:
        """Train what is missing, up to the next evaluation at each step.

        Parameters
        ----------
        threads : Threads
            Open.
        memory : int, optional
            Bytes, as in `train_grid`.
        """
        if not self.missing:
            return
        with contextlib.ExitStack() as stack:
            setup = Setup.of(self.data, self.protocol, threads, memory)
            saved = None
            if self._store is not None:
                saved = stack.enter_context(
                    SavedStates(self._store.folder, self._device, threads.size)
                )
            groups = [Group(setup, group, saved) for group in groups_of(self.missing)]
            for group in groups:
                self._clock.start()
                for finished in group.train(self._records.report):
                    for record in finished:
                        self._records.add(record)
                    yield

    def finish(self) -> list[ProbeRecord]:
        """Give the probes in grid order; forget the states of those that were learning."""
        if self._store is not None and self._whole:
            discard_states(self._store.folder)
        return sorted(self._records.records, key=lambda record: record.index)


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


def groups_of(configs: Sequence[ProbeConfig]) -> list[list[ProbeConfig]]:
    """Divide probes by architecture and batch size."""
    groups: dict[tuple[int, int], list[ProbeConfig]] = {}
    for config in configs:
        groups.setdefault((config.hidden, config.batch_size), []).append(config)
    return list(groups.values())
