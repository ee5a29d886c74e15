"""Rank groups, paired comparisons and the paper's average."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.made_board import write_row

from mirbench.benchmark.result import Result, read_predictions, read_result
from mirbench.benchmark.scoring.bootstrap import intervals
from mirbench.leaderboard.board import AVERAGE, make_board
from mirbench.leaderboard.rows import read_rows
from mirbench.leaderboard.samples import Measure, sample_rows
from mirbench.leaderboard.statistics import average_samples, better, rank_groups

rng = np.random.default_rng(4)


def test_better_is_the_95_percent_interval_of_the_difference_above_zero() -> None:
    common = rng.normal(size=2000)
    samples = [0.5 + common + 0.1 * rng.normal(size=2000) + step for step in (0, 0.1, 0.2, 0.4)]
    wins = better(samples)
    for i, own in enumerate(samples):
        for j, other in enumerate(samples):
            assert wins[i, j] == (np.sort(own - other)[2000 // 40 - 1] > 0)
    # Pairing tells apart what overlapping intervals would not.
    assert wins[3, 0]
    assert not wins[1, 0]
    assert np.percentile(samples[3], 2.5) < np.percentile(samples[0], 97.5)


def test_equal_scores_and_unscored_resamples_are_no_reason() -> None:
    scores = rng.random(2000)
    assert not better([scores, scores.copy(), scores + 1e-12]).any()
    assert better([scores + 1, scores])[0, 1]
    assert not better([np.full(2000, np.nan), scores]).any()
    assert better([]).shape == (0, 0)


def test_rank_groups_start_with_the_best_of_those_left() -> None:
    # c is worse than b but, unlike b, cannot be told from a.
    wins = np.zeros((4, 4), bool)
    wins[0, 1] = wins[0, 3] = wins[1, 3] = True
    assert rank_groups([0.9, 0.8, 0.7, 0.6], wins) == [1, 2, 1, 3]
    assert rank_groups([0.6, 0.9], np.array([[False, False], [True, False]])) == [2, 1]
    assert rank_groups([], np.zeros((0, 0), bool)) == []


def test_an_average_is_over_tasks_whose_resamples_are_independent() -> None:
    scores = rng.normal(size=2000)
    average = average_samples({"one": [scores - 1, scores + 1], "two": [scores]})
    assert average.mean() == pytest.approx(scores.mean())
    # Were they paired, the spread would be that of one task.
    assert average.std() == pytest.approx(scores.std() / np.sqrt(2), rel=0.1)
    again = average_samples({"one": [scores - 1, scores + 1], "two": [scores]})
    np.testing.assert_array_equal(average, again)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_result: Callable[..., Result]) -> Path:
    """Give a folder of two representations on all of the paper's tasks, and one on two."""
    folder = tmp_path_factory.mktemp("rows")
    for seed, (name, skill) in enumerate((("good", 3.0), ("near", 2.9), ("bad", 1.0))):
        for task in ("magnatagatune", "gtzan", "giantsteps", "emomusic"):
            if name != "bad" or task in ("gtzan", "emomusic"):
                write_row(folder, make_result, name, task, skill=skill, seed=seed)
    return folder


def test_intervals_of_the_board_are_those_of_a_run(folder: Path) -> None:
    (table,) = make_board(read_rows(folder))
    for line in table.lines:
        for task, metric, key in (
            ("gtzan", "accuracy", "gtzan.accuracy"),
            ("emomusic", "r2", "emomusic.r2_valence"),
        ):
            path = folder / line.name / f"{task}.paper.json"
            stored, row = read_predictions(path), read_result(path)
            found = intervals(
                [metric], stored.targets, stored.outputs, stored.groups, row.task.labels
            )
            low, high = found[key.partition(".")[2]]
            cell = line.cells[key]
            assert (cell.low, cell.high) == pytest.approx((100 * low, 100 * high), abs=1e-9)


def test_the_average_needs_all_four_tasks(folder: Path) -> None:
    (table,) = make_board(read_rows(folder))
    assert [(line.name, line.covered) for line in table.lines] == [
        ("good", 4),
        ("near", 4),
        ("bad", 2),
    ]
    lines = {line.name: line for line in table.lines}
    assert AVERAGE not in lines["bad"].cells
    cells = lines["good"].cells
    means = [
        (cells["magnatagatune.roc_auc"].value + cells["magnatagatune.average_precision"].value) / 2,
        cells["gtzan.accuracy"].value,
        cells["giantsteps.weighted_key_score"].value,
        (cells["emomusic.r2_arousal"].value + cells["emomusic.r2_valence"].value) / 2,
    ]
    average = cells[AVERAGE]
    assert average.value == pytest.approx(np.mean(means))
    assert average.low < average.value < average.high
    assert len(average.rows) == 4
    assert {column.key: column.main for column in table.columns}["giantsteps.accuracy"] is False


def test_groups_of_the_board(folder: Path) -> None:
    (table,) = make_board(read_rows(folder))
    groups = {line.name: line.cells["gtzan.accuracy"].group for line in table.lines}
    assert groups == {"good": 1, "near": 1, "bad": 2}
    column = next(column for column in table.columns if column.key == "gtzan.accuracy")
    assert set(column.names[:2]) == {"good", "near"}
    assert column.wins[:2, 2].all()
    assert not column.wins[2].any()


def test_a_representation_that_lacks_clips_is_compared_on_the_others(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    from helpers.made_board import made_predictions, with_scores

    from mirbench.benchmark.result import Predictions, write_result

    write_row(tmp_path, make_result, "whole", "emomusic")
    whole = read_result(tmp_path / "whole" / "emomusic.paper.json")
    all_ = made_predictions("emomusic", "paper", 2.0, 0)
    some = Predictions(
        all_.clip_ids[3:], all_.groups[3:], all_.outputs[3:], np.asarray(all_.targets)[3:]
    )
    named = whole.model_copy(
        update={"representation": whole.representation.model_copy(update={"name": "part"})}
    )
    write_result(tmp_path, with_scores(named, some), some)
    part, full = sample_rows(read_rows(tmp_path))
    assert part.row.result.task.counts["test"] == 122
    # Nearly the same clips on the same resamples: nearly the same scores.
    assert np.corrcoef(part.samples[Measure("r2")], full.samples[Measure("r2")])[0, 1] > 0.95
