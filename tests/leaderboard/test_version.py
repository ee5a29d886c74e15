"""The version of a board's data follows from its rows alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers.made_board import write_row

from mirbench.benchmark.result import Result, read_result
from mirbench.leaderboard.rows import read_rows
from mirbench.leaderboard.version import data_version


def dated(path: Path, date: str | None) -> None:
    content = read_result(path).model_dump(mode="json")
    content["environment"]["date"] = date
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")


def test_the_newest_row_gives_the_date(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    paths = [write_row(tmp_path, make_result, name, "gtzan") for name in "abc"]
    without = data_version(read_rows(tmp_path))
    assert without.newest is None
    assert without.words == f"3 rows, without dates; version {without.digest}"
    for path, date in zip(paths, ("2026-11-27", "2026-02-03", None), strict=True):
        dated(path, date)
    found = data_version(read_rows(tmp_path))
    assert found.newest == "2026-11-27"
    assert found.undated == 1
    assert found.words == (
        f"3 rows; the newest was made on 2026-11-27 (1 without a date); version {found.digest}"
    )
    assert found.digest != without.digest
    assert data_version(read_rows(tmp_path)) == found


def test_no_rows_have_no_version(tmp_path: Path) -> None:
    assert data_version(read_rows(tmp_path)).words == "no rows"
