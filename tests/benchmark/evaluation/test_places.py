"""Where the pages of a folder of rows lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbench.benchmark.evaluation.places import page_folder


def test_pages_lie_above_the_rows_of_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From wherever they are named; those of other rows lie beside them."""
    board = tmp_path / "leaderboard"
    (board / "results" / "mine").mkdir(parents=True)
    assert page_folder(board / "results") == board
    for here, results in (
        (board, "results"),
        (board / "results", "."),
        (board, "./results/mine/.."),
    ):
        monkeypatch.chdir(here)
        assert page_folder(Path(results)).resolve() == board.resolve()
    assert page_folder(tmp_path / "results") == tmp_path / "results"
    assert page_folder(board / "rows") == board / "rows"
