"""Rows that contradict themselves or each other never reach a board."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.made_board import made_predictions, write_row

from mirbench.benchmark.api import DataError
from mirbench.benchmark.result import Predictions, Result, predictions_path, write_result
from mirbench.leaderboard import build_pages
from mirbench.leaderboard.rows import read_rows

Change = Callable[[Result, Predictions], tuple[Result, Predictions]]


def changed(**fields: Any) -> Change:
    """Change fields ``part.field`` of a row."""

    def change(row: Result, predictions: Predictions) -> tuple[Result, Predictions]:
        content = row.model_dump(mode="json")
        for name, value in fields.items():
            part, field = name.split("__")
            content[part][field] = value
        return Result.model_validate(content), predictions

    return change


def edited_score(row: Result, predictions: Predictions) -> tuple[Result, Predictions]:
    better = row.scores["accuracy"].model_copy(update={"value": 0.99})
    return row.model_copy(update={"scores": {"accuracy": better}}), predictions


def other_targets(row: Result, predictions: Predictions) -> tuple[Result, Predictions]:
    targets = predictions.targets.copy()
    # Of a clip that is wrong either way, so that the score stays what it was.
    wrong = np.flatnonzero(predictions.outputs.argmax(axis=1) != targets)[0]
    guess = predictions.outputs[wrong].argmax()
    targets[wrong] = next(k for k in range(10) if k not in (guess, targets[wrong]))
    return row, Predictions(predictions.clip_ids, predictions.groups, predictions.outputs, targets)


def other_groups(row: Result, predictions: Predictions) -> tuple[Result, Predictions]:
    groups = ("elsewhere", *predictions.groups[1:])
    return row, Predictions(predictions.clip_ids, groups, predictions.outputs, predictions.targets)


def not_finite(row: Result, predictions: Predictions) -> tuple[Result, Predictions]:
    outputs = predictions.outputs.copy()
    outputs[5, 5] = np.nan
    return row, Predictions(predictions.clip_ids, predictions.groups, outputs, predictions.targets)


def test_rows_of_model_objects_stay_off_the_board_from_wherever_it_is_built(
    tmp_path: Path, make_result: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirbench.benchmark.result import read_result

    results = tmp_path / "leaderboard" / "results"
    row = read_result(write_row(results, make_result, "mine", "gtzan"))
    live = {"live": True, "origin": "live"}
    representation = row.representation.model_copy(update=live)
    path = write_row(results, make_result, "mine", "gtzan")
    path.write_text(row.model_copy(update={"representation": representation}).to_json(), "utf-8")
    for here, folder in ((tmp_path, results), (results.parent, "results"), (results, ".")):
        monkeypatch.chdir(here)
        with pytest.raises(DataError, match="is of a model object in Python"):
            read_rows(Path(folder))


def too_few(row: Result, predictions: Predictions) -> tuple[Result, Predictions]:
    return row, Predictions(
        predictions.clip_ids[1:],
        predictions.groups[1:],
        predictions.outputs[1:],
        predictions.targets[1:],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edited_score, r"its predictions give a accuracy of 0\.\d+, but the row says 0\.990000"),
        (other_targets, "the group or target of clip '.*' is not that of other rows"),
        (other_groups, "the group or target of clip '00000' is not that of other rows"),
        (not_finite, "does not hold finite outputs for the 290 test clips"),
        (too_few, "does not hold finite outputs for the 290 test clips"),
        (changed(task__split_sha256="1" * 64), "are of different versions of the split"),
        (changed(task__version=2), "are of different versions of the task"),
        (changed(protocol__hash="1" * 16), "are of different versions of the protocol"),
    ],
)
def test_rows_that_are_not_comparable(
    tmp_path: Path, make_result: Callable[..., Result], change: Change, message: str
) -> None:
    from mirbench.benchmark.result import read_result

    write_row(tmp_path, make_result, "fine", "gtzan")
    place = write_row(tmp_path, make_result, "other", "gtzan", seed=1)
    build_pages(tmp_path, tmp_path / "pages")
    before = {path: path.read_bytes() for path in (tmp_path / "pages").glob("*.*")}
    write_result(tmp_path, *change(read_result(place), made_predictions("gtzan", "paper", 2.0, 1)))
    with pytest.raises(DataError, match=message) as caught:
        build_pages(tmp_path, tmp_path / "pages")
    assert str(place).removesuffix(".json") in str(caught.value)
    assert {path: path.read_bytes() for path in (tmp_path / "pages").glob("*.*")} == before


def test_rows_in_the_wrong_place_and_without_predictions(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    path = write_row(tmp_path, make_result, "mine", "gtzan")
    shutil.copytree(path.parent, tmp_path / "copy")
    with pytest.raises(DataError, match=f"says that it belongs at {re.escape(str(path))}"):
        build_pages(tmp_path, tmp_path)
    shutil.rmtree(tmp_path / "copy")
    predictions_path(path).unlink()
    with pytest.raises(DataError, match="cannot read the predictions"):
        build_pages(tmp_path, tmp_path)
    path.write_text("{}")
    with pytest.raises(DataError, match=f"{re.escape(str(path))} is not a result row"):
        build_pages(tmp_path, tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        build_pages(tmp_path / "absent", tmp_path)
