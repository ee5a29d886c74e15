"""The batched scores against scikit-learn and mir_eval, ties included."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mirbench.benchmark.probing  # noqa: F401  (chooses torch's kernels)
from mirbench.benchmark.api import DataError
from mirbench.benchmark.probing.data import clip_targets
from mirbench.benchmark.probing.estimate import random_data
from mirbench.benchmark.probing.scorer import Scorer, Windows
from mirbench.benchmark.scoring.metrics import METRICS, WAYS, merge_windows

# isort: split
import torch

CPU = torch.device("cpu")
#: Few distinct values, so that ties are the rule.
COARSE = st.integers(-3, 3).map(float)


def outputs_of(draw, probes, n, k):
    fine = draw(st.booleans())
    elements = st.floats(-10, 10, width=32) if fine else COARSE
    return draw(hnp.arrays(np.float32, (probes, n, k), elements=elements))


def assert_same_scores(metric, kind, targets, outputs, **tolerance):
    scores, ways = Scorer(metric, kind, targets, None, CPU)(torch.from_numpy(outputs.copy()))
    expected = [METRICS[metric](targets, one) for one in outputs]
    np.testing.assert_allclose(scores, expected, **tolerance)
    assert ways == [None] * len(outputs)


@given(st.data())
@settings(deadline=None)
def test_accuracy_and_key_score_are_those_of_the_plain_metrics(data):
    n = data.draw(st.integers(1, 12))
    targets = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, 23)))
    outputs = outputs_of(data.draw, 3, n, 24)
    assert_same_scores("accuracy", "multiclass", targets, outputs, rtol=0)
    assert_same_scores("weighted_key_score", "multiclass", targets, outputs, rtol=1e-15)


@given(st.data())
@settings(deadline=None)
def test_roc_auc_counts_ties_as_half_like_scikit_learn(data):
    n, k = data.draw(st.integers(2, 30)), data.draw(st.integers(1, 4))
    targets = data.draw(hnp.arrays(np.int64, (n, k), elements=st.integers(0, 1)))
    targets[0], targets[1] = 0, 1
    assert_same_scores("roc_auc", "multilabel", targets, outputs_of(data.draw, 3, n, k), rtol=1e-12)


@given(st.data())
@settings(deadline=None)
def test_average_precision_takes_equal_outputs_as_one_threshold_like_scikit_learn(data):
    n, k = data.draw(st.integers(2, 30)), data.draw(st.integers(1, 4))
    targets = data.draw(hnp.arrays(np.int64, (n, k), elements=st.integers(0, 1)))
    targets[0], targets[1] = 0, 1
    outputs = outputs_of(data.draw, 3, n, k)
    assert_same_scores("average_precision", "multilabel", targets, outputs, rtol=1e-12)


@given(st.data())
@settings(deadline=None)
def test_r2_is_that_of_scikit_learn(data):
    n, k = data.draw(st.integers(2, 30)), data.draw(st.integers(1, 3))
    targets = data.draw(hnp.arrays(np.float32, (n, k), elements=COARSE))
    outputs = outputs_of(data.draw, 3, n, k)
    assert_same_scores("r2", "regression", targets, outputs, rtol=1e-6, atol=1e-6)


def test_r2_of_a_constant_target_is_one_if_met_and_zero_if_not():
    targets = np.ones((4, 1), dtype=np.float32)
    outputs = np.stack([targets, targets + 1])
    assert_same_scores("r2", "regression", targets, outputs, rtol=0)


def test_a_metric_without_a_batched_form_is_computed_probe_by_probe(monkeypatch):
    def first(targets, outputs):
        return float(targets[0] + outputs[0, 1])

    monkeypatch.setitem(METRICS, "first", first)
    outputs = np.random.default_rng(0).standard_normal((2, 20, 3)).astype(np.float32)
    assert_same_scores("first", "multiclass", np.arange(20) % 3, outputs, rtol=0)


@pytest.mark.parametrize(("column", "what"), [(0, "positive"), (1, "negative")])
def test_a_tag_with_one_class_only_is_an_error_that_names_it(column, what):
    targets = np.array([[0, 1], [0, 1], [0, 1]])
    targets[0, 1 - column] ^= 1
    with pytest.raises(DataError, match=f"label number {column} has no {what}"):
        Scorer("roc_auc", "multilabel", targets, None, CPU)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "r2"])
def test_an_output_that_is_no_number_makes_the_score_one_that_is_none(metric):
    targets = np.array([[0], [1], [1]], dtype=np.float32 if metric == "r2" else np.int64)
    outputs = torch.tensor([[[0.0], [1.0], [2.0]], [[0.0], [np.nan], [2.0]]])
    kind = "regression" if metric == "r2" else "multilabel"
    scores, _ = Scorer(metric, kind, targets, None, CPU)(outputs)
    assert np.isnan(scores).tolist() == [False, True]


@given(st.data())
@settings(deadline=None)
def test_windows_merge_as_in_the_plain_metrics_in_all_four_ways(data):
    n_clips = data.draw(st.integers(1, 5))
    more = data.draw(hnp.arrays(np.int64, 8, elements=st.integers(0, n_clips - 1)))
    clips = np.concatenate([np.arange(n_clips), more])
    outputs = outputs_of(data.draw, 2, len(clips), 4)
    windows = Windows(clips, CPU)
    for way in WAYS:
        merged = windows.merge(torch.from_numpy(outputs), way).numpy()
        expected = [merge_windows(one, clips, way) for one in outputs]
        np.testing.assert_allclose(merged, expected, rtol=1e-6, atol=1e-6)
        if way in ("vote", "max"):
            np.testing.assert_array_equal(merged, expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("multiclass", WAYS), ("multilabel", ("gmean",)), ("regression", ("gmean",))],
)
def test_shapes_that_are_timed_can_be_scored(kind, expected):
    """All windows of a clip have its target, and of every tag there are clips with and without."""
    data = random_data(kind, (64, 64, 64), 4, 3, None, 4)
    for split in ("train", "valid", "test"):
        targets = getattr(data, f"y_{split}").reshape(16, 4, -1)
        assert (targets == targets[:, :1]).all()
    targets = clip_targets(data.y_valid, data.clips_valid)
    score = Scorer(data.metrics[0], kind, targets, data.clips_valid, CPU)
    scores, ways = score(torch.randn(2, 64, 3))
    assert np.isfinite(scores).all()
    assert set(ways) <= set(expected)


def test_of_equal_ways_the_first_counts():
    outputs = torch.zeros(1, 4, 24)
    outputs[0, :, 3] = 1
    score = Scorer(
        "weighted_key_score", "multiclass", np.array([3, 3]), np.array([0, 0, 1, 1]), CPU
    )
    scores, ways = score(outputs)
    assert scores.tolist() == [1.0]
    assert ways == ["vote"]
