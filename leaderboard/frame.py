"""Result rows as a tidy table: one line per score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mirbench.benchmark.result import Result, read_results
from mirbench.benchmark.result.shown import COLUMNS as OWN
from mirbench.leaderboard.overlap import overlaps

_BEFORE = OWN.index("dims")

#: Columns of the table: those of `Result.to_frame`, and whether pre-training data overlaps.
COLUMNS = (*OWN[:_BEFORE], "overlap", *OWN[_BEFORE:])


def load_results(folder: Path | str = "leaderboard/results") -> pd.DataFrame:
    """Load every result row below a folder.

    Parameters
    ----------
    folder : Path or str
        As ``mirbench run`` wrote it.

    Returns
    -------
    DataFrame
        One line per score, with the columns `COLUMNS`; `value`, `low` and
        `high` (the 95 % interval) in the metric's own unit (best is 1);
        `overlap` tells whether pre-training data overlaps the task.

    Raises
    ------
    DataError
        If a file is not a result row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # of a run that has not begun
    ...     table = load_results(folder)
    >>> "representation" in table.columns, len(table)
    (True, 0)
    """
    rows = read_results(Path(folder))
    return to_frame([row for row in rows if row.protocol.limit is None])


def to_frame(results: Sequence[Result]) -> pd.DataFrame:
    """Turn rows into a table, sorted by board, task, split, protocol, representation, metric."""
    lines = [
        line | {"overlap": overlaps(result.representation.trained_on, result.task.name)}
        for result in results
        for line in result.tidy()
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    keys = ["board", "task", "split", "protocol", "representation", "metric_rank"]
    return frame.sort_values(keys, ignore_index=True)
