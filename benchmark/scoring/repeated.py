"""Scores of several draws of training clips: their mean, and how far it may lie.

Outputs are of shape ``[n, n_outputs]``, or ``[n, draws, n_outputs]`` where probes were trained on
several draws of training clips. Then a score is the mean over draws, and a resample of the test
set's groups goes with a resample of the draws (a two-level bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.scoring.resampled import Counts, Groups, Scores, resampled_scores

Values = npt.NDArray[Any]


def draws_of(outputs: Values) -> list[Values]:
    """Take the draws apart: arrays of shape [n, n_outputs], one where nothing was drawn."""
    if outputs.ndim == 2:
        return [outputs]
    return [np.ascontiguousarray(outputs[:, draw]) for draw in range(outputs.shape[1])]


def mean_scores(
    metrics: Sequence[str], targets: Values, outputs: Values, labels: Sequence[str] = ()
) -> dict[str, float]:
    """Compute every named score, of several draws their mean.

    Parameters
    ----------
    metrics : sequence of str
        Names of scores.
    targets : ndarray, shape [n] or [n, n_outputs]
    outputs : ndarray of float32, shape [n, n_outputs] or [n, draws, n_outputs]
    labels : sequence of str
        As for `mirbench.benchmark.scoring.metrics.evaluate`.
    """
    drawn = [evaluate(metrics, targets, draw, labels) for draw in draws_of(outputs)]
    return {name: float(np.mean([scores[name] for scores in drawn])) for name in drawn[0]}


def resampled_means(
    metrics: Sequence[str],
    targets: Values,
    outputs: Values,
    groups: Groups,
    counts: Counts,
    draws: Counts,
    labels: Sequence[str] = (),
) -> dict[str, Scores]:
    """Score every resample of the groups with one of the draws.

    Parameters
    ----------
    metrics, targets, groups, counts, labels
        As for `mirbench.benchmark.scoring.resampled.resampled_scores`.
    outputs : ndarray of float32, shape [n, n_outputs] or [n, draws, n_outputs]
    draws : ndarray of float64, shape [n_resamples, n_draws]
        How often each draw was taken; not looked at where nothing was drawn.

    Returns
    -------
    dict
        Score name to an array of shape [n_resamples].
    """
    parts = [
        resampled_scores(metrics, targets, draw, groups, counts, labels)
        for draw in draws_of(outputs)
    ]
    if len(parts) == 1:
        return parts[0]
    weights = draws / draws.sum(axis=1, keepdims=True)
    return {
        name: np.einsum("rd,dr->r", weights, np.array([part[name] for part in parts]))
        for name in parts[0]
    }
