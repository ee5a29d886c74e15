"""What a command that writes rows prints of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.made_board import write_row

from mirbench.benchmark.cli.rows import report_rows
from mirbench.benchmark.result import Result, Row, read_result


def test_the_page_that_is_named_is_the_leaderboard(
    tmp_path: Path, make_result: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_row(tmp_path / "rows", make_result, "one", "gtzan")
    report_rows([Row(path, read_result(path))])
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"rows: {tmp_path / 'rows'}",
        f"leaderboard: {tmp_path / 'rows' / 'index.html'}",
    ]
    assert (tmp_path / "rows" / "index.html").is_file()
