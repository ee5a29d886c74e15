"""`train_grid`: the probes of a grid, group by group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.probing.bank import Learner
from mirbench.benchmark.probing.checkpoint import Checkpoint
from mirbench.benchmark.probing.clock import Clock, Progress
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, clip_targets, select
from mirbench.benchmark.probing.group import Group, prepare
from mirbench.benchmark.probing.inputs import Features
from mirbench.benchmark.probing.memory import SHARE, free_memory
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.probing.threads import Crew
from mirbench.benchmark.protocol import ProbeConfig, Protocol, get_protocol


def train_grid(
    data: ProbeData,
    protocol: Protocol | str,
    only: Sequence[int] | None = None,
    device: str = "cpu",
    on_probe: Callable[[ProbeRecord], None] | None = None,
    *,
    memory: int | None = None,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[ProbeRecord]:
    """Train probes of a grid together.

    Each probe ends as if it had been trained alone, with the random numbers
    of the protocol. Which others are trained with it, the number of threads
    and the memory do not change its result.

    Parameters
    ----------
    only : sequence of int, optional
        Grid indices of the probes to train; default: all.
    on_probe : callable, optional
        Called with each finished probe, from the calling thread.
    memory : int, optional
        Bytes that training may take besides the embeddings; a group that
        needs more is split. Default: four fifths of what is free.
    checkpoint : Path, optional
        Folder in which finished probes are kept, and looked for first.
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
    DataError
        If a validation score is not a number.
    """
    if isinstance(protocol, str):
        protocol = get_protocol(protocol)
    configs = _wanted(protocol, only)
    check_device(device)
    where = torch.device(device)
    store = None if checkpoint is None else Checkpoint(checkpoint, data, protocol, where.type)
    clock = Clock(configs, protocol, data.X_train.shape[1], data.outputs)
    records: list[ProbeRecord] = []

    def keep(record: ProbeRecord, updates: int | None) -> None:
        clock.stopped(record.index, updates)
        if on_probe is not None:
            on_probe(record)
        records.append(record)
        best = select(records)
        for i, other in enumerate(records):
            if other is not best and other.test_outputs is not None:
                records[i] = dataclasses.replace(other, test_outputs=None)

    missing = []
    for config in configs:
        known = None if store is None else store.load(config)
        if known is None:
            missing.append(config)
        else:
            keep(known, None)
    if missing:
        targets = clip_targets(data.y_valid, data.clips_valid)
        score = Scorer(data.metrics[0], data.kind, targets, data.clips_valid, where)
        budget = int(SHARE * free_memory(where)) if memory is None else memory
        with Crew(where) as crew:
            features = Features(data, where)
            prepare()
            for group in _groups(missing):
                clock.start()

                def report(number: int, learners: list[Learner]) -> None:
                    facts = [(one.config, one.best_update, one.valid) for one in learners]
                    progress = clock.round(number, protocol.eval_every, facts)
                    if on_progress is not None:
                        on_progress(progress)

                trainer = Group(data, protocol, features, score, group, crew, budget)
                for record in trainer.train(report):
                    if store is not None:
                        store.save(record)
                    keep(record, record.updates)
    return sorted(records, key=lambda record: record.index)


def _wanted(protocol: Protocol, only: Sequence[int] | None) -> list[ProbeConfig]:
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
