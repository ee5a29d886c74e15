"""Acc1 and Acc2 beside mir_eval, and the way from outputs to a tempo."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest

from mirbench.benchmark.api import DataError, tempo_label
from mirbench.benchmark.scoring.bootstrap import intervals
from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.scoring.resampled import resampled_scores
from mirbench.benchmark.scoring.tempo import FACTORS, TOLERANCE, decode_tempo

BPM = np.array([37.7, 60.0, 64.0, 99.0, 100.0, 113.0, 141.0, 142.0, 180.0, 201.0, 321.6])


def _outputs(bpm: np.ndarray) -> np.ndarray:
    return np.array([tempo_label(float(one)) for one in bpm], dtype=np.float32)


def _mir_eval(reference: float, estimate: float, factors: tuple[float, ...]) -> bool:
    """One correct of a pair, for each multiple: mir_eval wants two tempi."""
    return any(
        mir_eval.tempo.detection(
            np.array([reference, reference * factor]), 0.5, np.array([estimate] * 2), TOLERANCE
        )[1]
        for factor in factors
    )


def test_tempi_survive_the_way_there_and_back() -> None:
    np.testing.assert_allclose(decode_tempo(_outputs(BPM)), BPM, rtol=1e-6)


@pytest.mark.parametrize("shift", [-0.49, -0.2, 0.0, 0.3, 0.49])
def test_the_third_output_only_chooses_the_octave(shift: float) -> None:
    outputs = _outputs(BPM)
    outputs[:, 2] += shift
    np.testing.assert_allclose(decode_tempo(outputs), BPM, rtol=1e-6)
    outputs[:, 2] += 1
    np.testing.assert_allclose(decode_tempo(outputs), 2 * BPM, rtol=1e-6)
    outputs[:, :2] *= 7
    np.testing.assert_allclose(decode_tempo(outputs), 2 * BPM, rtol=1e-6)


def test_accuracies_equal_mir_eval() -> None:
    rng = np.random.default_rng(0)
    reference = rng.uniform(40, 250, 600)
    ratio = rng.choice([0.25, 1 / 3, 0.5, 2 / 3, 1, 1, 1.5, 2, 3, 4], 600)
    # Beside the edge of 4 %, on both sides, but not on it.
    ratio *= 1 + rng.choice([-0.06, -0.0405, -0.0395, 0.0, 0.01, 0.0395, 0.0405], 600)
    scores = evaluate(["acc2", "acc1"], _outputs(reference), _outputs(reference * ratio))
    pairs = list(zip(reference, reference * ratio, strict=True))
    assert scores["acc1"] == np.mean([_mir_eval(r, e, (1.0,)) for r, e in pairs])
    assert scores["acc2"] == np.mean([_mir_eval(r, e, FACTORS) for r, e in pairs])
    assert 0.05 < scores["acc1"] < scores["acc2"] - 0.2


def test_outputs_that_are_no_numbers_are_wrong_and_large_ones_do_no_harm() -> None:
    targets = _outputs(np.full(4, 120.0))
    outputs = targets.copy()
    outputs[0, 0] = outputs[1, 2] = np.nan
    outputs[2, 2] = 1e38
    assert evaluate(["acc1", "acc2"], targets, outputs) == {"acc1": 0.25, "acc2": 0.25}


def test_resamples_equal_the_score_of_what_was_drawn() -> None:
    rng = np.random.default_rng(1)
    reference = rng.uniform(60, 180, 40)
    estimate = reference * rng.choice([0.5, 1.0, 1.2], 40)
    targets, outputs = _outputs(reference), _outputs(estimate)
    groups = rng.integers(0, 8, 40)
    counts = np.vstack([np.ones((1, 8)), rng.integers(0, 4, (5, 8))])
    found = resampled_scores(["acc1", "acc2"], targets, outputs, groups, counts)
    for row, drawn in enumerate(counts):
        members = np.repeat(np.arange(40), drawn[groups].astype(int))
        plain = evaluate(["acc1", "acc2"], targets[members], outputs[members])
        assert {name: found[name][row] for name in found} == pytest.approx(plain)
    ends = intervals(["acc1"], targets, outputs, [str(g) for g in groups])["acc1"]
    assert ends[0] < evaluate(["acc1"], targets, outputs)["acc1"] < ends[1]


@pytest.mark.parametrize("bpm", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_tempo_is_refused(bpm: float) -> None:
    with pytest.raises(DataError, match="a positive number of beats per minute"):
        tempo_label(bpm)
