"""Protocol, selected probe and layer curve of a row: whether they can come from one grid."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mirbench.benchmark.api import Task
from mirbench.benchmark.datasets.deform import DEFORM_VERSION, DEFORMATIONS, why_not
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.protocol import AnyProtocol, FewShot, Neighbours, Protocol
from mirbench.benchmark.result import FewShotRow, NeighboursRow, ProbeRow, Result
from mirbench.benchmark.scoring.metrics import WAYS_OF
from mirbench.benchmark.submissions.ground import AGAIN, Ground


def check_selection(result: Result, ground: Ground) -> Iterator[str]:
    """Say what is impossible about protocol, probe and curve."""
    protocol, probe = ground.protocol, result.probe
    yield from _check_protocol(result, protocol)
    yield from _check_deformation(result, ground.task)
    refusal = protocol.refusal(ground.task)
    if refusal is not None:
        yield f"protocol.name: {refusal}"
    if type(probe) is not _FORMS[type(protocol)]:
        yield f"probe: is not what {protocol.name} has; {AGAIN}"
        return
    if isinstance(probe, ProbeRow) and isinstance(protocol, Protocol):
        yield from _check_probe(probe, protocol, ground.task)
        yield from _check_course(probe, protocol)
    else:
        yield from _check_fixed(probe, protocol)
    if (probe.layer is None) != (result.representation.layers == 0):
        yield (
            f"probe.layer: is {show(probe.layer)} for a representation of "
            f"{count(result.representation.layers, 'layer')}; {AGAIN}"
        )
    if not _in_range(ground.task.metrics[0], probe.valid):
        yield f"probe.valid: {probe.valid} is no {ground.task.metrics[0]}; {AGAIN}"
    yield from _check_curve(result, ground)


#: What the probe of a row is, by protocol.
_FORMS: dict[type, type] = {Protocol: ProbeRow, FewShot: FewShotRow, Neighbours: NeighboursRow}


def _check_deformation(result: Result, task: Task) -> Iterator[str]:
    record = result.deformation
    if record is None:
        return
    known = DEFORMATIONS.get(record.name)
    if known is None:
        names = ", ".join(DEFORMATIONS)
        yield f"deformation.name: there is none {show(record.name)}; there are: {names}"
        return
    if (record.version, record.title) != (DEFORM_VERSION, known.title):
        yield f"deformation: is not the {known.name} of this version; {AGAIN}"
    reason = why_not(known, task)
    if reason is not None:
        yield f"deformation.name: {reason}"


def _check_fixed(
    probe: ProbeRow | FewShotRow | NeighboursRow, protocol: AnyProtocol
) -> Iterator[str]:
    """Say which numbers of a probe without a grid are not those of its protocol."""
    for name in ("clips_per_label", "draws", "c", "k", "temperature"):
        stated, expected = getattr(probe, name, None), getattr(protocol, name, None)
        if stated != expected:
            yield f"probe.{name}: is {stated}, but {protocol.name} has {expected}; {AGAIN}"


def _check_protocol(result: Result, protocol: AnyProtocol) -> Iterator[str]:
    record = result.protocol
    if record.hash != protocol.hash:
        yield (
            f"protocol.hash: is {show(record.hash, 24)}, but {protocol.name} of this version is "
            f"{protocol.hash}: it is another protocol; {AGAIN}"
        )
    main_board = protocol.main_board and result.deformation is None
    if record.main_board != main_board:
        yield f"protocol.main_board: must be {main_board} for {result.protocol_label}"
    probes = protocol.probes * max(1, result.representation.layers)
    for name in ("probes", "probes_run"):
        if getattr(record, name) != probes:
            yield (
                f"protocol.{name}: is {getattr(record, name)}, but {protocol.name} has "
                f"{count(probes, 'probe')} for {count(result.representation.layers, 'layer')}; run "
                "the whole grid"
            )


def _check_probe(probe: ProbeRow, protocol: Protocol, task: Task) -> Iterator[str]:
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
    if (probe.way is None) != (task.window is None):
        windows = "has no windows" if task.window is None else "merges windows"
        yield f"probe.way: is {show(probe.way)}, but task {task.name} {windows}; {AGAIN}"
    elif probe.way is not None and probe.way not in (ways := WAYS_OF[task.kind]):
        yield f"probe.way: there is no way {show(probe.way)}; there are: {', '.join(ways)}"


def _check_course(probe: ProbeRow, protocol: Protocol) -> Iterator[str]:
    every, patience = protocol.eval_every, protocol.patience
    stops = probe.best_update + every * (patience + 1)
    if probe.best_update < 0 or probe.best_update % every or probe.updates != stops:
        yield (
            f"probe.updates: {probe.updates} with the best at {probe.best_update} cannot be: "
            f"{protocol.name} evaluates every {every} updates and stops {patience} evaluations "
            f"after the best; {AGAIN}"
        )


def _check_curve(result: Result, ground: Ground) -> Iterator[str]:
    curve, probe, layers = result.curve, result.probe, result.representation.layers
    if result.deformation is not None:
        if curve:
            yield f"curve: stands in the row of the clean clips only; {AGAIN}"
        return
    if len(curve) != layers or len({point.layer for point in curve}) != layers:
        yield (
            f"curve: has {count(len(curve), 'layer')}, the representation {layers:,}; a row has "
            f"each layer once; {AGAIN}"
        )
        return
    protocol, metric = ground.protocol, ground.task.metrics[0]
    size = len(protocol.grid()) if isinstance(protocol, Protocol) else 1
    for point in curve:
        if point.index >= size or not _in_range(metric, point.valid):
            yield (
                f"curve: layer {show(point.layer)} has probe {point.index} of {size} with the "
                f"{metric} {point.valid}, which cannot be; {AGAIN}"
            )
    # Of equals, the first.
    best = max(curve, key=lambda point: point.valid, default=None)
    index = probe.index if isinstance(probe, ProbeRow) else 0
    chosen = probe.layer, index, probe.valid
    if best is not None and (best.layer, best.index, best.valid) != chosen:
        yield (
            f"curve: its best is probe {best.index} of layer {show(best.layer)} ({best.valid}), "
            f"but the selected one is probe {index} of layer {show(probe.layer)} "
            f"({probe.valid}); {AGAIN}"
        )


def _in_range(metric: str, value: float) -> bool:
    return math.isfinite(value) and value <= 1 and (value >= 0 or metric == "r2")
