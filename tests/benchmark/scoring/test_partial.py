"""Scores of partial labels against plain loops over the observed cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from mirbench.benchmark.api import UNOBSERVED, DataError
from mirbench.benchmark.scoring.bootstrap import draw_counts, interval_of, intervals
from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.scoring.resampled import resampled_scores

N, LABELS, GROUPS = 120, 4, 15
METRICS = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


@pytest.fixture(params=["fine", "tied"])
def answers(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets of which half are unobserved, outputs, and groups."""
    rng = np.random.default_rng(3)
    targets = rng.choice([UNOBSERVED, UNOBSERVED, 0, 1], (N, LABELS))
    outputs = rng.normal(size=(N, LABELS))
    if request.param == "tied":
        outputs = np.round(outputs)
    return targets, outputs.astype(np.float32), rng.integers(0, GROUPS, N)


def wins(targets: list[int], outputs: list[float]) -> float:
    """Share of pairs in order, counted one by one."""
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, yes in zip(outputs, targets, strict=True)
        for low, other in zip(outputs, targets, strict=True)
        if yes == 1 and other == 0
    ]
    return sum(pairs) / len(pairs)


def precision(targets: list[int], outputs: list[float]) -> float:
    """Mean over positives of the share of positives among what is at least as high."""
    found = []
    for own, yes in zip(outputs, targets, strict=True):
        if yes == 1:
            at_least = [t for t, o in zip(targets, outputs, strict=True) if o >= own]
            found.append(sum(at_least) / len(at_least))
    return sum(found) / len(found)


@pytest.mark.parametrize(("metric", "plain"), [("roc_auc", wins), ("average_precision", precision)])
def test_scores_are_those_of_a_plain_loop_over_observed_cells(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
    metric: str,
    plain: Callable[[list[int], list[float]], float],
) -> None:
    targets, outputs, _ = answers
    by_label = []
    for label in range(LABELS):
        rows = [n for n in range(N) if targets[n, label] != UNOBSERVED]
        by_label.append(
            plain([targets[n, label] for n in rows], [float(outputs[n, label]) for n in rows])
        )
    expected = sum(by_label) / LABELS
    assert evaluate([metric], targets, outputs)[metric] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_resamples_are_those_of_a_plain_loop_over_observed_cells(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray], metric: str
) -> None:
    targets, outputs, groups = answers
    counts = np.vstack([np.ones((1, GROUPS)), draw_counts(GROUPS, 20)])
    found = resampled_scores([metric], targets, outputs, groups, counts)[metric]
    for score, drawn in zip(found, counts, strict=True):
        by_label = []
        for label in range(LABELS):
            seen = targets[:, label] != UNOBSERVED
            by_label.append(
                METRICS[metric](
                    targets[seen, label], outputs[seen, label], sample_weight=drawn[groups[seen]]
                )
            )
        assert score == pytest.approx(np.mean(by_label), abs=1e-6)
    ends = intervals([metric], targets, outputs, [f"{group:02d}" for group in groups])[metric]
    assert ends == interval_of(
        resampled_scores([metric], targets, outputs, groups, draw_counts(GROUPS))[metric]
    )


def test_outputs_of_unobserved_cells_do_not_count(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    targets, outputs, groups = answers
    names = [str(group) for group in groups]
    other = np.where(targets == UNOBSERVED, -outputs, outputs)
    assert evaluate(list(METRICS), targets, outputs) == evaluate(list(METRICS), targets, other)
    assert intervals(list(METRICS), targets, outputs, names) == intervals(
        list(METRICS), targets, other, names
    )


def test_a_label_needs_a_positive_and_a_negative_that_are_observed() -> None:
    targets = np.array([[0, 1], [1, UNOBSERVED], [UNOBSERVED, UNOBSERVED]])
    with pytest.raises(DataError, match="label number 1 has no negative clip among 1"):
        evaluate(["roc_auc"], targets, np.zeros((3, 2), dtype=np.float32))
