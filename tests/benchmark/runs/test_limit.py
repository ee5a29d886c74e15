"""Rows on a few clips: marked, on no board, and never taken for others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbench.benchmark.api import DataError
from mirbench.benchmark.evaluation.places import default_out
from mirbench.benchmark.protocol import CASTELLON2021
from mirbench.benchmark.result import Result, read_result, rows_below
from mirbench.leaderboard import load_results
from mirbench.leaderboard.rows import read_rows

Main = Callable[..., tuple[int, str, str]]
RUN = ("run", "--rep", "tinyrep", "--task", "tinytask", "--protocol", "quick", "--jobs", "1")


@pytest.mark.slow
def test_a_row_on_a_few_clips(main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYREP_LOG", str(tmp_path))
    out = tmp_path / "rows"
    complete = out / "tinyrep" / "tinytask.paper.quick.json"
    few = out / "tinyrep" / "limit-9" / "tinytask.paper.quick.json"
    log = tmp_path / "embedded.txt"

    assert main(*RUN, "--out", out)[0] == 0
    content, page = complete.read_bytes(), (out / "README.md").read_bytes()
    embedded = log.read_bytes()
    status, text, err = main(*RUN, "--out", out, "--limit", 9)
    assert status == 0, err
    assert log.read_bytes() == embedded  # what is stored of all clips is used
    assert f"row: {few}" in text
    assert "not for any board" in text
    assert complete.read_bytes() == content
    assert (out / "README.md").read_bytes() == page
    row, other = read_result(few), read_result(complete)
    assert row.protocol.limit == 9
    assert not row.protocol.main_board
    assert row.task.counts == {"train": 9, "valid": 9, "test": 9}
    assert row.identity != other.identity
    assert (row.task.split_sha256, row.place) == (other.task.split_sha256, few.relative_to(out))

    # The same from nothing, and found again.
    alone = tmp_path / "alone"
    elsewhere = ("--out", alone, "--cache", tmp_path / "another", "--limit", 9)
    assert main(*RUN, *elsewhere)[0] == 0
    found = read_result(alone / few.relative_to(out))
    assert (found.identity, found.scores) == (row.identity, row.scores)
    assert "found, identical" in main(*RUN, *elsewhere)[1]

    # On no board, and refused when it is handed in.
    assert rows_below(out) == [complete]
    assert set(load_results(out)["n"]) == {30}
    status, text, _ = main("leaderboard", "validate", few)
    assert status == 1
    assert "protocol.limit: the row is of 9 clips of each split" in text
    moved = tmp_path / "moved" / "tinyrep" / few.name
    shutil.copytree(few.parent, moved.parent)
    with pytest.raises(DataError, match="of a few clips"):
        read_rows(moved.parent.parent)
    assert load_results(moved.parent.parent).empty


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--limit", "2"), "--limit 2 is too few for task 'tinytask': it takes 3 clips"),
        (("--limit", "5", "--part", "1/2"), "leave out --part"),
        (("--limit", "5", "--dry-run"), "leave --limit out"),
    ],
)
def test_what_does_not_go(options: tuple[str, ...], message: str, main: Main) -> None:
    status, _, err = main(*RUN, *options)
    assert status == 2
    assert message in err


def test_submitting_only_such_rows_is_refused(
    main: Main, tmp_path: Path, make_result: Callable[..., Any]
) -> None:
    result: Result = make_result()
    limited = result.protocol.model_copy(update={"limit": 5, "main_board": False})
    row = result.model_copy(update={"protocol": limited})
    path = tmp_path / "rows" / row.place
    path.parent.mkdir(parents=True)
    path.write_text(row.to_json())
    checkout = Path(__file__).resolve().parents[3]
    status, _, err = main("leaderboard", "submit", tmp_path / "rows", "--to", checkout)
    assert status == 2
    assert "no row of a protocol of the board (1 of others); run without" in err


def test_rows_on_all_clips_are_as_they_were(make_result: Callable[..., Any]) -> None:
    result: Result = make_result()
    assert "limit" not in json.loads(result.to_json())["protocol"]
    fields = ["name", "hash", "main_board", "probes", "probes_run"]
    assert list(result.protocol.model_dump(mode="json")) == fields  # as their identities were


def test_they_do_not_go_into_a_checkout_by_default(tmp_path: Path) -> None:
    (tmp_path / "leaderboard" / "results").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('name = "mirbench"\n')
    assert default_out(CASTELLON2021, tmp_path) == tmp_path / "leaderboard" / "results"
    assert default_out(CASTELLON2021, tmp_path, limit=5) == tmp_path / "mirbench-results"
