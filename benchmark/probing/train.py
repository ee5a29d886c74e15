"""`train_grid`: the probes of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mirbench.benchmark.machine.device import check_device
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord
from mirbench.benchmark.probing.grid import Grid, OnProbe, OnProgress
from mirbench.benchmark.probing.threads import Threads
from mirbench.benchmark.protocol import Protocol, get_grid


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
    check_device(device)
    where = torch.device(device)
    grid = Grid(
        *(data, protocol, where),
        only=only,
        on_probe=on_probe,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )
    if grid.missing:
        with Threads(where) as threads:
            for _ in grid.rounds(threads, memory):
                pass
    return grid.finish()
