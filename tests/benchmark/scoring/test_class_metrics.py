"""Mean recall and chroma accuracy beside scikit-learn and mir_eval."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.scoring.resampled import resampled_scores

rng = np.random.default_rng(2)
N = 200
GROUPS = rng.integers(0, 12, N)
COUNTS = np.vstack([np.ones((1, 12)), rng.integers(0, 4, (4, 12))])
OUTPUTS = rng.normal(size=(N, 6)).astype(np.float32)
CLASSES = np.sort(rng.choice(6, N, p=[0.6, 0.2, 0.1, 0.05, 0.05, 0.0]))
OUTPUTS[np.arange(N), CLASSES] += 1


def test_mean_recall_equals_the_balanced_accuracy_of_scikit_learn() -> None:
    found = OUTPUTS.argmax(axis=1)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = balanced_accuracy_score(CLASSES, found)
    scores = evaluate(["mean_recall", "accuracy"], CLASSES, OUTPUTS)
    assert scores["mean_recall"] == pytest.approx(expected, abs=1e-12)
    assert abs(scores["mean_recall"] - scores["accuracy"]) > 0.02


def test_resampled_mean_recall_equals_scikit_learn() -> None:
    found = resampled_scores(["mean_recall"], CLASSES, OUTPUTS, GROUPS, COUNTS)["mean_recall"]
    for score, counts in zip(found, COUNTS, strict=True):
        weights = counts[GROUPS]
        there = np.unique(CLASSES[weights > 0])
        expected = recall_score(
            CLASSES, OUTPUTS.argmax(1), labels=there, average="macro", sample_weight=weights
        )
        assert score == pytest.approx(expected, abs=1e-12)


def test_a_class_that_a_resample_lacks_does_not_count() -> None:
    targets, outputs = np.array([0, 0, 1]), np.eye(2, dtype=np.float32)[[0, 1, 0]]
    counts = np.array([[1.0, 1.0], [1.0, 0.0]])
    found = resampled_scores(["mean_recall"], targets, outputs, np.array([0, 0, 1]), counts)
    assert found["mean_recall"].tolist() == [0.25, 0.5]


def test_pitch_and_chroma_accuracy_equal_mir_eval() -> None:
    pitches = rng.integers(0, 88, N)
    shift = rng.choice([0, 0, 12, -12, 24, 1, -7], N)
    estimated = np.clip(pitches + shift, 0, 87)
    outputs = np.eye(88, dtype=np.float32)[estimated]
    scores = evaluate(["accuracy", "chroma_accuracy"], pitches, outputs)
    cents = [100.0 * notes + 1 for notes in (pitches, estimated)]
    voiced = np.ones(N)
    rest = (voiced, cents[0], voiced, cents[1])
    assert scores["accuracy"] == mir_eval.melody.raw_pitch_accuracy(*rest)
    assert scores["chroma_accuracy"] == mir_eval.melody.raw_chroma_accuracy(*rest)
    assert scores["chroma_accuracy"] > scores["accuracy"] + 0.1
    found = resampled_scores(["chroma_accuracy"], pitches, outputs, GROUPS, COUNTS)
    for score, counts in zip(found["chroma_accuracy"], COUNTS, strict=True):
        right = (estimated - pitches) % 12 == 0
        assert score == pytest.approx(np.average(right, weights=counts[GROUPS]), abs=1e-12)
