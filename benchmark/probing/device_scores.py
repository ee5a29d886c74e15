"""Validation scores that stay on the device: what `Scorer` computes, without waiting for it.

`Scorer` hands numbers to the CPU, where NumPy ends them. On a GPU every such
number stops the queue of work, so here a score is a tensor to its end, in
double precision. Ranks and counts are the same integers; a mean may differ in
its last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.probing.data import ProbeData, clip_targets
from mirbench.benchmark.probing.ranks import Columns, Precisions, RarerClass
from mirbench.benchmark.probing.scorer import Windows
from mirbench.benchmark.scoring.metrics import WAYS_OF, Way, key_score_table

#: Outputs float32 ``[probes, n, n_outputs]`` to scores float64 ``[probes]``.
Metric = Callable[[torch.Tensor], torch.Tensor]


class DeviceScorer:
    """Primary validation scores of many probes, for every way of merging windows.

    Parameters
    ----------
    data : ProbeData
        Its first metric must be one of `METRICS`.
    device : torch.device
        Where outputs are scored.

    Raises
    ------
    DataError
        If a label has no positive or no negative clip and the metric needs both.
    """

    def __init__(self, data: ProbeData, device: torch.device) -> None:
        targets = clip_targets(data.y_valid, data.clips_valid)
        self._metric = METRICS[data.metrics[0]](targets, device)
        self._windows = None if data.clips_valid is None else Windows(data.clips_valid, device)
        ways = WAYS_OF[data.kind]
        #: The ways, or None where a row is a clip.
        self.ways: tuple[Way | None, ...] = (None,) if self._windows is None else ways

    def __call__(self, outputs: torch.Tensor) -> torch.Tensor:
        """Score outputs float32 ``[probes, n, n_outputs]``: float64 ``[ways, probes]``."""
        if self._windows is None:
            return self._metric(outputs).unsqueeze(0)
        merged = (self._windows.merge(outputs, way) for way in self.ways if way is not None)
        return torch.stack([self._metric(some) for some in merged])


def _accuracy(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    classes = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.int64)).to(device)

    def score(outputs: torch.Tensor) -> torch.Tensor:
        right = (outputs.argmax(dim=-1) == classes).sum(dim=-1)
        return right.double().div_(len(classes))

    return score


def _weighted_key_score(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    # Of every clip, the score of each key, in tenths: whole numbers, whose sum is exact.
    tenths = np.rint(10 * key_score_table()[np.asarray(targets)]).astype(np.int64)
    worth = torch.from_numpy(tenths).to(device)

    def score(outputs: torch.Tensor) -> torch.Tensor:
        found = outputs.argmax(dim=-1).unsqueeze(-1)
        sums = worth.expand(len(outputs), -1, -1).gather(2, found).sum(dim=(1, 2))
        return sums.double().div_(10 * len(worth))

    return score


def _r2(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    wanted = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32)).to(device)
    spread = (wanted - wanted.mean(dim=0)).square().sum(dim=0, dtype=torch.float64)
    constant = bool((spread == 0).any())

    def score(outputs: torch.Tensor) -> torch.Tensor:
        missed = (wanted - outputs).square_().sum(dim=1, dtype=torch.float64)
        each = 1 - missed / spread
        if constant:  # as scikit-learn has it: such a target is met (1) or missed (0)
            met = torch.where(missed == 0, 1.0, torch.where(missed.isnan(), missed, 0.0))
            each = torch.where(spread == 0, met, each)
        return each.mean(dim=1)

    return score


def _roc_auc(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    """Count pairs in order as integers, a tie as half; see `scorer`."""
    rare, columns_of = RarerClass.of(targets), Columns(targets, device)
    flipped, sizes, others = rare.flipped, rare.sizes, rare.others
    picked, absent, sign, offset, pairs = (
        torch.from_numpy(array).to(device)
        for array in (
            rare.rows,
            rare.absent,
            np.where(flipped, -1, 1),
            np.where(flipped, 2 * sizes * others + sizes**2, -(sizes**2)),
            2.0 * sizes * others,
        )
    )

    def score(outputs: torch.Tensor) -> torch.Tensor:
        columns = columns_of(outputs.sigmoid())
        ranked = columns.sort(dim=-1).values
        values = columns.gather(2, picked.expand(len(columns), -1, -1))
        below = torch.searchsorted(ranked, values)
        below += torch.searchsorted(ranked, values, right=True)
        doubled = below.masked_fill_(absent, 0).sum(dim=2).mul_(sign).add_(offset)
        result = doubled.double().div_(pairs).mean(dim=1)
        # NaNs are sorted to the end.
        lost = ranked[:, :, -1].isnan().any(dim=1)
        return result.masked_fill_(lost, torch.nan)

    return score


def _average_precision(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    precisions, columns_of = Precisions(targets, device), Columns(targets, device)

    def score(outputs: torch.Tensor) -> torch.Tensor:
        columns = columns_of(outputs.sigmoid())
        ranked = columns.sort(dim=-1).values
        lost = ranked[:, :, -1].isnan().any(dim=1)
        return precisions(columns, ranked).masked_fill_(lost, torch.nan)

    return score


METRICS: dict[str, Callable[[npt.NDArray[Any], torch.device], Metric]] = {
    "accuracy": _accuracy,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "r2": _r2,
    "weighted_key_score": _weighted_key_score,
}
