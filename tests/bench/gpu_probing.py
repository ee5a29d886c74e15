"""Parts of `gpu_check` that train probes: limits, exactness, whole grids."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import statistics
import time
from typing import Any

import numpy as np
import torch
from bench.gpu_check import Asked, Report
from helpers.launches import Launches, counted

from mirbench.benchmark.probing import (
    Grid,
    ProbeData,
    ProbeRecord,
    Progress,
    train_beside,
    train_grid,
)
from mirbench.benchmark.probing.ahead import DEPTH
from mirbench.benchmark.probing.draws import Draws
from mirbench.benchmark.probing.fleet import Fleet
from mirbench.benchmark.probing.grid import groups_of
from mirbench.benchmark.probing.group import Group
from mirbench.benchmark.probing.inputs import Inputs
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.threads import Threads
from mirbench.benchmark.probing.views import Views
from mirbench.benchmark.protocol import CASTELLON2021, ProbeConfig, Protocol

#: Units of the paper's six representations: CHROMA, MFCC, CHOI, CLMR, MUSICNN, JUKEBOX.
PAPER = (72, 120, 160, 512, 4194, 4800)
DIMS = (512, 4800)
LEAST_SECONDS = 20.0
#: A grid of which fewer probes have stopped says too little of how long it takes: from a tenth
#: of them, the same grid was once expected to take 34 minutes and once 123.
ENOUGH = 0.5
ROUNDS = 8
#: Of a sweep.
LAYERS = 4


@dataclasses.dataclass(frozen=True)
class Shape:
    """Of a task: rows of the splits, outputs, the score, windows of a clip, distance of classes."""

    kind: Any
    rows: tuple[int, int, int]
    outputs: int
    metric: str
    windows: int
    signal: float


SHAPES = {
    "GTZAN": Shape("multiclass", (443, 197, 290), 10, "accuracy", 1, 2.9),
    "Emomusic": Shape("regression", (504, 115, 125), 2, "r2", 1, 1.5),
    "GiantSteps": Shape("multiclass", (3687, 942, 2406), 24, "weighted_key_score", 4, 3.0),
    "MagnaTagATune": Shape("multilabel", (18706, 1825, 5329), 50, "roc_auc", 1, 2.1),
}
#: Of training, validation and test, where the CPU trains too: a grid's probes take it minutes.
MOST_EXACT = (4000, 1000, 2500)
#: A protocol that ends soon, for tests of the script.
SHORT = dataclasses.replace(
    CASTELLON2021,
    name="short",
    hidden=(0, 16),
    batch_size=(32,),
    learning_rate=(1e-2,),
    l2=(0.0,),
    patience=2,
)


def made_data(shape: Shape, dims: int, small: bool = False) -> ProbeData:
    """Draw features from which a probe can learn, but not to perfection, as long as from real ones.

    Every class, tag or emotion has a direction; columns differ in spread.
    """
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((shape.outputs, dims)) * shape.signal / dims**0.5
    spreads = np.exp(rng.standard_normal(dims))
    shares = 0.02 + 0.2 * rng.random(shape.outputs)
    made: list[Any] = []
    clips: list[Any] = []
    for rows in shape.rows:
        n = max(shape.outputs, rows // (25 if small else 1)) // shape.windows
        numbers = np.repeat(np.arange(n), shape.windows)
        if shape.kind == "multiclass":
            y = rng.integers(0, shape.outputs, n)
            centre = directions[y]
        else:
            wide = (n, shape.outputs)
            y = rng.standard_normal(wide).astype(np.float32)
            if shape.kind == "multilabel":
                y = (rng.random(wide) < shares).astype(np.int64)
                y[:2] = [[0] * shape.outputs, [1] * shape.outputs]
            centre = y @ directions
        noise = rng.standard_normal((len(numbers), dims), dtype=np.float32)
        made += [((centre[numbers] + noise) * spreads).astype(np.float32), y[numbers]]
        clips.append(numbers if shape.windows > 1 else None)
    return ProbeData(*(shape.kind, *made, (metric_of(shape),), *clips[1:]), n_outputs=shape.outputs)


def metric_of(shape: Shape) -> str:
    """Name the score; accuracy for keys, where mir_eval is not installed."""
    if shape.metric == "weighted_key_score":
        try:
            importlib.import_module("mir_eval.key")
        except ImportError:
            return "accuracy"
    return shape.metric


def synchronize(device: str) -> None:
    """Wait for a GPU."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def ceilings(device: str, small: bool) -> tuple[float, float]:
    """Measure float32 operations per second of a large product, and bytes per second of a copy."""
    size = 512 if small else 8192
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    many = torch.empty(1 << (20 if small else 29), device=device)
    more = torch.empty_like(many)

    def best(work: Any) -> float:
        work()
        seconds = []
        for _ in range(5):
            synchronize(device)
            begun = time.perf_counter()
            work()
            synchronize(device)
            seconds.append(time.perf_counter() - begun)
        return min(seconds)

    return 2 * size**3 / best(lambda: a @ b), 8 * len(many) / best(lambda: more.copy_(many))


@dataclasses.dataclass(frozen=True)
class Timed:
    """One group, whole: what was launched in a round, and seconds per update of all its probes."""

    launches: Launches
    seconds: float
    drawing: float
    recorded: bool


def time_group(setup: Setup, probes: list[ProbeConfig]) -> Timed:
    """Time the rounds of one group, and the drawing of their random numbers alone."""
    device, every = str(setup.threads.device), setup.protocol.eval_every
    group = Group(setup, probes)
    with contextlib.closing(Fleet(group.shared, probes[: group.fit])) as fleet:
        with counted() as launches:
            fleet.launch()
        for _ in range(4):
            fleet.launch()
        synchronize(device)
        begun = time.perf_counter()
        for _ in range(ROUNDS):
            fleet.launch()
        synchronize(device)
        seconds = (time.perf_counter() - begun) / ROUNDS / every
        for _ in range(DEPTH):  # those that were drawn already
            fleet.draw()
        begun = time.perf_counter()
        for _ in range(ROUNDS):
            fleet.draw()
        drawing = (time.perf_counter() - begun) / ROUNDS / every
        return Timed(launches, seconds, drawing, fleet.recorded)


def limits(report: Report, asked: Asked) -> None:
    """Time an update of every group, beside what the device could do."""
    flops, copied = ceilings(asked.device, asked.small)
    protocol = SHORT if asked.small else CASTELLON2021
    report.add(
        f"A large float32 product alone: {flops / 1e12:.1f} Tflop/s; a copy: "
        f"{copied / 1e9:,.0f} GB/s. An update of all 54 probes of a group, with an eighth of an "
        "evaluation; launches and bytes as counted by PyTorch's dispatcher.",
        "",
        "| shape of | dims | probe | batch | ms | share of arithmetic | share of bandwidth | "
        "launches | drawing alone, ms | recorded |",
        "|---|---|---|---|---|---|---|---|---|---|",
    )
    for dims in (24,) if asked.small else DIMS:
        for task in ("GTZAN", "MagnaTagATune"):
            shape = SHAPES[task]
            if asked.left() < 0:
                report.add("", "(The time was up here.)")
                break
            with Threads(torch.device(asked.device)) as threads:
                setup = Setup.of(made_data(shape, dims, asked.small), protocol, threads)
                for probes in groups_of(protocol.grid()):
                    report.add(limits_row(task, setup, probes, (flops, copied)))
    report.add("")


def beside(report: Report, asked: Asked) -> None:
    """Train the same grid alone, and four of it at once as layers of a sweep are."""
    device = torch.device(asked.device)
    protocol = dataclasses.replace(SHORT if asked.small else CASTELLON2021, patience=12)
    data = made_data(SHAPES["GTZAN"], 24 if asked.small else DIMS[0], asked.small)

    def trained(count: int) -> tuple[float, list[list[object]]]:
        grids = (Grid(data, protocol, device) for _ in range(count))
        begun = time.perf_counter()
        found = [
            [(r.updates, r.valid, r.test) for r in records]
            for records in train_beside(grids, device)
        ]
        return time.perf_counter() - begun, found

    trained(1)
    one, (alone,) = trained(1)
    four, together = trained(LAYERS)
    same = "equal" if all(records == alone for records in together) else "which **differ**"
    report.add(
        f"Grids of GTZAN's size at {data.X_train.shape[1]} dimensions, patience "
        f"{protocol.patience}: one {one:.1f} s, {LAYERS} as the layers of a sweep {four:.1f} s, "
        f"{LAYERS * one / four:.1f} times as fast as one after the other; results {same}.",
        "",
    )


def limits_row(
    task: str, setup: Setup, probes: list[ProbeConfig], ceiling: tuple[float, float]
) -> str:
    """Time one group; give its row."""
    timed = time_group(setup, probes)
    every, (hidden, batch) = setup.protocol.eval_every, (probes[0].hidden, probes[0].batch_size)
    dims, k = setup.data.X_train.shape[1], setup.data.outputs
    batch, valid = min(batch, len(setup.data.X_train)), len(setup.data.X_valid)
    first, second = dims * (hidden or k), hidden * k
    # Forward, and back to the weights; through the second layer to the first.
    work = 2 * len(probes) * (batch * (2 * first + 3 * second) + valid * (first + second) / every)
    launches = timed.launches.total / every
    nbytes = timed.launches.nbytes / every
    return (
        f"| {task} | {dims} | {'MLP' if hidden else 'linear'} | {batch} | "
        f"{1e3 * timed.seconds:.3f} | {work / timed.seconds / ceiling[0]:.0%} | "
        f"{nbytes / timed.seconds / ceiling[1]:.0%} | {launches:.0f} | "
        f"{1e3 * timed.drawing:.3f} | {'yes' if timed.recorded else 'no'} |"
    )


def exact(report: Report, asked: Asked) -> None:
    """Train ten probes of every kind of task on the CPU and on the device."""
    protocol = SHORT if asked.small else dataclasses.replace(CASTELLON2021, patience=24)
    report.add(
        f"Probes on the device beside the same on the CPU (patience {protocol.patience}). Batches "
        "and masks of the first round are compared bit for bit.",
        "",
        "| shape of | probes | batches | same updates, and validation score to 1e-4 | largest "
        "difference of validation | of test | seconds, device | CPU |",
        "|---|---|---|---|---|---|---|---|",
    )
    grid = protocol.grid()
    only = [config.index for config in grid[:: max(1, len(grid) // 10)]][:10]
    for task, whole in SHAPES.items():
        if asked.left() < 0:
            report.add("", "(The time was up here.)")
            break
        a, b, c = map(min, whole.rows, MOST_EXACT)
        shape = dataclasses.replace(whole, rows=(a, b, c))
        data = made_data(shape, 24 if asked.small else 72, asked.small)
        same = same_batches(data, protocol, asked.device)
        found, seconds = [], []
        for device in (asked.device, "cpu"):
            begun = time.perf_counter()
            found.append(train_grid(data, protocol, only, device))
            seconds.append(time.perf_counter() - begun)
        pairs = list(zip(*found, strict=True))
        alike = sum(a.updates == b.updates and abs(a.valid - b.valid) < 1e-4 for a, b in pairs)
        valid = max(abs(a.valid - b.valid) for a, b in pairs)
        test = max(abs(a.test[data.metrics[0]] - b.test[data.metrics[0]]) for a, b in pairs)
        report.add(
            f"| {task} | {len(only)} | {'equal' if same else '**differ**'} | {alike} | "
            f"{valid:.1e} | {test:.1e} | {seconds[0]:.1f} | {seconds[1]:.1f} |"
        )
    report.add("")


def same_batches(data: ProbeData, protocol: Protocol, device: str) -> bool:
    """Compare what a fleet's probes see in the first round with what the CPU's trainer sees."""
    cpu, same = torch.device("cpu"), True
    inputs, every = Inputs(data, cpu), protocol.eval_every
    with Threads(torch.device(device)) as threads:
        setup = Setup.of(data, protocol, threads)
        for probes in groups_of(protocol.grid()):
            shared = Group(setup, probes).shared
            draws = Draws(
                protocol.seed,
                len(data.X_train),
                shared.batch,
                widths=shared.widths,
                dropouts=shared.dropouts,
                device=cpu,
            )
            updates = draws.next(every)
            with contextlib.closing(Fleet(shared, probes)) as fleet:
                fleet.draw()
                seen, hidden = fleet.batches()
                for place, view in enumerate(fleet.stack.views):
                    wanted = torch.stack(Views(inputs, updates, [view]).take(view))
                    same &= torch.equal(seen[place].cpu(), wanted)
                    if hidden is not None:
                        masks = [update.masks[view[1]].hidden for update in updates]
                        kept = torch.stack([mask for mask in masks if mask is not None])
                        same &= torch.equal(hidden[place].cpu(), kept)
    return same


class OutOfTimeError(Exception):
    """A grid has used its time."""


@dataclasses.dataclass
class Whole:
    """A whole grid, or as much of it as there was time for.

    Attributes
    ----------
    seconds : float or None
        Of the whole grid; none if too few probes stopped to tell.
    whole : bool
    records : list of ProbeRecord
    """

    seconds: float | None
    whole: bool
    records: list[ProbeRecord]


def time_grid(data: ProbeData, protocol: Protocol, device: str, end: float) -> Whole:
    """Train a grid; if that takes too long, give what it had taken and what was still expected."""
    records: list[ProbeRecord] = []
    last: list[Progress] = []

    def look(progress: Progress) -> None:
        last[:] = [progress]
        if time.monotonic() > end:
            raise OutOfTimeError

    begun, whole = time.perf_counter(), True
    try:
        train_grid(data, protocol, device=device, on_probe=records.append, on_progress=look)
    except OutOfTimeError:
        whole = False
    seconds = time.perf_counter() - begun
    if whole:
        return Whole(seconds, whole, records)
    told = len(records) >= ENOUGH * len(protocol.grid())
    return Whole(seconds + last[0].seconds_left if told else None, whole, records)


def grids(report: Report, asked: Asked) -> None:
    """Train whole grids, and add up those of the paper."""
    protocol = SHORT if asked.small else CASTELLON2021
    report.add(
        f"A whole grid of {len(protocol.grid())} probes, to the end of early stopping, on random "
        "features that hold a signal; the first score decides. ≈: not trained to the end for want "
        "of time, but expected from the probes that were; –: too few were.",
        "",
        "| shape of | dims | score | seconds | probes that stopped | their updates, median | most "
        "| best validation score |",
        "|---|---|---|---|---|---|---|---|",
    )
    dims = (16, 24) if asked.small else DIMS
    seconds: dict[tuple[str, int], float] = {}
    train_grid(made_data(SHAPES["GTZAN"], 16, small=True), SHORT, device=asked.device)  # compiles
    cells = [(task, n) for n in dims for task in SHAPES]
    for number, (task, n) in enumerate(cells):
        # What comes later is to have at least so much, from which the rest can be expected.
        later = len(cells) - number - 1
        share = max(asked.left() - LEAST_SECONDS * later, asked.left() / (later + 1))
        end = time.monotonic() + max(share, 0.1 * LEAST_SECONDS)
        data = made_data(SHAPES[task], n, asked.small)
        found = time_grid(data, protocol, asked.device, end)
        if found.seconds is not None:
            seconds[task, n] = found.seconds
        report.add(grids_row(task, n, data, found))
    if len(seconds) < len(cells):
        report.add("", f"{len(cells) - len(seconds)} grids had too little time for a sum.", "")
        return
    total = sum(between(seconds, task, dims, n) for task in SHAPES for n in PAPER)
    report.add(
        "",
        f"The paper's 24 grids ({', '.join(map(str, PAPER))} dimensions; those below {dims[0]} "
        f"counted as {dims[0]}, those between on a straight line): **{total / 60:.1f} minutes**.",
        "",
    )


def grids_row(task: str, dims: int, data: ProbeData, found: Whole) -> str:
    """Give the row of one grid."""
    updates = [record.updates for record in found.records] or [0]
    best = max((record.valid for record in found.records), default=float("nan"))
    taken = "–" if found.seconds is None else f"{'' if found.whole else '≈ '}{found.seconds:.1f}"
    return (
        f"| {task} | {dims} | {data.metrics[0]} | {taken} | {len(found.records)} | "
        f"{statistics.median(updates):.0f} | {max(updates)} | {best:.3f} |"
    )


def between(
    seconds: dict[tuple[str, int], float], task: str, dims: tuple[int, ...], n: int
) -> float:
    """Interpolate the seconds of one task's grid."""
    return float(np.interp(n, dims, [seconds[task, some] for some in dims]))
