"""95 % intervals of scores by a bootstrap over groups.

Clips of one artist or song are not independent, so whole groups are drawn
with replacement (cluster bootstrap; Efron & Tibshirani 1993, chapter 8). A
resample is a vector of weights, the number of times a clip was drawn, and
every score is computed with weights, for all resamples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.metrics import key_score_table

Weights = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float64]

RESAMPLES = 2000
_BLOCK = 100


def intervals(
    metrics: Sequence[str],
    targets: npt.NDArray[Any],
    outputs: npt.NDArray[np.float32],
    groups: Sequence[str],
    labels: Sequence[str] = (),
    resamples: int = RESAMPLES,
) -> dict[str, tuple[float, float]]:
    """Give percentile intervals, with the names of `mirbench.benchmark.metrics.evaluate`.

    Parameters
    ----------
    targets : ndarray, shape [n] or [n, n_outputs]
    outputs : ndarray of float32, shape [n, n_outputs]
    groups : sequence of str
        Group of each of the n clips.

    Returns
    -------
    dict
        Score name to the 2.5th and 97.5th percentile over resamples.
    """
    number = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups = int(number.max()) + 1
    rng = np.random.default_rng(0)
    draws: dict[str, list[Scores]] = {}
    for first in range(0, resamples, _BLOCK):
        size = (min(_BLOCK, resamples - first), n_groups)
        drawn = rng.integers(0, n_groups, size)
        counts = np.stack([np.bincount(row, minlength=n_groups) for row in drawn])
        weights = counts[:, number].astype(np.float64)
        for metric in metrics:
            values = WEIGHTED[metric](targets, outputs, weights)
            draws.setdefault(metric, []).append(np.nanmean(values, axis=1))
            if metric == "r2" and values.shape[1] > 1:
                for column, name in enumerate(labels or map(str, range(values.shape[1]))):
                    draws.setdefault(f"r2_{name}", []).append(values[:, column])
    return {
        name: (float(low), float(high))
        for name, parts in draws.items()
        for low, high in [np.nanpercentile(np.concatenate(parts), [2.5, 97.5])]
    }


def _mean(values: npt.NDArray[Any], weights: Weights) -> Scores:
    means: Scores = weights @ values / weights.sum(axis=1)
    return means[:, None]


def _accuracy(targets: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Weights) -> Scores:
    return _mean((outputs.argmax(axis=1) == targets).astype(np.float64), weights)


def _key_score(targets: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Weights) -> Scores:
    return _mean(key_score_table()[targets, outputs.argmax(axis=1)], weights)


def _r2(targets: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Weights) -> Scores:
    y = targets.astype(np.float64)
    residual = weights @ (y - outputs) ** 2
    total = weights.sum(axis=1, keepdims=True)
    spread = weights @ y**2 - (weights @ y) ** 2 / total
    scores: Scores = 1 - residual / np.where(spread > 0, spread, np.nan)
    return scores


def _by_threshold(
    target: npt.NDArray[Any], output: npt.NDArray[Any], weights: Weights
) -> tuple[Scores, Scores]:
    """Weight of positives and negatives at each distinct output, from the highest down."""
    order = np.argsort(-output, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(output[order]) != 0])
    ordered = weights[:, order]
    positive = ordered * target[order]
    return (
        np.add.reduceat(positive, starts, axis=1),
        np.add.reduceat(ordered - positive, starts, axis=1),
    )


def _roc_auc(targets: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Weights) -> Scores:
    columns = []
    for label in range(outputs.shape[1]):
        positive, negative = _by_threshold(targets[:, label], outputs[:, label], weights)
        above = np.cumsum(positive, axis=1) - positive
        wins = (negative * (above + positive / 2)).sum(axis=1)
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        columns.append(wins / np.where(pairs > 0, pairs, np.nan))
    return np.stack(columns, axis=1)


def _average_precision(
    targets: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Weights
) -> Scores:
    columns = []
    for label in range(outputs.shape[1]):
        positive, negative = _by_threshold(targets[:, label], outputs[:, label], weights)
        found = np.cumsum(positive, axis=1)
        shown = np.cumsum(positive + negative, axis=1)
        precision = found / np.where(shown > 0, shown, 1)
        total = positive.sum(axis=1)
        columns.append((positive * precision).sum(axis=1) / np.where(total > 0, total, np.nan))
    return np.stack(columns, axis=1)


WEIGHTED: dict[str, Callable[[npt.NDArray[Any], npt.NDArray[Any], Weights], Scores]] = {
    "accuracy": _accuracy,
    "weighted_key_score": _key_score,
    "r2": _r2,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
}
