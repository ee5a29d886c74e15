"""The mean over draws of training clips, and its interval."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.scoring.bootstrap import DRAWS_SEED, draw_counts, intervals
from mirbench.benchmark.scoring.metrics import evaluate
from mirbench.benchmark.scoring.repeated import mean_scores, resampled_means

RNG = np.random.default_rng(1)
TARGETS = RNG.integers(0, 3, 80)
#: Draws of different skill.
OUTPUTS = np.stack(
    [skill * np.eye(3)[TARGETS] + RNG.normal(size=(80, 3)) for skill in np.linspace(0, 4, 10)],
    axis=1,
).astype(np.float32)
GROUPS = np.arange(80) // 4


def test_a_score_is_the_mean_over_draws() -> None:
    each = [evaluate(["accuracy"], TARGETS, OUTPUTS[:, d])["accuracy"] for d in range(10)]
    assert mean_scores(["accuracy"], TARGETS, OUTPUTS) == {"accuracy": float(np.mean(each))}
    assert max(each) - min(each) > 0.4


def test_a_resample_is_one_of_groups_and_one_of_draws() -> None:
    counts, draws = draw_counts(20, 30), draw_counts(10, 30, DRAWS_SEED)
    found = resampled_means(["accuracy"], TARGETS, OUTPUTS, GROUPS, counts=counts, draws=draws)[
        "accuracy"
    ]
    hits = OUTPUTS.argmax(axis=2) == TARGETS[:, None]
    for r in range(30):
        clips = np.repeat(np.arange(80), counts[r][GROUPS].astype(int))
        taken = np.repeat(np.arange(10), draws[r].astype(int))
        assert len(taken) == 10
        np.testing.assert_allclose(found[r], hits[clips][:, taken].mean())


def test_the_interval_covers_draws_as_well_as_clips() -> None:
    names = [str(group) for group in GROUPS]
    both = intervals(["accuracy"], TARGETS, OUTPUTS, names)["accuracy"]
    alike = np.repeat(OUTPUTS[:, 5:6], 10, axis=1)
    clips = intervals(["accuracy"], TARGETS, alike, names)["accuracy"]
    one = intervals(["accuracy"], TARGETS, OUTPUTS[:, 5], names)["accuracy"]
    np.testing.assert_allclose(clips, one)
    assert both[1] - both[0] > 1.5 * (clips[1] - clips[0])


def test_draws_do_not_go_with_groups() -> None:
    """Ten groups and ten draws, resampled alike, would give one number twice."""
    assert not np.array_equal(draw_counts(10), draw_counts(10, seed=DRAWS_SEED))
