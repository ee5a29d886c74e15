"""Rows whose groups have changed are measured again; rendered clips are never missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbench.benchmark import probe
from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.result import Row, read_predictions, read_result, write_result


def _save(path: Path, task: str, leave_out: tuple[str, ...] = ()) -> Path:
    """Write random embeddings of every clip, three windows each where there are windows."""
    spec = load_task(task)
    ids = [i for i in load_split(spec, "paper").of if i not in leave_out]
    if spec.window is not None:
        ids = [f"{clip_id}-{k}" for clip_id in ids for k in range(3)]
    values = np.random.default_rng(0).standard_normal((len(ids), 3))
    np.savez(path, clip_id=np.array(ids), embedding=values)
    return path


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    file = _save(tmp_path / "mine.npz", "gtzan")
    places = {"data": tmp_path / "data", "out": tmp_path / "out", "cache": tmp_path / "cache"}
    return {"task": "gtzan", "embeddings": file, "protocol": "quick", **places}


def test_a_row_over_other_groups_is_not_taken_for_the_same(arguments: dict[str, Any]) -> None:
    first = probe(**arguments)
    assert not first.found
    assert first.result.scores["accuracy"].groups == 123
    facts = first.result.facts
    assert facts is not None
    assert (facts.group, facts.test, facts.constants) == ("artist", 290, {"accuracy": "classical"})
    assert probe(**arguments).found
    for spoil in (_regroup, _make_older):
        before = spoil(first)
        assert read_result(first.path).to_json() == before
        again = probe(**arguments)
        assert not again.found
        assert again.result.scores == first.result.scores
        assert read_result(first.path).identity == first.result.identity
        assert set(read_predictions(first.path).groups) == set(read_predictions(again.path).groups)
        assert probe(**arguments).found


def _regroup(row: Row) -> str:
    """Make every clip a group of its own, as before their artists were known."""
    predictions = read_predictions(row.path)
    write_result(row.path.parents[1], row.result, replace(predictions, groups=predictions.clip_ids))
    return row.result.to_json()


def _make_older(row: Row) -> str:
    """Make it a row of the task's version before."""
    task = row.result.task.model_copy(update={"version": 1})
    older = row.result.model_copy(update={"task": task})
    assert older.identity != row.result.identity
    write_result(row.path.parents[1], older, read_predictions(row.path))
    return older.to_json()


def test_other_groups_do_not_let_a_row_of_another_origin_be_replaced(
    arguments: dict[str, Any],
) -> None:
    first = probe(**arguments)
    _regroup(first)
    content = json.loads(first.path.read_text(encoding="utf-8"))
    content["representation"]["origin"] = "somebody's package"
    first.path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UsageError, match="is the row of another 'mine'"):
        probe(**arguments)


@pytest.mark.parametrize(
    "task", ["rendered_key", "rendered_tempo", "rendered_instruments", "rendered_chords"]
)
@pytest.mark.parametrize("max_missing", [0.05, 1.0])
def test_a_rendered_clip_is_never_missing(task: str, max_missing: float, tmp_path: Path) -> None:
    file = _save(tmp_path / "mine.npz", task, ("band03-1",))
    out = tmp_path / "out"
    with pytest.raises(DataError) as caught:
        probe(
            task,
            embeddings=file,
            protocol="quick",
            out=out,
            cache=tmp_path / "cache",
            max_missing=max_missing,
        )
    assert "1 of 288 clips is missing, and none may be, since mirbench makes" in str(caught.value)
    assert "band03-1: not in mine.npz" in str(caught.value)
    assert list(out.iterdir()) == []


def test_a_clip_of_a_dataset_may_be(arguments: dict[str, Any]) -> None:
    _save(arguments["embeddings"], "gtzan", ("jazz.00054", "blues.00029"))
    row = probe(**arguments).result.task
    assert [clip.clip_id for clip in row.missing] == ["blues.00029", "jazz.00054"]
