"""Predictions of partial tasks: unobserved cells are kept, and are no way out for other tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import UNOBSERVED, DataError
from mirbench.benchmark.result import Predictions
from mirbench.benchmark.result.predictions import read_predictions, write_predictions
from mirbench.benchmark.submissions.predictions import read_submitted

TARGETS = np.array([[0, 1], [1, UNOBSERVED], [UNOBSERVED, 0]])


@pytest.fixture
def row(tmp_path: Path) -> Path:
    """Path of a row whose predictions leave two cells unobserved."""
    path = tmp_path / "row.json"
    outputs = np.zeros((3, 2), dtype=np.float32)
    write_predictions(path, Predictions(("a", "b", "c"), ("g", "g", "h"), outputs, TARGETS))
    return path


def test_unobserved_cells_are_kept(row: Path) -> None:
    task = toy_task(kind="multilabel", labels=("x", "y"), metrics=("roc_auc",), partial=True)
    for predictions in (read_predictions(row), read_submitted(row, task, 3)):
        np.testing.assert_array_equal(predictions.targets, TARGETS)


def test_a_task_that_is_not_partial_has_no_unobserved_cells(row: Path) -> None:
    task = toy_task(kind="multilabel", labels=("x", "y"), metrics=("roc_auc",))
    with pytest.raises(DataError, match="targets must be 0 to 1"):
        read_submitted(row, task, 3)
