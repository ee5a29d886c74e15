"""Result rows as a tidy table: one line a score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mirbench.benchmark.result import Result, read_results

COLUMNS = (
    "board",
    "task",
    "title",
    "split",
    "protocol",
    "main_board",
    "representation",
    "origin",
    "dims",
    "metric",
    "metric_rank",
    "value",
    "low",
    "high",
    "n",
    "groups",
    "missing",
    "valid",
    "probe",
    "embedding_seconds",
)


def load_results(folder: Path | str = "leaderboard/results") -> pd.DataFrame:
    """Load every result row below a folder.

    Parameters
    ----------
    folder : Path or str
        As ``mirbench run`` wrote it.

    Returns
    -------
    DataFrame
        One line a score, with the columns `COLUMNS`; `value`, `low` and
        `high` in the metric's own unit (best is 1).

    Raises
    ------
    DataError
        If a file is not a result row.
    """
    return to_frame(read_results(Path(folder)))


def to_frame(results: Sequence[Result]) -> pd.DataFrame:
    """Turn rows into a table, sorted by board, task, split, protocol, representation, metric."""
    lines = [
        {
            "board": result.task.board,
            "task": result.task.name,
            "title": result.task.title,
            "split": result.task.split,
            "protocol": result.protocol.name,
            "main_board": result.protocol.main_board,
            "representation": result.representation.name,
            "origin": result.representation.origin,
            "dims": result.representation.dims,
            "metric": metric,
            "metric_rank": rank,
            "value": score.value,
            "low": score.low,
            "high": score.high,
            "n": score.n,
            "groups": score.groups,
            "missing": len(result.task.missing),
            "valid": result.probe.valid,
            "probe": result.probe.index,
            "embedding_seconds": result.cost.embedding_seconds,
        }
        for result in results
        for rank, (metric, score) in enumerate(result.ordered_scores())
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    keys = ["board", "task", "split", "protocol", "representation", "metric_rank"]
    return frame.sort_values(keys, ignore_index=True)
