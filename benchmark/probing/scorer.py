"""Validation scores of many probes at once, on the device that trains them.

The numbers are those of `mirbench.benchmark.scoring.metrics`; a metric that has no
batched form here is computed there, probe by probe. Conventions: outputs are
float32 ``[probes, n, n_outputs]``; a score is one float64 per probe; a probe
with an output that is not a number scores NaN where ranks or squares need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import IntArray, Kind
from mirbench.benchmark.probing.ranks import Columns, Precisions, RarerClass
from mirbench.benchmark.scoring.metrics import (
    METRICS,
    WAYS_OF,
    Way,
    key_score_table,
    probabilities,
)

Scores = npt.NDArray[np.float64]
#: Batched metric: outputs ``[probes, n, n_outputs]`` to one score per probe.
Metric = Callable[[torch.Tensor], Scores]


class Scorer:
    """Primary validation score of many probes, with the best way of merging windows.

    Parameters
    ----------
    metric : str
        Name in `mirbench.benchmark.scoring.metrics.METRICS`.
    kind : {"multiclass", "multilabel", "regression"}
        Decides which ways of merging windows there are.
    targets : ndarray
        Of clips, as in `ProbeData`; cells that are `UNOBSERVED` do not count.
    clips : ndarray of int, shape [n_windows], or None
        Clip of each row of the outputs; None: a row is a clip.
    device : torch.device
        Where outputs are scored.

    Raises
    ------
    DataError
        If a label has no positive or no negative clip and the metric needs both.
    """

    def __init__(
        self,
        metric: str,
        kind: Kind,
        targets: npt.NDArray[Any],
        clips: IntArray | None,
        device: torch.device,
    ) -> None:
        self._metric = _batched(metric, targets, device)
        self._windows = None if clips is None else Windows(clips, device)
        self._ways = WAYS_OF[kind]

    def __call__(self, outputs: torch.Tensor) -> tuple[Scores, list[Way | None]]:
        """Score outputs ``[probes, n, n_outputs]``; of equal ways, the first."""
        if self._windows is None:
            return self._metric(outputs), [None] * len(outputs)
        scores = np.stack([self._metric(self._windows.merge(outputs, w)) for w in self._ways])
        best = scores.argmax(axis=0)
        return scores.max(axis=0), [self._ways[i] for i in best]


class Windows:
    """Rows of windows, gathered into clips.

    Parameters
    ----------
    clips : ndarray of int, shape [n_windows]
        Number of the clip (0, 1, …) of each window, in any order.
    """

    def __init__(self, clips: IntArray, device: torch.device) -> None:
        order = np.argsort(clips, kind="stable")
        counts = np.bincount(clips)
        place = np.arange(len(clips)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.zeros((len(counts), counts.max()), dtype=np.int64)
        there = np.zeros(rows.shape, dtype=bool)
        rows[clips[order], place] = order
        there[clips[order], place] = True
        self._shape = rows.shape
        self._rows = torch.from_numpy(rows.ravel()).to(device)
        self._absent = torch.from_numpy(~there).to(device)[None, :, :, None]
        self._counts = torch.from_numpy(counts).to(device)[None, :, None]

    def merge(self, outputs: torch.Tensor, way: Way) -> torch.Tensor:
        """Turn outputs of windows into those of clips, ``[probes, n_clips, n_classes]``.

        See `mirbench.benchmark.scoring.metrics.merge_windows` for the ways. Sums are
        in double precision, so their order does not decide.
        """
        if way == "vote":
            votes = outputs.argmax(dim=-1, keepdim=True)
            values = torch.zeros_like(outputs).scatter_(-1, votes, 1.0)
        else:
            values = outputs.softmax(dim=-1) if way == "mean" else outputs
        gathered = values.index_select(1, self._rows).view(
            len(outputs), *self._shape, outputs.shape[-1]
        )
        if way == "max":
            return gathered.masked_fill(self._absent, -torch.inf).amax(dim=2)
        summed = gathered.masked_fill(self._absent, 0).sum(dim=2, dtype=torch.float64)
        return (summed / self._counts).to(torch.float32)


def _batched(name: str, targets: npt.NDArray[Any], device: torch.device) -> Metric:
    factory = {
        "accuracy": _accuracy,
        "roc_auc": _roc_auc,
        "average_precision": _average_precision,
        "r2": _r2,
        "weighted_key_score": _weighted_key_score,
    }.get(name)
    if factory is not None:
        return factory(targets, device)
    plain = METRICS[name]
    return lambda outputs: np.array([plain(targets, one) for one in outputs.cpu().numpy()])


def _accuracy(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    classes = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.int64)).to(device)

    def score(outputs: torch.Tensor) -> Scores:
        right = (outputs.argmax(dim=-1) == classes).sum(dim=-1)
        result: Scores = right.cpu().numpy() / len(classes)
        return result

    return score


def _weighted_key_score(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    table = key_score_table()

    def score(outputs: torch.Tensor) -> Scores:
        found = outputs.argmax(dim=-1).cpu().numpy()
        result: Scores = table[targets[None, :], found].mean(axis=1)
        return result

    return score


def _r2(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    wanted = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32)).to(device)
    spread = (wanted - wanted.mean(dim=0)).square().sum(dim=0, dtype=torch.float64)

    def score(outputs: torch.Tensor) -> Scores:
        missed = (wanted - outputs).square().sum(dim=1, dtype=torch.float64)
        each = 1 - missed / spread
        # As scikit-learn has it: a constant target is met (1) or missed (0).
        constant = torch.where(missed == 0, 1.0, torch.where(missed.isnan(), missed, 0.0))
        each = torch.where(spread == 0, constant, each)
        result: Scores = each.mean(dim=1).cpu().numpy()
        return result

    return score


def _roc_auc(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    """Area under the curve from ranks: the share of pairs in order, a tie counting half.

    The pairs are counted in integers, so that ties are exact: 2 U is the sum
    over the rarer class of (rows below) + (rows not above), less the pairs
    within that class.
    """
    rare = RarerClass.of(targets)
    flipped, sizes = rare.flipped, rare.sizes
    picked = torch.from_numpy(rare.rows).to(device)
    absent = torch.from_numpy(rare.absent).to(device)
    pairs = 2 * sizes * rare.others
    columns_of = Columns(targets, device)

    def score(outputs: torch.Tensor) -> Scores:
        columns = columns_of(_probabilities(outputs))
        ranked = _sorted(columns)
        values = columns.gather(2, picked.expand(len(columns), -1, -1))
        below = torch.searchsorted(ranked, values)
        below += torch.searchsorted(ranked, values, right=True)
        doubled = below.masked_fill_(absent, 0).sum(dim=2).cpu().numpy() - sizes**2
        doubled = np.where(flipped, pairs - doubled, doubled)
        result: Scores = (doubled / pairs).mean(axis=1)
        result[outputs.isnan().flatten(1).any(dim=1).cpu().numpy()] = np.nan
        return result

    return score


def _average_precision(targets: npt.NDArray[Any], device: torch.device) -> Metric:
    precisions, columns_of = Precisions(targets, device), Columns(targets, device)

    def score(outputs: torch.Tensor) -> Scores:
        columns = columns_of(_probabilities(outputs))
        result: Scores = precisions(columns, _sorted(columns)).cpu().numpy()
        result[outputs.isnan().flatten(1).any(dim=1).cpu().numpy()] = np.nan
        return result

    return score


def _probabilities(outputs: torch.Tensor) -> torch.Tensor:
    """Sigmoids; on a CPU to the last bit those of `scoring.metrics.probabilities`."""
    if outputs.device.type != "cpu":
        return outputs.sigmoid()
    return torch.from_numpy(probabilities(outputs.numpy()))


def _sorted(columns: torch.Tensor) -> torch.Tensor:
    if columns.device.type == "cpu":  # where NumPy sorts several times faster than torch
        return torch.from_numpy(np.sort(columns.numpy(), axis=-1))
    return columns.sort(dim=-1).values
