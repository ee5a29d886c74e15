"""Scores of one set of outputs in many resamples of its groups.

A resample is a row of counts: how often each group was drawn. All but the
ranking scores are ratios of sums over clips, so they need the sums of each
group only, and all resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.scoring.metrics import key_score_table, probabilities
from mirbench.benchmark.scoring.tempo import FACTORS, tempo_hits

Counts = npt.NDArray[np.float64]
Groups = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float64]
Values = npt.NDArray[Any]


def resampled_scores(
    metrics: Sequence[str],
    targets: Values,
    outputs: Values,
    groups: Groups,
    counts: Counts,
    labels: Sequence[str] = (),
) -> dict[str, Scores]:
    """Score every resample, with the names of `mirbench.benchmark.scoring.metrics.evaluate`.

    Parameters
    ----------
    metrics : sequence of str
        Names of scores.
    targets : ndarray, shape [n] or [n, n_outputs]
    outputs : ndarray of float32, shape [n, n_outputs]
        As for `mirbench.benchmark.scoring.metrics.evaluate`.
    groups : ndarray of int, shape [n]
        Number of each clip's group.
    counts : ndarray of float64, shape [n_resamples, n_groups]
        How often each group was drawn, in whole numbers; a row of ones is the
        test set itself.
    labels : sequence of str
        Names of the outputs; default: their numbers.

    Returns
    -------
    dict
        Score name to an array of shape [n_resamples]. Labels that a resample
        lacks are left out of its mean; it is NaN if nothing is left.
    """
    scores: dict[str, Scores] = {}
    ranked = _ranking(targets, outputs, groups, counts) if set(metrics) & RANKING else {}
    for metric in metrics:
        by_label = ranked.get(metric)
        if by_label is None:
            by_label = RATIOS[metric](targets, outputs, groups, counts)
        scores[metric] = _mean_of_labels(by_label)
        if metric == "r2" and by_label.shape[1] > 1:
            for column, name in enumerate(labels or map(str, range(by_label.shape[1]))):
                scores[f"r2_{name}"] = by_label[:, column]
    return scores


def _mean_of_labels(by_label: Scores) -> Scores:
    known = np.isfinite(by_label)
    n_known = known.sum(axis=1)
    total = np.where(known, by_label, 0).sum(axis=1)
    means: Scores = np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)
    return means


def _sums(columns: Sequence[Values], groups: Groups, counts: Counts) -> list[Scores]:
    """Sum arrays of shape [n, k] over the clips of every resample: shape [n_resamples, k]."""
    by_group = [np.zeros((counts.shape[1], column.shape[1])) for column in columns]
    for sums, column in zip(by_group, columns, strict=True):
        np.add.at(sums, groups, column)
    ends = np.cumsum([column.shape[1] for column in columns])[:-1]
    return np.split(counts @ np.hstack(by_group), ends, axis=1)


def _share(values: Values, groups: Groups, counts: Counts) -> Scores:
    total, found = _sums([np.ones((len(values), 1)), values[:, None]], groups, counts)
    shares: Scores = found / np.where(total > 0, total, np.nan)
    return shares


def _accuracy(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    return _share(outputs.argmax(axis=1) == targets, groups, counts)


def _mean_recall(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    there = np.eye(outputs.shape[1])[targets]
    right = (outputs.argmax(axis=1) == targets)[:, None]
    total, found = _sums([there, there * right], groups, counts)
    recalls: Scores = found / np.where(total > 0, total, np.nan)
    return recalls


def _chroma_accuracy(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    return _share((outputs.argmax(axis=1) - targets) % 12 == 0, groups, counts)


def _acc1(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    return _share(tempo_hits(targets, outputs, FACTORS[:1]), groups, counts)


def _acc2(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    return _share(tempo_hits(targets, outputs, FACTORS), groups, counts)


def _key_score(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    return _share(key_score_table()[targets, outputs.argmax(axis=1)], groups, counts)


def _r2(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> Scores:
    y = targets.astype(np.float64)
    columns = [np.ones((len(y), 1)), (y - outputs) ** 2, y**2, y]
    total, residual, squares, plain = _sums(columns, groups, counts)
    spread = squares - plain**2 / np.maximum(total, 1)
    # What is left of a constant target after rounding is not a spread.
    known = spread > 1e-9 * total
    scores: Scores = np.where(known, 1 - residual / np.where(known, spread, 1), np.nan)
    return scores


def _ranking(targets: Values, outputs: Values, groups: Groups, counts: Counts) -> dict[str, Scores]:
    from mirbench.benchmark.scoring.ranking import ranking_scores

    roc_auc, precision = ranking_scores(targets, probabilities(outputs), groups, counts)
    return {
        "roc_auc": roc_auc.astype(np.float64),
        "average_precision": precision.astype(np.float64),
    }


RANKING = {"roc_auc", "average_precision"}

RATIOS: dict[str, Callable[[Values, Values, Groups, Counts], Scores]] = {
    "accuracy": _accuracy,
    "mean_recall": _mean_recall,
    "chroma_accuracy": _chroma_accuracy,
    "acc1": _acc1,
    "acc2": _acc2,
    "weighted_key_score": _key_score,
    "r2": _r2,
}
