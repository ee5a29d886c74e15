"""Result rows as a tidy table: one line per score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mirbench.benchmark.result import Result, read_results
from mirbench.leaderboard.overlap import overlaps

COLUMNS = (
    "board",
    "task",
    "title",
    "split",
    "protocol",
    "main_board",
    "representation",
    "origin",
    "trained_on",
    "overlap",
    "dims",
    "layers",
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
    "layer",
    "embedding_seconds",
    "probing_seconds",
    "peak_memory_bytes",
    "device",
    "split_sha256",
    "fingerprint",
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
        {
            "board": result.task.board,
            "task": result.task.name,
            "title": result.task.title,
            "split": result.task.split,
            "protocol": result.protocol_label,
            "main_board": result.protocol.main_board,
            "representation": result.representation.name,
            "origin": result.representation.origin,
            "trained_on": result.representation.trained_on,
            "overlap": overlaps(result.representation.trained_on, result.task.name),
            "dims": result.representation.dims,
            "layers": result.representation.layers,
            "metric": metric,
            "metric_rank": rank,
            "value": score.value,
            "low": score.low,
            "high": score.high,
            "n": score.n,
            "groups": score.groups,
            "missing": len(result.task.missing),
            "valid": result.probe.valid,
            "probe": getattr(result.probe, "index", None),
            "layer": result.probe.layer,
            "embedding_seconds": result.cost.embedding_seconds,
            "probing_seconds": result.cost.probing_seconds,
            "peak_memory_bytes": result.cost.peak_memory_bytes,
            "device": result.cost.device,
            "split_sha256": result.task.split_sha256,
            "fingerprint": result.representation.fingerprint,
        }
        for result in results
        for rank, (metric, score) in enumerate(result.ordered_scores())
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    keys = ["board", "task", "split", "protocol", "representation", "metric_rank"]
    return frame.sort_values(keys, ignore_index=True)
