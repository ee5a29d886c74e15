"""Scores and the four ways from windows to clips."""

from __future__ import annotations

import numpy as np
import pytest

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.scoring.metrics import (
    WAYS,
    evaluate,
    key_score_table,
    merge_windows,
    softmax,
)

OUTPUTS = np.array([[2.0, 1.0, 0.0], [0.0, 1.5, 0.0], [0.0, 1.6, 1.5]], dtype=np.float32)


def test_key_scores_are_those_of_mirex() -> None:
    table = key_score_table()
    c_major, g_major, a_minor, c_minor, f_sharp = 0, 7, 12 + 9, 12, 6
    assert table.shape == (24, 24)
    assert table[c_major, c_major] == 1.0
    assert table[c_major, g_major] == 0.5
    assert table[c_major, a_minor] == 0.3
    assert table[c_major, c_minor] == 0.2
    assert table[c_major, f_sharp] == 0.0
    assert set(np.unique(table)) == {0.0, 0.2, 0.3, 0.5, 1.0}


@pytest.mark.parametrize(("way", "decision"), [("vote", 1), ("max", 0), ("gmean", 1), ("mean", 1)])
def test_ways_from_windows_to_a_clip(way: str, decision: int) -> None:
    merged = merge_windows(OUTPUTS, np.zeros(3, dtype=np.int64), way)  # type: ignore[arg-type]
    assert merged.shape == (1, 3)
    assert merged.argmax(axis=1)[0] == decision


def test_each_clip_is_merged_from_its_own_windows() -> None:
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(30, 5)).astype(np.float32)
    clips = rng.permutation(np.arange(30) % 7)
    for way in WAYS:
        merged = merge_windows(outputs, clips, way)
        for clip in range(7):
            own = outputs[clips == clip]
            expected = {
                "vote": np.bincount(own.argmax(1), minlength=5) / len(own),
                "max": own.max(0),
                "gmean": own.mean(0),
                "mean": softmax(own).mean(0),
            }[way]
            np.testing.assert_allclose(merged[clip], expected, rtol=1e-5)


def test_a_tied_vote_goes_to_the_lower_class() -> None:
    outputs = np.eye(3, dtype=np.float32)[[2, 1]]
    assert merge_windows(outputs, np.zeros(2, dtype=np.int64), "vote").argmax() == 1


def test_r2_is_reported_per_output() -> None:
    targets = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]], dtype=np.float32)
    outputs = targets + np.array([0.0, 1.0], dtype=np.float32)
    scores = evaluate(["r2"], targets, outputs, ["arousal", "valence"])
    assert scores == pytest.approx({"r2": 0.25, "r2_arousal": 1.0, "r2_valence": -0.5})


def test_a_label_without_positives_is_an_error() -> None:
    targets = np.array([[0, 1], [0, 0]])
    with pytest.raises(DataError, match="label number 0 has no positive clip among 2"):
        evaluate(["roc_auc"], targets, np.zeros((2, 2), dtype=np.float32))


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(UsageError, match="there is no metric 'f1'"):
        evaluate(["f1"], np.zeros(2, dtype=np.int64), np.zeros((2, 2), dtype=np.float32))


@pytest.mark.parametrize("positives", [9, 20, 21, 43])
def test_a_perfect_ranking_scores_one_and_not_a_hair_more(positives: int) -> None:
    targets = (np.arange(100) < positives).astype(np.int64)[:, None]
    outputs = -np.arange(100, dtype=np.float32)[:, None]
    assert evaluate(["average_precision"], targets, outputs)["average_precision"] == 1.0
