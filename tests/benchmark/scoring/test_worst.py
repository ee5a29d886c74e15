"""Clips that a row lacks are scored as wrong."""

from __future__ import annotations

import numpy as np
import pytest

from mirbench.benchmark.api import KEYS, TEMPO_LABELS
from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.scoring.worst import worst_outputs

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("metrics", "labels"),
    [
        (("accuracy",), ("a", "b", "c")),
        (("weighted_key_score", "accuracy"), KEYS),
        (("accuracy", "chroma_accuracy"), tuple(map(str, range(40)))),
    ],
)
def test_a_class_is_missed_in_every_score(
    metrics: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    outputs = RANDOM.standard_normal((9, len(labels))).astype(np.float32)
    targets = np.arange(len(labels))
    worst = worst_outputs("multiclass", metrics, labels, outputs, targets)
    assert worst.dtype == np.float32
    assert worst.shape == (len(labels), len(labels))
    assert set(evaluate(metrics, targets, worst, labels).values()) == {0.0}


def test_a_tag_is_ranked_beyond_all_clips() -> None:
    outputs = RANDOM.standard_normal((30, 2)).astype(np.float32)
    known = np.tile([[0, 1], [1, 0]], (15, 1))
    lacking = np.array([[1, 0]])
    worst = worst_outputs("multilabel", ("roc_auc",), ("x", "y"), outputs, lacking)
    assert worst[0, 0] < outputs[:, 0].min()
    assert worst[0, 1] > outputs[:, 1].max()
    targets = np.concatenate([known, lacking])
    scores = [
        evaluate(("roc_auc",), targets, np.concatenate([outputs, other]), ("x", "y"))["roc_auc"]
        for other in (worst, outputs[:1], outputs[1:2])
    ]
    assert scores[0] == min(scores)


def test_a_value_is_the_farthest_that_any_clip_has() -> None:
    outputs = np.array([[-1.0], [0.5], [2.0]], np.float32)
    targets = np.array([[1.5], [-0.5]], np.float32)
    worst = worst_outputs("regression", ("r2",), ("v",), outputs, targets)
    np.testing.assert_array_equal(worst, [[-1.0], [2.0]])


def test_every_draw_has_worst_outputs_of_its_own() -> None:
    outputs = RANDOM.standard_normal((6, 4, 3)).astype(np.float32)
    targets = np.array([0, 2])
    worst = worst_outputs("multiclass", ("accuracy",), ("a", "b", "c"), outputs, targets)
    assert worst.shape == (2, 4, 3)
    for draw in range(4):
        alone = worst_outputs(
            "multiclass", ("accuracy",), ("a", "b", "c"), outputs[:, draw], targets
        )
        np.testing.assert_array_equal(worst[:, draw], alone)


def test_a_tempo_is_no_multiple_of_the_annotated_one() -> None:
    tempi = np.geomspace(30, 300, 2000)
    turns = np.log2(tempi / 100)
    angles = 2 * np.pi * turns
    targets = np.stack([np.cos(angles), np.sin(angles), turns], axis=1).astype(np.float32)
    for outputs in (targets[990:1010], RANDOM.standard_normal((50, 3)).astype(np.float32)):
        worst = worst_outputs("regression", ("acc2", "acc1"), TEMPO_LABELS, outputs, targets)
        assert worst.shape == targets.shape
        assert evaluate(("acc2", "acc1"), targets, worst, TEMPO_LABELS) == {"acc1": 0, "acc2": 0}
    draws = RANDOM.standard_normal((50, 4, 3)).astype(np.float32)
    worst = worst_outputs("regression", ("acc1",), TEMPO_LABELS, draws, targets[:7])
    assert worst.shape == (7, 4, 3)
