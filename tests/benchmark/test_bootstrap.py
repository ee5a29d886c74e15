"""Weighted scores and intervals over groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from mirbench.benchmark.bootstrap import WEIGHTED, intervals

rng = np.random.default_rng(1)
N = 60
WEIGHTS = rng.integers(0, 4, (5, N)).astype(np.float64)
TAGS = rng.integers(0, 2, (N, 3))
TIED = rng.integers(0, 6, (N, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [("roc_auc", roc_auc_score), ("average_precision", average_precision_score)],
)
def test_weighted_ranking_scores_equal_scikit_learn_with_ties(metric: str, reference: Any) -> None:
    found = WEIGHTED[metric](TAGS, TIED, WEIGHTS)
    for row, weights in zip(found, WEIGHTS, strict=True):
        for label in range(3):
            expected = reference(TAGS[:, label], TIED[:, label], sample_weight=weights)
            assert row[label] == pytest.approx(expected, abs=1e-12)


def test_weighted_r2_equals_scikit_learn() -> None:
    y, p = rng.normal(size=(N, 2)), rng.normal(size=(N, 2))
    found = WEIGHTED["r2"](y, p, WEIGHTS)
    for row, weights in zip(found, WEIGHTS, strict=True):
        expected = r2_score(y, p, sample_weight=weights, multioutput="raw_values")
        np.testing.assert_allclose(row, expected, atol=1e-10)


def test_the_interval_of_an_accuracy_equals_a_plain_loop_over_groups() -> None:
    targets = rng.integers(0, 3, N)
    outputs = np.eye(3, dtype=np.float32)[rng.integers(0, 3, N)]
    groups = [f"g{n}" for n in rng.integers(0, 12, N)]
    low, high = intervals(["accuracy"], targets, outputs, groups)["accuracy"]
    correct = outputs.argmax(1) == targets
    names = sorted(set(groups))
    other = np.random.default_rng(5)
    plain = []
    for _ in range(4000):
        drawn = other.choice(names, len(names))
        members = np.concatenate([np.flatnonzero(np.array(groups) == name) for name in drawn])
        plain.append(correct[members].mean())
    assert (low, high) == pytest.approx(tuple(np.percentile(plain, [2.5, 97.5])), abs=0.02)


def test_groups_make_the_interval_wider() -> None:
    targets = np.repeat([0, 1], 50)
    outputs = np.eye(2, dtype=np.float32)[np.repeat([0, 1, 0, 1], 25)]
    alone = intervals(["accuracy"], targets, outputs, [str(n) for n in range(100)])["accuracy"]
    grouped = intervals(["accuracy"], targets, outputs, [str(n // 25) for n in range(100)])
    assert np.ptp(grouped["accuracy"]) > 2 * np.ptp(alone)


def test_a_resample_without_positives_does_not_spoil_the_interval() -> None:
    tags = np.zeros((20, 2), dtype=np.int64)
    tags[0, 0] = 1
    tags[::2, 1] = 1
    outputs = rng.normal(size=(20, 2)).astype(np.float32)
    low, high = intervals(["roc_auc"], tags, outputs, [str(n) for n in range(20)])["roc_auc"]
    assert 0 <= low < high <= 1


def test_scores_per_output_have_intervals_of_their_own() -> None:
    y = rng.normal(size=(N, 2)).astype(np.float32)
    found = intervals(["r2"], y, y * np.array([1, 0], np.float32), ["a", "b", "c"] * 20, ("u", "v"))
    assert set(found) == {"r2", "r2_u", "r2_v"}
    assert found["r2_u"] == pytest.approx((1, 1))
    assert found["r2_v"][1] < 0.1
