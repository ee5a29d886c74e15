"""Protocol, selected probe and layer curve of a row: whether they can come from one grid."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mirbench.benchmark.api import Task
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.protocol import Protocol
from mirbench.benchmark.result import ProbeRow, Result
from mirbench.benchmark.scoring.metrics import WAYS_OF
from mirbench.benchmark.submissions.ground import AGAIN, Ground


def check_selection(result: Result, ground: Ground) -> Iterator[str]:
    """Say what is impossible about protocol, probe and curve."""
    yield from _check_protocol(result, ground.protocol)
    yield from _check_probe(result, ground)
    yield from _check_curve(result, ground)


def _check_protocol(result: Result, protocol: Protocol) -> Iterator[str]:
    record = result.protocol
    if record.hash != protocol.hash:
        yield (
            f"protocol.hash: is {show(record.hash, 24)}, but {protocol.name} of this version is "
            f"{protocol.hash}: it is another protocol; {AGAIN}"
        )
    if record.main_board != protocol.main_board:
        yield f"protocol.main_board: must be {protocol.main_board} for {protocol.name}"
    probes = len(protocol.grid()) * max(1, result.representation.layers)
    for name in ("probes", "probes_run"):
        if getattr(record, name) != probes:
            yield (
                f"protocol.{name}: is {getattr(record, name)}, but {protocol.name} has "
                f"{count(probes, 'probe')} for {count(result.representation.layers, 'layer')}; run "
                "the whole grid"
            )


def _check_probe(result: Result, ground: Ground) -> Iterator[str]:
    probe, protocol = result.probe, ground.protocol
    grid = protocol.grid()
    if probe.index >= len(grid):
        size = count(len(grid), "probe")
        yield f"probe.index: {probe.index} is outside the grid of {size}; {AGAIN}"
    else:
        config = grid[probe.index]
        for name in ("standardise", "hidden", "batch_size", "learning_rate", "dropout", "l2"):
            if getattr(probe, name) != getattr(config, name):
                yield (
                    f"probe.{name}: is {getattr(probe, name)}, but probe {probe.index} of "
                    f"{protocol.name} has {getattr(config, name)}; {AGAIN}"
                )
    if (probe.layer is None) != (result.representation.layers == 0):
        yield (
            f"probe.layer: is {show(probe.layer)} for a representation of "
            f"{count(result.representation.layers, 'layer')}; {AGAIN}"
        )
    if (probe.way is None) != (ground.task.window is None):
        windows = "has no windows" if ground.task.window is None else "merges windows"
        yield f"probe.way: is {show(probe.way)}, but task {ground.task.name} {windows}; {AGAIN}"
    elif probe.way is not None and probe.way not in (ways := WAYS_OF[ground.task.kind]):
        yield f"probe.way: there is no way {show(probe.way)}; there are: {', '.join(ways)}"
    yield from _check_course(probe, protocol, ground.task)


def _check_course(probe: ProbeRow, protocol: Protocol, task: Task) -> Iterator[str]:
    every, patience = protocol.eval_every, protocol.patience
    stops = probe.best_update + every * (patience + 1)
    if probe.best_update < 0 or probe.best_update % every or probe.updates != stops:
        yield (
            f"probe.updates: {probe.updates} with the best at {probe.best_update} cannot be: "
            f"{protocol.name} evaluates every {every} updates and stops {patience} evaluations "
            f"after the best; {AGAIN}"
        )
    if not _in_range(task.metrics[0], probe.valid):
        yield f"probe.valid: {probe.valid} is no {task.metrics[0]}; {AGAIN}"


def _check_curve(result: Result, ground: Ground) -> Iterator[str]:
    curve, probe, layers = result.curve, result.probe, result.representation.layers
    if len(curve) != layers or len({point.layer for point in curve}) != layers:
        yield (
            f"curve: has {count(len(curve), 'layer')}, the representation {layers:,}; a row has "
            f"each layer once; {AGAIN}"
        )
        return
    size, metric = len(ground.protocol.grid()), ground.task.metrics[0]
    for point in curve:
        if point.index >= size or not _in_range(metric, point.valid):
            yield (
                f"curve: layer {show(point.layer)} has probe {point.index} of {size} with the "
                f"{metric} {point.valid}, which cannot be; {AGAIN}"
            )
    # Of equals, the first.
    best = max(curve, key=lambda point: point.valid, default=None)
    chosen = probe.layer, probe.index, probe.valid
    if best is not None and (best.layer, best.index, best.valid) != chosen:
        yield (
            f"curve: its best is probe {best.index} of layer {show(best.layer)} ({best.valid}), "
            f"but the selected one is probe {probe.index} of layer {show(probe.layer)} "
            f"({probe.valid}); {AGAIN}"
        )


def _in_range(metric: str, value: float) -> bool:
    return math.isfinite(value) and value <= 1 and (value >= 0 or metric == "r2")
