"""Chance levels, and who is ranked: what the board knows of a task besides its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.made_board import made_predictions, write_row, write_short_row

from mirbench.benchmark.api import DataError
from mirbench.benchmark.result import (
    Result,
    TaskFacts,
    read_predictions,
    read_result,
)
from mirbench.leaderboard import build_pages
from mirbench.leaderboard.board import Cell, Table, make_board
from mirbench.leaderboard.page import _cell
from mirbench.leaderboard.rows import read_rows

Make = Callable[..., Result]


def tell(path: Path, **facts: Any) -> None:
    """Let a row say something of its task."""
    content = read_result(path).model_dump(mode="json")
    content["facts"] = {"group": "band", "test": 290, **facts}
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")


def board(folder: Path) -> Table:
    (table,) = make_board(read_rows(folder))
    return table


def test_what_does_not_beat_the_constant_is_marked_and_never_bold(
    tmp_path: Path, make_result: Make
) -> None:
    """The same scores on two boards: only on the one that knows chance are they told from it."""
    for folder in ("without", "with"):
        for seed, (name, skill) in enumerate((("deaf", 0.0), ("deafer", 0.0))):
            path = write_row(tmp_path / folder, make_result, name, "gtzan", skill=skill, seed=seed)
            if folder == "with":
                tell(path, constants={"accuracy": "genre 3"})
    blind, table = board(tmp_path / "without"), board(tmp_path / "with")
    targets = read_predictions(path).targets
    share = sum(int(target) == 3 for target in targets) / len(targets)
    (column,) = [column for column in table.columns if column.key == "gtzan.accuracy"]
    assert column.chance == pytest.approx(100 * share)
    for line, other in zip(table.lines, blind.lines, strict=True):
        cell, unknowing = line.cells["gtzan.accuracy"], other.cells["gtzan.accuracy"]
        assert cell.low <= 100 * share
        assert (cell.value, cell.group) == (unknowing.value, unknowing.group)
        assert cell.at_chance
        assert not unknowing.at_chance
    assert blind.lines[0].cells["gtzan.accuracy"].best
    pages = build_pages(tmp_path / "with", tmp_path / "out", latex=True, svg=True)
    markdown, html, _, latex, svg = (page.read_text("utf-8") for page in pages if page.is_file())
    own = (tmp_path / "out" / "rep" / "deaf.html").read_text("utf-8")
    assert own.count("≈ chance</td>") >= 1
    assert len(re.findall(r"^\| deaf.*≈ chance", markdown, re.MULTILINE)) == 2
    assert re.search(rf"^\| \*chance\*.* {100 * share:.1f} ", markdown, re.MULTILINE)
    assert html.count("</p><small>≈ chance</small>") == 2
    assert "class=best" not in html
    assert r"\textbf" not in latex
    assert latex.count(r"$,\approx$}") == 2
    assert f"{100 * share:.1f}" in latex.split(r"\midrule")[2]
    assert svg.count("stroke-dasharray") == 1
    assert 'fill="#111" stroke' not in svg


def test_a_score_beats_chance_if_its_interval_lies_above(tmp_path: Path, make_result: Make) -> None:
    path = write_row(tmp_path, make_result, "good", "gtzan", skill=3.0)
    tell(path, constants={"accuracy": "genre 0"})
    alone = board(tmp_path).lines[0].cells["gtzan.accuracy"]
    assert not alone.at_chance
    assert not alone.best  # of one, nobody is the best
    other = write_row(tmp_path, make_result, "other", "gtzan", skill=0.5, seed=1)
    tell(other, constants={"accuracy": "genre 0"})
    cell = board(tmp_path).lines[0].cells["gtzan.accuracy"]
    assert cell.best
    assert not cell.remarks


def test_chance_of_tags_needs_no_training_set(tmp_path: Path, make_result: Make) -> None:
    path = write_row(tmp_path, make_result, "one", "rendered_instruments")
    chance = {column.metric: column.chance for column in board(tmp_path).columns}
    targets = np.asarray(read_predictions(path).targets)
    assert chance["roc_auc"] == pytest.approx(50)
    assert chance["average_precision"] == pytest.approx(100 * np.mean(targets.mean(axis=0)))


def test_chance_of_the_average_and_of_outputs(tmp_path: Path, make_result: Make) -> None:
    told = {
        "magnatagatune": {},
        "gtzan": {"accuracy": "genre 0"},
        "giantsteps": {"weighted_key_score": "key 0", "accuracy": "key 0"},
        "emomusic": {"r2": [0.1, 0.2]},
    }
    for task, constants in told.items():
        tell(write_row(tmp_path, make_result, "one", task), constants=constants)
    chance = {column.key: column.chance for column in board(tmp_path).columns}
    assert chance["emomusic.r2_arousal"] is not None
    assert chance["emomusic.r2_arousal"] < 0
    parts = [
        (chance["magnatagatune.roc_auc"] + chance["magnatagatune.average_precision"]) / 2,  # type: ignore[operator]
        chance["gtzan.accuracy"],
        chance["giantsteps.weighted_key_score"],
        (chance["emomusic.r2_arousal"] + chance["emomusic.r2_valence"]) / 2,  # type: ignore[operator]
    ]
    assert chance["average"] == pytest.approx(sum(parts) / 4)  # type: ignore[arg-type]


def test_rows_that_disagree_do_not_stop_the_board(
    tmp_path: Path, make_result: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """One row's word against another's is nobody's; of three, that of two is taken."""
    for seed, (name, genre) in enumerate((("one", "genre 0"), ("two", "genre 1"))):
        path = write_row(tmp_path, make_result, name, "gtzan", seed=seed)
        tell(path, constants={"accuracy": genre}, test=290 if seed else 1_000_000)
    table = board(tmp_path)
    assert [line.cells["gtzan.accuracy"].unranked for line in table.lines] == [None, None]
    assert [column.chance for column in table.columns if column.task == "gtzan"] == [None]
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: {path} says another thing of its task's labels (facts)")
    assert "neither is believed, so no score is told from chance" in warning

    path = write_row(tmp_path, make_result, "three", "gtzan", seed=2)
    tell(path, constants={"accuracy": "genre 1"})
    table = board(tmp_path)
    assert table.tests["gtzan"].facts == read_result(path).facts
    assert [line.cells["gtzan.accuracy"].unranked for line in table.lines] == [None] * 3
    (warning,) = capsys.readouterr().err.splitlines()
    assert "what 2 of 3 rows have is taken; run the one that is wrong again" in warning


def test_last_digits_are_no_disagreement(
    tmp_path: Path, make_result: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Processors round differently, so a mean may end otherwise."""
    for seed, (name, value) in enumerate((("one", 0.123456), ("two", 0.123458))):
        path = write_row(tmp_path, make_result, name, "emomusic", seed=seed)
        tell(path, constants={"r2": [0.1, value]})
    chance = [column.chance for column in board(tmp_path).columns if column.task == "emomusic"]
    assert chance
    assert None not in chance
    assert not capsys.readouterr().err


@pytest.mark.parametrize("constant", ["no genre", [1.0, 2.0]])
def test_impossible_constants(tmp_path: Path, make_result: Make, constant: Any) -> None:
    tell(write_row(tmp_path, make_result, "one", "gtzan"), constants={"accuracy": constant})
    with pytest.raises(DataError, match=r"gtzan.paper.json: its facts cannot be \("):
        board(tmp_path)
    for metric in ("no metric", "r2", "acc1"):
        tell(tmp_path / "one" / "gtzan.paper.json", constants={metric: "genre 1"})
        with pytest.raises(DataError, match=r"gtzan.paper.json: its facts cannot be \("):
            board(tmp_path)


def test_no_row_changes_the_chance_level_of_a_task_of_mirbench(
    tmp_path: Path, make_result: Make
) -> None:
    """It would be lower for a rarer class."""
    known = json.loads(
        (Path(__file__).parents[2] / "leaderboard/known/tasks.json").read_text("utf-8")
    )["gtzan"]
    path = write_row(tmp_path, make_result, "one", "gtzan")
    content = read_result(path).model_dump(mode="json")
    content["task"] |= {
        "version": known["version"],
        "split_sha256": known["splits"]["paper"]["sha256"],
        "labels": ["classical", *(f"genre {n}" for n in range(1, 10))],
    }
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    tell(path, constants={"accuracy": "genre 5"}, test=4)
    table = board(tmp_path)
    targets = read_predictions(path).targets
    (column,) = [column for column in table.columns if column.key == "gtzan.accuracy"]
    assert column.chance == pytest.approx(100 * np.mean(np.asarray(targets) == 0))
    assert table.tests["gtzan"].facts is not None
    assert table.tests["gtzan"].facts.test == 290


@pytest.mark.parametrize("told", [False, True])
def test_four_clips_do_not_stand_second(tmp_path: Path, make_result: Make, told: bool) -> None:
    """All of them right, and never ranked: not in the column, not in the order of lines."""
    paths = [write_short_row(tmp_path, make_result, "four", "gtzan", 4)]
    paths += [
        write_row(tmp_path, make_result, name, "gtzan", skill=skill, seed=seed)
        for seed, (name, skill) in enumerate((("good", 3.0), ("bad", 0.5)))
    ]
    for path in paths if told else ():
        tell(path, constants={"accuracy": "genre 0"})
    table = board(tmp_path)
    assert [line.name for line in table.lines] == ["good", "bad", "four"]
    (column,) = [column for column in table.columns if column.key == "gtzan.accuracy"]
    assert column.names == ("good", "bad")
    cell = table.lines[2].cells["gtzan.accuracy"]
    assert (cell.value, cell.group, cell.best) == (100.0, 0, False)
    assert cell.remarks == ["unranked: scored on 4 of 290 clips"]
    html = str(_cell(cell))
    assert html.startswith("<td class=low>100.0<sup>–</sup>")
    assert html.endswith("</p><small>unranked: scored on 4 of 290 clips</small>")
    markdown = build_pages(tmp_path, tmp_path / "out")[0].read_text("utf-8")
    assert re.search(r"^\| four .*100\.0 \[.*\] – .*scored on 4 of 290 clips", markdown, re.M)


def test_clips_that_nobody_can_decode_may_be_missing(tmp_path: Path, make_result: Make) -> None:
    every = made_predictions("gtzan", "paper", 1.0, 0).clip_ids
    path = write_short_row(tmp_path, make_result, "one", "gtzan", 289)
    tell(path, constants={}, faulty=[every[0]])
    assert board(tmp_path).lines[0].cells["gtzan.accuracy"].unranked is not None
    tell(path, constants={}, faulty=[every[289]])
    cell = board(tmp_path).lines[0].cells["gtzan.accuracy"]
    assert (cell.unranked, cell.group) == (None, 1)
    assert cell.remarks == ["1 clip missing"]


def test_clips_that_are_missing_from_train_leave_a_row_ranked(
    tmp_path: Path, make_result: Make
) -> None:
    """As soon as it is known how many clips the test split has."""
    path = write_row(tmp_path, make_result, "one", "gtzan")
    content = read_result(path).model_dump(mode="json")
    content["task"]["missing"] = [{"clip_id": "of train", "reason": "it is not there"}]
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    cell = board(tmp_path).lines[0].cells["gtzan.accuracy"]
    assert (cell.group, cell.unranked) == (0, "1 clip missing, not known from which split")
    tell(path, constants={})
    assert board(tmp_path).lines[0].cells["gtzan.accuracy"].group == 1


def test_an_average_with_an_unranked_part_is_unranked(tmp_path: Path, make_result: Make) -> None:
    for name in ("whole", "part"):
        for task in ("magnatagatune", "gtzan", "giantsteps", "emomusic"):
            write_row(tmp_path, make_result, name, task, skill=1.0)
    write_short_row(tmp_path, make_result, "part", "gtzan", 4)
    lines = {line.name: line.cells for line in board(tmp_path).lines}
    assert lines["whole"]["average"].group == 1
    assert lines["part"]["average"].value > lines["whole"]["average"].value
    assert lines["part"]["average"].unranked == "scored on 4 of 290 clips"
    assert list(lines) == ["whole", "part"]


def test_the_layer_that_was_chosen_is_seen(make_result: Make) -> None:
    result = make_result()
    chosen = result.probe.model_copy(update={"layer": "block <3>"})
    row = type("Row", (), {"result": result.model_copy(update={"probe": chosen})})()
    cell = Cell(1.0, 0.5, 1.5, 1, (row,), overlap=False)
    assert "layer block &lt;3&gt;" in str(_cell(cell))


def test_facts_are_optional_and_checked() -> None:
    assert TaskFacts(group="band", test=3, constants={}).faulty == ()
    with pytest.raises(ValueError, match="greater than 0"):
        TaskFacts(group="band", test=0, constants={})
