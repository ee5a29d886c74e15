"""Scores that round to zero from below are written without a minus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mirbench.benchmark.cli.reproduce_report import _number as reproduced
from mirbench.benchmark.cli.tables import row_table
from mirbench.benchmark.result import Result, Row
from mirbench.leaderboard.board import Cell
from mirbench.leaderboard.latex import _cell as latex
from mirbench.leaderboard.page import _cell as page
from mirbench.leaderboard.payload import _facts

#: A score times 100, and how it is written.
SCORES = [
    (-0.0, "0.0"),
    (-0.04, "0.0"),
    (-0.0499, "0.0"),
    (-1e-300, "0.0"),
    (0.04, "0.0"),
    (-0.06, "-0.1"),
    (-12.34, "-12.3"),
    (99.96, "100.0"),
]


@pytest.mark.parametrize(("score", "text"), SCORES)
def test_on_the_board(score: float, text: str) -> None:
    cell = Cell(score, score, score, 2, (), overlap=False)
    minus = text.replace("-", "−")
    assert cell.text == f"{text} [{text}, {text}]"
    assert f">{minus}<sup>" in page(cell)
    assert page(cell).count("−") == 3 * text.count("-")
    assert latex(cell).count("$-$") == 3 * text.count("-")
    assert "-0.0" not in latex(cell)


@pytest.mark.parametrize(("score", "text"), SCORES)
def test_on_the_terminal(make_result: Callable[..., Result], score: float, text: str) -> None:
    result = make_result(value=min(1, score / 100))
    table = row_table([Row(Path("row.json"), result, found=False)])
    assert f"  {text}  " in table.splitlines()[2]
    assert reproduced(score / 100) == text
    assert reproduced(score / 100, "+") == (text if text.startswith("-") else f"+{text}")


@pytest.mark.parametrize("valid", [-0.0, -0.0004, -1e-9])
def test_on_the_page_of_a_row(make_result: Callable[..., Result], valid: float) -> None:
    result = make_result()
    probe = result.probe.model_copy(update={"valid": valid})
    assert str(_facts(result.model_copy(update={"probe": probe}))["valid"]) == "0.0"
