"""Tables of the board: one a group of tasks, split and protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

BOARDS = {
    "paper": "The paper's four tasks",
    "rendered": "Rendered tasks (diagnostics, made by mirbench)",
    "other": "Other tasks",
}

METRIC_NAMES = {
    "accuracy": "accuracy",
    "weighted_key_score": "weighted key score",
    "roc_auc": "ROC-AUC",
    "average_precision": "AP",
    "r2": "R²",
}


@dataclass(frozen=True)
class Cell:
    """A score with its 95 % interval, times 100."""

    value: float
    low: float
    high: float
    n: int
    missing: int

    @property
    def text(self) -> str:
        """Value and interval, one decimal."""
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True)
class Table:
    """One table of the board.

    Attributes
    ----------
    columns : list of (task, metric)
    rows : dict
        Representation to its cells, one a column; None where it was not run.
        By the mean over tasks, those with every task first.
    """

    heading: str
    split: str
    protocol: str
    main_board: bool
    columns: list[tuple[str, str]]
    rows: dict[str, list[Cell | None]]

    def column_titles(self) -> list[tuple[str, str]]:
        """Give titles such as ``("gtzan", "accuracy")``."""
        return [(task, metric_name(metric)) for task, metric in self.columns]


def metric_name(metric: str) -> str:
    """Name of a metric for people; ``r2_valence`` is "R² valence"."""
    base, _, output = metric.partition("r2_")
    return f"R² {output}" if output and not base else METRIC_NAMES.get(metric, metric)


def tables(frame: pd.DataFrame) -> Iterator[Table]:
    """Give the tables of the board, those of the main protocol first."""
    order = {board: number for number, board in enumerate(BOARDS)}
    keys = ["main_board", "protocol", "board", "split"]
    groups = [(key, part) for key, part in frame.groupby(keys, sort=True)]
    groups.sort(key=lambda group: (not group[0][0], group[0][1], order.get(group[0][2], 9)))
    for (main_board, protocol, board, split), part in groups:
        yield _table(part, BOARDS.get(board, board), split, protocol, bool(main_board))


def _table(part: pd.DataFrame, heading: str, split: str, protocol: str, main: bool) -> Table:
    ranked = (
        part[["task", "metric_rank", "metric"]]
        .drop_duplicates()
        .sort_values(["task", "metric_rank"])
    )
    columns = list(dict.fromkeys(zip(ranked["task"], ranked["metric"], strict=True)))
    rows: dict[str, list[Cell | None]] = {}
    for name, own in part.groupby("representation", sort=True):
        cells = {
            (line.task, line.metric): Cell(
                100 * line.value, 100 * line.low, 100 * line.high, line.n, line.missing
            )
            for line in own.itertuples()
        }
        rows[str(name)] = [cells.get(column) for column in columns]
    ordered = sorted(rows, key=lambda name: (None in rows[name], -_mean(columns, rows[name]), name))
    return Table(heading, split, protocol, main, columns, {name: rows[name] for name in ordered})


def _mean(columns: list[tuple[str, str]], cells: list[Cell | None]) -> float:
    """Mean over tasks, after the metrics of a task have been averaged, as in the paper."""
    by_task: dict[str, list[float]] = {}
    for (task, _), cell in zip(columns, cells, strict=True):
        if cell is not None:
            by_task.setdefault(task, []).append(cell.value)
    means = [sum(values) / len(values) for values in by_task.values()]
    return sum(means) / len(means) if means else 0.0
