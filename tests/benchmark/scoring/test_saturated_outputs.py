"""Clips are ranked by float32 sigmoids: outputs that are equal after them tie, everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from oracle import train_probe
from probe_data import SMALL, small_data
from sklearn.metrics import average_precision_score, roc_auc_score

from mirbench.benchmark.probing import ProbeData, train_grid
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.scoring.bootstrap import draw_counts, interval_of, intervals
from mirbench.benchmark.scoring.metrics import evaluate, probabilities
from mirbench.benchmark.scoring.resampled import resampled_scores

# isort: split
import torch

METRICS = ("roc_auc", "average_precision")
REFERENCES = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}
rng = np.random.default_rng(2)
N, TAGS = 90, 6
TARGETS = (rng.random((N, TAGS)) < 0.3).astype(np.int64)
TARGETS[:2] = [[0] * TAGS, [1] * TAGS]
#: Outputs of five probes, from none saturated to nearly all at either end.
OUTPUTS = np.stack([spread * rng.standard_normal((N, TAGS)) for spread in (1, 8, 30, 100, 900)])
OUTPUTS = OUTPUTS.astype(np.float32)


def torch_sigmoids(outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute what the original code ranks: the sigmoids of one probe, by one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sigmoids: npt.NDArray[np.float32] = torch.sigmoid(torch.tensor(outputs)).numpy()
        return sigmoids
    finally:
        torch.set_num_threads(threads)


def both(targets: list[int], outputs: list[float]) -> tuple[float, float]:
    """ROC-AUC and average precision of one tag, the ROC-AUC also batched and resampled."""
    y, x = np.array(targets)[:, None], np.array(outputs, np.float32)[:, None]
    scores = evaluate(METRICS, y, x)
    batched, _ = Scorer("roc_auc", "multilabel", y, None, torch.device("cpu"))(
        torch.from_numpy(x[None])
    )
    ones = np.ones((1, len(y)))
    again = resampled_scores(METRICS, y, x, np.arange(len(y)), ones)
    assert batched[0] == pytest.approx(scores["roc_auc"], abs=1e-12)
    for name in METRICS:
        assert again[name][0] == pytest.approx(scores[name], abs=1e-6)
    return scores["roc_auc"], scores["average_precision"]


def test_outputs_that_are_all_saturated_all_tie() -> None:
    assert both([0, 1, 1, 0], [100, 101, 140, 180]) == (0.5, 0.5)
    assert both([0, 1, 0, 0], [-100, -101, -140, -180]) == (0.5, 0.25)


def test_sigmoids_that_round_to_one_tie() -> None:
    assert both([0, 1], [17.0, 40.0]) == (0.5, 0.5)
    assert both([0, 1], [16.0, 40.0]) == (1.0, 1.0)


def test_sigmoids_that_vanish_tie_and_small_ones_do_not() -> None:
    assert both([0, 1], [-200.0, -120.0]) == (0.5, 0.5)
    assert both([0, 1], [-85.0, -80.0]) == (1.0, 1.0)


def test_some_saturated_and_some_not() -> None:
    # 1 1 | 0.98 | 0.02 | 0 0: each end holds a clip with the tag and one without.
    roc_auc, precision = both([1, 0, 1, 0, 1, 0], [50, 20, 4, -4, -120, -300])
    assert roc_auc == pytest.approx((2.5 + 2 + 0.5) / 9)
    assert precision == pytest.approx((1 / 2 + 2 / 3 + 3 / 6) / 3)


def test_numbers_next_to_each_other_tie_where_sigmoids_are_coarser() -> None:
    below = np.float32(8.0)
    above = np.nextafter(below, np.float32(9))
    assert both([0, 1], [float(below), float(above)]) == (0.5, 0.5)


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 2), (300, 50), (700, 50), (5329, 50)])
def test_probabilities_are_the_sigmoids_of_torch(shape: tuple[int, int]) -> None:
    outputs = (8 * rng.standard_normal(shape)).astype(np.float32)
    kept = outputs.copy()
    found, expected = probabilities(outputs), torch_sigmoids(outputs)
    assert found.shape == shape
    whole = outputs.size // 32 * 32  # the rest torch computes one by one
    np.testing.assert_array_equal(found.ravel()[:whole], expected.ravel()[:whole])
    np.testing.assert_allclose(found, expected, rtol=3e-7)
    np.testing.assert_array_equal(probabilities(np.asfortranarray(outputs)), found)
    np.testing.assert_array_equal(outputs, kept)


def test_equal_outputs_tie_wherever_they_stand() -> None:
    for value in rng.normal(size=200).astype(np.float32):
        targets = np.array([1, 0] * 10 + [1])[:, None]
        outputs = np.full((21, 1), value)
        assert len(np.unique(probabilities(outputs))) == 1
        assert evaluate(["roc_auc"], targets, outputs) == {"roc_auc": 0.5}


def test_threads_do_not_change_a_sigmoid() -> None:
    outputs = (8 * rng.standard_normal((3001, 50))).astype(np.float32)
    threads = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            found.append(probabilities(outputs))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("spread", range(len(OUTPUTS)))
def test_scores_are_those_of_scikit_learn_on_sigmoids(spread: int) -> None:
    scores = evaluate(METRICS, TARGETS, OUTPUTS[spread])
    for name, reference in REFERENCES.items():
        assert scores[name] == pytest.approx(
            reference(TARGETS, torch_sigmoids(OUTPUTS[spread])), abs=1e-12
        )
    if spread > 1:
        assert scores["roc_auc"] != pytest.approx(roc_auc_score(TARGETS, OUTPUTS[spread]), abs=1e-4)


@pytest.mark.parametrize("n", [N, N - 1, 37])
def test_a_probe_scores_the_same_whoever_is_beside_it(n: int) -> None:
    outputs = torch.from_numpy(OUTPUTS[:, :n])
    score = Scorer("roc_auc", "multilabel", TARGETS[:n], None, torch.device("cpu"))
    together, _ = score(outputs)
    turned, _ = score(outputs.transpose(0, 1).contiguous().transpose(0, 1))
    alone = [score(one[None])[0][0] for one in outputs]
    assert together.tolist() == turned.tolist() == alone
    expected = [roc_auc_score(TARGETS[:n], torch_sigmoids(one)) for one in OUTPUTS[:, :n]]
    np.testing.assert_allclose(together, expected, rtol=1e-12)


@pytest.mark.parametrize("spread", range(len(OUTPUTS)))
def test_resamples_score_as_scikit_learn_does_on_weighted_sigmoids(spread: int) -> None:
    groups = rng.integers(0, 15, N)
    counts = np.vstack([np.ones((1, 15)), rng.integers(0, 4, (6, 15))])
    found = resampled_scores(METRICS, TARGETS, OUTPUTS[spread], groups, counts)
    sigmoids = torch_sigmoids(OUTPUTS[spread])
    for row, drawn in enumerate(counts):
        for name, reference in REFERENCES.items():
            expected = reference(TARGETS, sigmoids, sample_weight=drawn[groups])
            assert found[name][row] == pytest.approx(expected, abs=1e-6)


def test_an_interval_of_ties_is_that_of_scikit_learn() -> None:
    names = [f"{number:02d}" for number in range(N)]
    outputs, sigmoids = OUTPUTS[3], torch_sigmoids(OUTPUTS[3])
    found = intervals(["roc_auc"], TARGETS, outputs, names, resamples=200)["roc_auc"]
    expected = [
        roc_auc_score(TARGETS, sigmoids, sample_weight=drawn) for drawn in draw_counts(N, 200)
    ]
    assert found == pytest.approx(interval_of(np.array(expected)), abs=1e-6)


def loud_data() -> ProbeData:
    """Rows of which unstandardised probes make outputs that saturate."""
    data = small_data("multilabel")
    loud: dict[str, Any] = {
        name: 3000 * getattr(data, name) for name in ("X_train", "X_valid", "X_test")
    }
    return ProbeData(
        **loud,
        kind=data.kind,
        y_train=data.y_train,
        y_valid=data.y_valid,
        y_test=data.y_test,
    )


def test_a_probe_whose_outputs_saturate_stops_and_scores_as_the_oracle() -> None:
    data, grid = loud_data(), SMALL.grid()
    only = range(0, 16, 3)  # linear, not standardised
    saturated = []
    for record in train_grid(data, SMALL, only=only):
        expected = train_probe(data, SMALL, grid[record.index])
        assert (record.updates, record.best_update) == (expected.updates, expected.best_update)
        assert record.valid == pytest.approx(expected.valid, abs=1e-4)
        assert record.test == pytest.approx(expected.test, abs=1e-4)
        assert expected.test_outputs is not None
        saturated.append(np.isin(torch_sigmoids(expected.test_outputs), (0, 1)).mean())
    assert min(saturated) > 0.3
