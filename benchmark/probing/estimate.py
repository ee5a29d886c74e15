"""How long a grid will take, from a short measured part of it (for ``--dry-run``)."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import IntArray, Kind
from mirbench.benchmark.probing.ahead import DEPTH
from mirbench.benchmark.probing.clock import TYPICAL_PATIENCES
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.fleet import Fleet
from mirbench.benchmark.probing.group import Cohort, Group
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.threads import Scratch, Threads, Work
from mirbench.benchmark.protocol import ProbeConfig, Protocol, get_grid
from mirbench.benchmark.scoring.metrics import DEFAULT_METRICS

#: Random training rows are enough from here on: an update does not see the others.
MOST_ROWS = 4096
ROUNDS = 3
#: Banks of each group that are measured, per thread.
BANKS = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a grid is expected to take.

    Attributes
    ----------
    seconds : float
        If every probe makes `TYPICAL_PATIENCES` times as many updates as the
        patience; real ones made between one and twelve times the patience.
    seconds_at_least : float
        If none ever improves on its first score.
    per_update : dict
        (hidden units, batch size) to seconds per update of one probe.
    """

    seconds: float
    seconds_at_least: float
    per_update: dict[tuple[int, int], float]


def estimate_seconds(
    kind: Kind,
    rows: tuple[int, int, int],
    dims: int,
    n_outputs: int,
    protocol: Protocol | str,
    *,
    metric: str | None = None,
    windows_per_clip: int = 1,
    device: str = "cpu",
    memory: int | None = None,
) -> Estimate:
    """Estimate the time of a grid on data of some shape; takes seconds to a minute.

    Parameters
    ----------
    kind : {"multiclass", "multilabel", "regression"}
    rows : tuple of int
        Rows for training, validation and test.
    dims : int
        Columns of the embeddings.
    n_outputs : int
        Outputs of a probe.
    protocol : Protocol or str
        The grid, or its name.
    metric : str, optional
        That of early stopping; default: that of the kind.
    windows_per_clip : int
        Rows per clip of the validation and test sets.
    device : str
        ``cpu`` or ``cuda``.
    memory : int, optional
        Bytes, as in `train_grid`.

    Raises
    ------
    UsageError
        If memory does not suffice for a single probe.
    """
    if isinstance(protocol, str):
        protocol = get_grid(protocol)
    data = random_data(kind, rows, dims, n_outputs, metric, windows_per_clip)
    per_update = measure(data, protocol, device, memory)
    probes = [per_update[config.hidden, config.batch_size] for config in protocol.grid()]
    least = sum(probes) * protocol.patience * protocol.eval_every
    return Estimate(TYPICAL_PATIENCES * least, least, per_update)


def random_data(
    kind: Kind,
    rows: tuple[int, int, int],
    dims: int,
    n_outputs: int,
    metric: str | None = None,
    windows_per_clip: int = 1,
) -> ProbeData:
    """Draw embeddings and targets of a shape.

    Parameters
    ----------
    kind, rows, dims, n_outputs, metric, windows_per_clip
        As in `estimate_seconds`; training rows beyond `MOST_ROWS` are left out.
    """
    rng = np.random.default_rng(0)
    parts: list[npt.NDArray[Any]] = []
    clips: list[IntArray] = []
    for n in (min(rows[0], MOST_ROWS), *rows[1:]):
        parts.append(rng.standard_normal((n, dims), dtype=np.float32))
        numbers = np.arange(n) // windows_per_clip
        clips.append(numbers)
        if kind == "multiclass":
            parts.append(rng.integers(0, n_outputs, numbers[-1] + 1)[numbers])
        elif kind == "multilabel":
            tags = (rng.random((numbers[-1] + 1, n_outputs)) < 0.05).astype(np.int64)
            tags[:2] = [[0] * n_outputs, [1] * n_outputs]
            parts.append(tags[numbers])
        else:
            values = rng.standard_normal((numbers[-1] + 1, n_outputs), dtype=np.float32)
            parts.append(values[numbers])
    X_train, y_train, X_valid, y_valid, X_test, y_test = parts
    return ProbeData(
        kind=kind,
        X_train=X_train,
        y_train=y_train,
        X_valid=X_valid,
        y_valid=y_valid,
        X_test=X_test,
        y_test=y_test,
        metrics=DEFAULT_METRICS[kind] if metric is None else (metric,),
        clips_valid=clips[1] if windows_per_clip > 1 else None,
        clips_test=clips[2] if windows_per_clip > 1 else None,
        n_outputs=n_outputs,
    )


def measure(
    data: ProbeData,
    protocol: Protocol,
    device: str = "cpu",
    memory: int | None = None,
    only: tuple[int, int] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[tuple[int, int], float]:
    """Time a few rounds of each group, evaluations included.

    Banks are alike, so some of them are timed and counted for all; drawing
    the random numbers, which all share, is timed apart.

    Parameters
    ----------
    data : ProbeData
    protocol : Protocol
    device : str
        ``cpu`` or ``cuda``.
    memory : int, optional
        Bytes, as in `train_grid`.
    only : tuple of int, optional
        (hidden units, batch size) of the only group to time.
    clock : callable
        Returns seconds: of the wall, or of the processor.

    Returns
    -------
    dict
        (hidden units, batch size) to seconds per update of one probe, in a full group.
    """
    result = {}
    with Threads(torch.device(device)) as threads:
        setup = Setup.of(data, protocol, threads, memory)
        for hidden, batch in {(c.hidden, c.batch_size): None for c in protocol.grid()}:
            if only not in (None, (hidden, batch)):
                continue
            probes = [c for c in protocol.grid() if (c.hidden, c.batch_size) == (hidden, batch)]
            group = Group(setup, probes)
            if group.as_fleet:
                seconds = fleet_round_seconds(group, probes[: group.fit], clock)
                result[hidden, batch] = seconds / (group.fit * protocol.eval_every)
                continue
            n_banks = min(BANKS * threads.size, group.fit)
            some = [config for bank in group.banks(probes)[:n_banks] for config in bank]
            cohort = Cohort(group, some)
            draws = _median_seconds(threads, [_drawing(cohort)], clock)
            rounds = _median_seconds(threads, cohort.work(), clock)
            cohorts = -(-len(probes) // group.fit)
            whole = rounds * len(probes) / len(some) + cohorts * draws / threads.width
            result[hidden, batch] = whole / (len(probes) * protocol.eval_every)
    return result


def fleet_round_seconds(
    group: Group, probes: Sequence[ProbeConfig], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Time a round of probes that are trained as one stack, as often as it is replayed.

    Parameters
    ----------
    group : Group
    probes : sequence of ProbeConfig
        Those that train at once.
    clock : callable
        Returns seconds.
    """
    device = group.setup.threads.device
    with contextlib.closing(Fleet(group.shared, probes)) as fleet:
        for _ in range(DEPTH + 2):  # recorded by now, and no longer ahead of the draws
            fleet.launch()
        _wait(device)
        start = clock()
        for _ in range(ROUNDS * DEPTH):
            fleet.launch()
        _wait(device)
        return (clock() - start) / (ROUNDS * DEPTH)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _median_seconds(threads: Threads, work: list[Work], clock: Callable[[], float]) -> float:
    seconds = []
    for _ in range(1 + ROUNDS):
        start = clock()
        threads.run(work)
        seconds.append(clock() - start)
    return statistics.median(seconds[1:])


def _drawing(cohort: Cohort) -> Work:
    def draw(scratch: Scratch) -> None:
        cohort.draw()

    return draw
