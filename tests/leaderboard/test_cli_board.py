"""``mirbench leaderboard build``, ``check`` and ``why``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.made_board import write_row

from mirbench.benchmark.cli import main
from mirbench.benchmark.result import Result


@pytest.fixture
def call(
    tmp_path: Path,
    make_result: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Give a function that runs a command beside a folder ``rows``: status, stdout, stderr."""
    write_row(tmp_path / "rows", make_result, "mine", "gtzan")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mirbench", "leaderboard", *arguments])
        status: Any = 0
        try:
            main()
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_check_says_how_to_mend_a_stale_board(call: Callable[..., tuple[int, str, str]]) -> None:
    options = ("--results", "rows", "--out", "pages")
    status, _, err = call("check", *options)
    assert status == 1
    assert (
        "pages/README.md, pages/index.html, pages/compare.html, pages/rep/mine.html: not what"
        in err
    )
    command = "leaderboard build --results rows --out pages"
    assert f"mend with: mirbench {command}" in err
    assert call("build", *command.split()[2:])[0] == 0
    assert call("check", *options)[:2] == (0, "the board is up to date\n")
    Path("pages/README.md").write_text("old", encoding="utf-8")
    status, _, err = call("check", *options)
    assert status == 1
    assert "index.html" not in err


def test_figures_are_written_on_request(call: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = call("build", "--results", "rows", "--out", "pages", "--latex", "--svg")
    assert status == 0
    assert out.splitlines() == [
        f"wrote pages/{name}"
        for name in (
            "README.md",
            "index.html",
            "compare.html",
            "figures/paper.paper.castellon2021.tex",
            "figures/paper.paper.castellon2021.svg",
            "rep",
        )
    ]


def test_why(call: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = call("why", "mine", "--results", "rows")
    assert status == 0
    assert "gtzan: there" in out
    assert "emomusic: lacking; mirbench run --rep ./mine.py --task emomusic --data DIR" in out
    assert call("why", "yours", "--results", "rows")[0] == 2
    assert call("why", "mine", "--results", "absent")[0] == 2
