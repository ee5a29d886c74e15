"""Rows as a tidy DataFrame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mirbench.benchmark.api import DataError
from mirbench.benchmark.result import Predictions, Result, write_result
from mirbench.leaderboard import load_results
from mirbench.leaderboard.frame import COLUMNS


def test_one_line_a_score(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    none = Predictions((), (), np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    rows = [
        make_result("b", task="tags", metrics=("roc_auc", "average_precision"), value=0.25),
        make_result("a", task="tags", metrics=("roc_auc", "average_precision"), value=0.75),
        make_result("a", protocol="quick", board="paper"),
    ]
    for row in rows:
        write_result(tmp_path, row, none)
    frame = load_results(tmp_path)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 5
    pivot = frame[frame.main_board].pivot(index="representation", columns="metric", values="value")
    assert pivot.loc["a", "roc_auc"] == 0.75
    assert pivot.loc["b", "average_precision"] == 0.25
    assert frame.groupby("board").size().to_dict() == {"other": 4, "paper": 1}
    assert (frame.missing == 1).all()
    assert frame.value.between(frame.low, frame.high).all()
    assert frame[["trained_on", "layer"]].isna().all(axis=None)
    assert not frame.overlap.any()
    assert (frame.probing_seconds == 1).all()
    assert set(frame.split_sha256) == {"0" * 64}


def test_empty_and_absent_folders(tmp_path: Path) -> None:
    frame = load_results(str(tmp_path))
    assert tuple(frame.columns) == COLUMNS
    assert frame.empty
    with pytest.raises(DataError, match="there is no folder"):
        load_results(tmp_path / "absent")
