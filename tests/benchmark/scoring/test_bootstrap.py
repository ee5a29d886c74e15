"""Weighted scores and intervals over groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, average_precision_score, r2_score, roc_auc_score

from mirbench.benchmark.scoring.bootstrap import draw_counts, interval_of, intervals
from mirbench.benchmark.scoring.metrics import METRICS
from mirbench.benchmark.scoring.resampled import resampled_scores

rng = np.random.default_rng(1)
N = 60
GROUPS = rng.integers(0, 12, N)
COUNTS = np.vstack([np.ones((1, 12)), rng.integers(0, 4, (4, 12))])
TAGS = rng.integers(0, 2, (N, 3))
TIED = rng.integers(0, 6, (N, 3)).astype(np.float32)
TIED[TIED == 2] = -0.0
TIED[TIED == 3] = 0.0


@pytest.mark.parametrize("outputs", [TIED, rng.normal(size=(N, 3)).astype(np.float32)])
@pytest.mark.parametrize(
    ("metric", "reference"),
    [("roc_auc", roc_auc_score), ("average_precision", average_precision_score)],
)
def test_ranking_scores_equal_scikit_learn(metric: str, reference: Any, outputs: Any) -> None:
    found = resampled_scores([metric], TAGS, outputs, GROUPS, COUNTS)[metric]
    for score, counts in zip(found, COUNTS, strict=True):
        assert score == pytest.approx(
            reference(TAGS, outputs, sample_weight=counts[GROUPS], average="macro"), abs=1e-6
        )


@pytest.mark.parametrize("levels", [3, 12, 10_000])
def test_ranking_scores_of_rare_labels_equal_scikit_learn(levels: int) -> None:
    """Long runs without a positive, with many, few and no equal outputs."""
    other = np.random.default_rng(levels)
    for _ in range(20):
        tags = (other.random((N, 2)) < 0.08).astype(np.int64)
        tags[:2] = [[0, 1], [1, 0]]
        # Within ±4, where sigmoids of different levels differ.
        outputs = (8 * other.integers(0, levels, (N, 2)) / levels - 4).astype(np.float32)
        ones = COUNTS[:1]
        for metric, reference in (
            ("roc_auc", roc_auc_score),
            ("average_precision", average_precision_score),
        ):
            found = resampled_scores([metric], tags, outputs, GROUPS, ones)[metric][0]
            assert found == pytest.approx(reference(tags, outputs), abs=1e-6)


def test_ranking_scores_of_resamples_too_heavy_for_small_integers() -> None:
    heavy = 10_000 * COUNTS
    assert (heavy @ np.bincount(GROUPS)).max() > 2**16
    for metric in ("roc_auc", "average_precision"):
        found = [resampled_scores([metric], TAGS, TIED, GROUPS, c)[metric] for c in (COUNTS, heavy)]
        np.testing.assert_allclose(*found, atol=1e-6)


def test_ratios_equal_scikit_learn() -> None:
    y, p = rng.normal(size=(N, 2)), rng.normal(size=(N, 2))
    found = resampled_scores(["r2"], y, p, GROUPS, COUNTS, ("u", "v"))
    classes = rng.integers(0, 3, N)
    outputs = rng.normal(size=(N, 3))
    shares = resampled_scores(["accuracy"], classes, outputs, GROUPS, COUNTS)["accuracy"]
    for row, counts in enumerate(COUNTS):
        weights = counts[GROUPS]
        each = r2_score(y, p, sample_weight=weights, multioutput="raw_values")
        assert (found["r2_u"][row], found["r2_v"][row]) == pytest.approx(tuple(each), abs=1e-10)
        assert found["r2"][row] == pytest.approx(each.mean(), abs=1e-10)
        expected = accuracy_score(classes, outputs.argmax(axis=1), sample_weight=weights)
        assert shares[row] == pytest.approx(expected, abs=1e-12)


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


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "r2", "roc_auc"])
def test_intervals_agree_with_scipy(metric: str) -> None:
    """Over clips that are groups of their own, which is what scipy resamples."""
    n = 200
    if metric == "accuracy":
        targets = rng.integers(0, 2, n)
        outputs = np.eye(2)[targets ^ (rng.random(n) < 0.3)]
    else:
        targets = rng.normal(size=(n, 1)) if metric == "r2" else rng.integers(0, 2, (n, 1))
        outputs = targets + rng.normal(size=(n, 1))
    outputs = outputs.astype(np.float32)
    names = [f"{number:03d}" for number in range(n)]
    found = intervals([metric], targets, outputs, names)[metric]

    def score(clips: Any) -> float:
        return METRICS[metric](targets[clips], outputs[clips])

    other = scipy.stats.bootstrap(
        (np.arange(n),), score, n_resamples=2000, vectorized=False, method="percentile", rng=2
    ).confidence_interval
    assert found == pytest.approx((other.low, other.high), abs=0.1 * (other.high - other.low))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "r2", "roc_auc"])
def test_intervals_cover_the_truth_as_often_as_they_say(metric: str) -> None:
    """1,000 simulated test sets of 300 groups of three clips, which share an effect."""
    n_groups, per_group, simulations = 300, 3, 1000
    other = np.random.default_rng(11)
    counts = draw_counts(n_groups)
    groups = np.repeat(np.arange(n_groups), per_group)

    def simulate(n: int) -> tuple[Any, Any]:
        effect = np.repeat(other.normal(size=n), per_group)
        own = other.normal(size=n * per_group)
        if metric == "accuracy":
            targets = np.zeros(n * per_group, np.int64)
            return targets, np.stack([effect + own + 0.5, np.zeros_like(own)], axis=1)
        if metric == "r2":
            return effect[:, None] + own[:, None], effect[:, None] * 0.8
        return (own > 0.5).astype(np.int64)[:, None], (own + effect)[:, None]

    targets, outputs = simulate(300_000)
    truth = METRICS[metric](targets, outputs)
    covered = 0
    for _ in range(simulations):
        targets, outputs = simulate(n_groups)
        drawn = resampled_scores([metric], targets, outputs, groups, counts)[metric]
        low, high = interval_of(drawn)
        covered += low <= truth <= high
    assert 0.93 <= covered / simulations <= 0.97


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
