"""The board as data: tables of cells with intervals and rank groups, ready to be rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.result import Result, Row
from mirbench.benchmark.scoring.bootstrap import interval_of
from mirbench.leaderboard.names import BOARDS, CHANGE, PAPER, PAPER_TASKS, metric_name, task_name
from mirbench.leaderboard.overlap import overlaps
from mirbench.leaderboard.pairs import Ends, paired_ends
from mirbench.leaderboard.samples import SampledRow, Samples, sample_rows
from mirbench.leaderboard.statistics import average_samples, better, rank_groups

AVERAGE = "average"


@dataclass(frozen=True)
class Cell:
    """A score with its 95 % interval, times 100, and its rank group.

    Attributes
    ----------
    rows : tuple of Row
        What it follows from: one row, or those of the average.
    overlap : bool
        Whether pre-training data overlaps the task.
    """

    value: float
    low: float
    high: float
    group: int
    rows: tuple[Row, ...]
    overlap: bool

    @property
    def text(self) -> str:
        """Value and interval, one decimal."""
        return f"{self.value:z.1f} [{self.low:z.1f}, {self.high:z.1f}]"


@dataclass(frozen=True)
class Column:
    """A column of scores.

    Attributes
    ----------
    task, metric : str
        Task "average" for the paper's average.
    main : bool
        Whether it is shown from the start.
    names : tuple of str
        Representations with a cell, the best first.
    wins : ndarray of bool
        Who of them is better than whom, as `statistics.better` gives it.
    ends : ndarray of int32
        Intervals of their differences, as `pairs.paired_ends` gives them; only of main columns.
    """

    task: str
    metric: str
    main: bool
    names: tuple[str, ...] = ()
    wins: npt.NDArray[np.bool_] = field(
        default_factory=lambda: np.zeros((0, 0), bool), repr=False, compare=False
    )
    ends: Ends = field(
        default_factory=lambda: np.zeros((0, 2), np.int32), repr=False, compare=False
    )

    @property
    def key(self) -> str:
        """Such as ``gtzan.accuracy``."""
        return self.task if self.task == self.metric else f"{self.task}.{self.metric}"

    @property
    def title(self) -> tuple[str, str]:
        """Task and score for people."""
        if self.task == AVERAGE:
            return "Average", "of four tasks"
        return task_name(self.task), metric_name(self.metric)

    @property
    def words(self) -> str:
        """Title in one line."""
        return " ".join(self.title)


@dataclass(frozen=True)
class Line:
    """One representation in a table.

    Attributes
    ----------
    cells : dict
        Key of a column to its cell, where there is one.
    covered : int
        How many of the table's tasks it was run on.
    """

    name: str
    results: tuple[Result, ...]
    cells: Mapping[str, Cell]
    covered: int

    @property
    def dims(self) -> int:
        """Length of an embedding; the largest, should tasks differ."""
        return max(result.representation.dims for result in self.results)


@dataclass(frozen=True)
class Table:
    """One group of tasks, with one split and protocol."""

    board: str
    split: str
    protocol: str
    main_board: bool
    tasks: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def heading(self) -> str:
        """Name of the group of tasks."""
        return BOARDS.get(self.board, self.board)


def make_board(rows: Sequence[Row]) -> list[Table]:
    """Compute every table, those of the main protocol first.

    Raises
    ------
    DataError
        As `mirbench.leaderboard.samples.sample_rows`.
    """
    parts: dict[tuple[bool, str, int, str, str], list[SampledRow]] = {}
    order = {name: place for place, name in enumerate(BOARDS)}
    for sampled in sample_rows(rows):
        task, protocol = sampled.row.result.task, sampled.row.result.protocol
        place = order.get(task.board, len(order))
        # The paper's split before others.
        split = "" if task.split == "paper" else task.split
        label = sampled.row.result.protocol_label
        key = (not protocol.main_board, label, place, task.board, split)
        parts.setdefault(key, []).append(sampled)
    return [_table(part) for _, part in sorted(parts.items(), key=lambda item: item[0])]


def _table(part: Sequence[SampledRow]) -> Table:
    first = part[0].row.result
    board = first.task.board
    by_name: dict[str, dict[str, SampledRow]] = {}
    for sampled in part:
        by_task = by_name.setdefault(sampled.row.result.representation.name, {})
        by_task[sampled.row.result.task.name] = sampled
    plain = _with_changes(_plain_columns(board, part), first)
    columns, cells = [], {}
    for column in plain:
        if column.task == AVERAGE:
            entries = _average(by_name)
        else:
            entries = {
                name: ((by_task[column.task],), by_task[column.task].samples[column.metric])
                for name, by_task in by_name.items()
                if column.task in by_task and column.metric in by_task[column.task].samples
            }
        done, filled = _fill(column, entries)
        columns.append(done)
        cells[column.key] = filled
    tasks = tuple(dict.fromkeys(column.task for column in columns if column.task != AVERAGE))
    lines = [
        Line(
            name,
            tuple(sampled.row.result for sampled in by_task.values()),
            {key: filled[name] for key, filled in cells.items() if name in filled},
            len(by_task),
        )
        for name, by_task in by_name.items()
    ]
    lines.sort(key=lambda line: (-line.covered, -_mean(columns, line), line.name))
    return Table(
        board=board,
        split=first.task.split,
        protocol=first.protocol_label,
        main_board=first.protocol.main_board,
        tasks=tasks,
        columns=tuple(columns),
        lines=tuple(lines),
    )


def _plain_columns(board: str, part: Sequence[SampledRow]) -> list[Column]:
    """Columns of a table in order, still empty."""
    results = sorted((sampled.row.result for sampled in part), key=lambda r: r.task.name)
    pairs = dict.fromkeys(
        (result.task.name, metric) for result in results for metric, _ in result.ordered_scores()
    )
    if board != "paper":
        # Scores of single outputs can be shown too.
        overall = {
            (result.task.name, metric) for result in results for metric in result.task.metrics
        }
        return [Column(*pair, pair in overall) for pair in pairs]
    paper = [Column(AVERAGE, AVERAGE, True), *(Column(*pair, True) for pair in PAPER)]
    return paper + [Column(*pair, False) for pair in pairs if pair not in PAPER]


def _with_changes(columns: list[Column], first: Result) -> list[Column]:
    """Let the change by a deformation follow each score."""
    if first.deformation is None:
        return columns
    pairs = [
        (column, Column(column.task, column.metric + CHANGE, column.main))
        for column in columns
        if column.task != AVERAGE
    ]
    return [column for pair in pairs for column in pair]


Entries = Mapping[str, tuple[tuple[SampledRow, ...], Samples]]


def _average(by_name: Mapping[str, Mapping[str, SampledRow]]) -> Entries:
    """Average, as in the paper, of those that have all of its tasks."""
    entries = {}
    for name, by_task in by_name.items():
        if all(
            task in by_task and set(metrics) <= set(by_task[task].samples)
            for task, metrics in PAPER_TASKS.items()
        ):
            scores = {
                task: [by_task[task].samples[metric] for metric in metrics]
                for task, metrics in PAPER_TASKS.items()
            }
            entries[name] = (tuple(by_task[task] for task in PAPER_TASKS), average_samples(scores))
    return entries


def _value(column: Column, rows: Sequence[SampledRow]) -> float:
    result = rows[0].row.result
    if column.metric.endswith(CHANGE) and result.deformation is not None:
        return -result.deformation.drops[column.metric.removesuffix(CHANGE)].value
    if column.task != AVERAGE:
        return result.scores[column.metric].value
    means = [
        np.mean([row.row.result.scores[m].value for m in PAPER_TASKS[row.row.result.task.name]])
        for row in rows
    ]
    return float(np.mean(means))


def _fill(column: Column, entries: Entries) -> tuple[Column, dict[str, Cell]]:
    values = {name: _value(column, rows) for name, (rows, _) in entries.items()}
    names = tuple(sorted(entries, key=lambda name: (-values[name], name)))
    sampled = [entries[name][1] for name in names]
    wins = better(sampled)
    ends = paired_ends(sampled if column.main else [], wins)
    groups = rank_groups([values[name] for name in names], wins)
    cells = {}
    for name, group in zip(names, groups, strict=True):
        rows, samples = entries[name]
        low, high = interval_of(samples)
        cells[name] = Cell(
            value=100 * values[name],
            low=100 * low,
            high=100 * high,
            group=group,
            rows=tuple(one.row for one in rows),
            overlap=any(
                overlaps(s.row.result.representation.trained_on, s.row.result.task.name)
                for s in rows
            ),
        )
    return Column(column.task, column.metric, column.main, names, wins, ends), cells


def _mean(columns: Sequence[Column], line: Line) -> float:
    """Mean over tasks of the scores shown from the start, to order lines by."""
    by_task: dict[str, list[float]] = {}
    for column in columns:
        if column.main and column.task != AVERAGE and column.key in line.cells:
            by_task.setdefault(column.task, []).append(line.cells[column.key].value)
    means = [sum(values) / len(values) for values in by_task.values()]
    return sum(means) / len(means) if means else 0.0
