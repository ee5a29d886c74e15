"""Time the batched trainer beside the oracle and beside its own arithmetic.

    python tests/bench/bench_probing.py [--task NAME…] [--dims N…] [--hidden N…] [--write] [--cpu]

Each cell is one architecture and batch size on random data of a task's shape.
Four things are timed, one after the other, several times over, so that a
busy moment meets all of them: the oracle (one probe, eight updates and their
evaluation) with one thread and with all, the batched trainer (the same for a
whole group), and the matrix products alone that the trainer needs. ``--write`` puts
the table into ``docs/performance.md``. On a machine that is busy with other
things, ``--cpu`` compares seconds of the processor on one thread.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from mirbench.benchmark.machine.device import free_threads  # noqa: E402
from mirbench.benchmark.probing.data import ProbeData  # noqa: E402
from mirbench.benchmark.probing.estimate import measure, random_data  # noqa: E402
from mirbench.benchmark.probing.threads import Scratch, Threads, Work  # noqa: E402
from mirbench.benchmark.protocol import CASTELLON2021 as PROTOCOL  # noqa: E402

import oracle  # noqa: E402  # isort: skip
import torch  # noqa: E402  # isort: skip
from bench.performance_page import write_section  # noqa: E402  # isort: skip

DIMS = (72, 160, 512, 4800)
ROUNDS = 3
Clock = Callable[[], float]


@dataclass(frozen=True)
class Shape:
    """Of a task's data: rows of the splits, outputs, and what is scored."""

    kind: str
    rows: tuple[int, int, int]
    outputs: int
    metric: str
    windows: int = 1


SHAPES = {
    "GTZAN": Shape("multiclass", (443, 197, 290), 10, "accuracy"),
    "Emomusic": Shape("regression", (504, 115, 125), 2, "r2"),
    "GiantSteps": Shape("multiclass", (3687, 942, 2406), 24, "weighted_key_score", 4),
    "MagnaTagATune": Shape("multilabel", (18706, 1825, 5329), 50, "roc_auc"),
}


@dataclass(frozen=True)
class Cell:
    """Milliseconds per update of one probe, validation scores included."""

    task: str
    dims: int
    hidden: int
    batch: int
    alone: float
    oracle: float
    batched: float
    products: float

    def row(self) -> str:
        """Give the row of the table."""
        kind = "MLP" if self.hidden else "linear"
        return (
            f"| {self.task} | {self.dims} | {kind} | {self.batch} | {self.alone:.2f} | "
            f"{self.oracle:.2f} | {self.batched:.3f} | {self.alone / self.batched:.1f}× | "
            f"**{self.oracle / self.batched:.1f}×** | {self.products:.3f} | "
            f"{self.batched / self.products:.2f}× |"
        )


def main() -> None:
    """Measure the cells that are asked for, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--task", nargs="*", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dims", nargs="*", type=int, default=list(DIMS))
    parser.add_argument("--hidden", nargs="*", type=int, default=list(PROTOCOL.hidden))
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--cpu", action="store_true", help="one thread, processor time")
    asked = parser.parse_args()
    clock = time.process_time if asked.cpu else time.perf_counter
    if asked.cpu:
        os.environ["OMP_NUM_THREADS"] = "1"
    start, cells = time.perf_counter(), []
    print(*heading(), sep="\n", flush=True)
    for task in asked.task:
        for dims in asked.dims:
            shape = SHAPES[task]
            data = random_data(
                shape.kind, shape.rows, dims, shape.outputs, shape.metric, shape.windows
            )
            for hidden in asked.hidden:
                for batch in PROTOCOL.batch_size:
                    cells.append(cell(task, data, dims, hidden, batch, clock))
                    print(cells[-1].row(), flush=True)
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{minutes:.1f} minutes")
    if asked.write:
        write(cells, minutes, asked.cpu)


def cell(task: str, data: ProbeData, dims: int, hidden: int, batch: int, clock: Clock) -> Cell:
    """Time one architecture and batch size, the three in turn."""
    times: list[tuple[float, ...]] = []
    for _ in range(ROUNDS):
        ours = measure(data, PROTOCOL, only=(hidden, batch), clock=clock)[hidden, batch]
        times.append(
            (
                time_oracle(data, hidden, batch, clock, 1),
                time_oracle(data, hidden, batch, clock, free_threads()),
                ours,
                time_products(data, hidden, batch, clock),
            )
        )
    medians = [1000 * statistics.median(column) for column in zip(*times, strict=True)]
    return Cell(task, dims, hidden, batch, *medians)


def time_oracle(data: ProbeData, hidden: int, batch: int, clock: Clock, threads: int) -> float:
    """Seconds per update of the oracle."""
    config = next(c for c in PROTOCOL.grid() if (c.hidden, c.batch_size) == (hidden, batch))
    marks: list[float] = []
    oracle.train_probe(data, PROTOCOL, config, "cpu", 32, threads, marks, clock)
    periods = [b - a for a, b in itertools.pairwise(marks)]
    return statistics.median(periods[1:]) / PROTOCOL.eval_every


def time_products(data: ProbeData, hidden: int, batch: int, clock: Clock) -> float:
    """Seconds per update for the matrix products of one probe, done by all threads side by side.

    Forward and backward of every layer for a batch, and an eighth of the
    validation set forward; linear probes nine at a time, as they are trained.
    """
    dims, outputs = data.X_train.shape[1], data.outputs
    together = 1 if hidden else 9
    widths = [dims, hidden, outputs] if hidden else [dims, together * outputs]

    def products(scratch: Scratch) -> None:
        for rows, backward in [(len(data.X_valid), False)] + PROTOCOL.eval_every * [(batch, True)]:
            for number, weight in enumerate(weights):
                X = inputs[number][:rows]
                out = torch.mm(X, weight.t())
                if backward:
                    torch.mm(out.t(), X)
                    if number:
                        torch.mm(out, weight)

    with Threads(torch.device("cpu")) as threads:
        weights = [torch.randn(b, a) for a, b in itertools.pairwise(widths)]
        inputs = [torch.randn(max(batch, len(data.X_valid)), a) for a in widths[:-1]]
        work: list[Work] = 4 * threads.size * [products]
        seconds = []
        for _ in range(3):
            begin = clock()
            threads.run(work)
            seconds.append(clock() - begin)
    return statistics.median(seconds) / (len(work) * PROTOCOL.eval_every * together)


def heading() -> list[str]:
    """Give the first two lines of the table."""
    return [
        "| shape of | dims | probe | batch | one at a time, one thread, ms | the same, all "
        "threads, ms | batched, ms | faster than one thread | faster than all | products alone, "
        "ms | batched / products |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]


def write(cells: list[Cell], minutes: float, cpu: bool) -> None:
    """Write the section of ``docs/performance.md``."""
    logs = [math.log(c.oracle / c.batched) for c in cells]
    how = (
        "processor time, one thread each, for other programs kept the machine busy"
        if cpu
        else "wall time; the batched trainer and the products use all cores"
    )
    note = (
        f"Measured by `tests/bench/bench_probing.py` in {minutes:.0f} minutes on "
        f"{os.cpu_count()} cores with PyTorch {torch.__version__} ({how}). Medians of {ROUNDS} "
        "rounds, the four columns timed in turn in one process, per update of one probe, with "
        "an eighth of a validation score; random data of each task's shape. "
        f"Geometric mean of the speed-up: {math.exp(statistics.mean(logs)):.1f}×."
    )
    write_section("probing", [note, "", *heading(), *(c.row() for c in cells)])


if __name__ == "__main__":
    main()
