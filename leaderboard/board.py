"""The board as data: tables of cells with intervals and rank groups, ready to be rendered."""

from __future__ import annotations

from collections.abc import Sequence

from mirbench.benchmark.result import Result, Row, standing_of
from mirbench.leaderboard.baselines import baseline_lines
from mirbench.leaderboard.filling import entries_of, fill
from mirbench.leaderboard.names import BOARDS, PAPER
from mirbench.leaderboard.samples import SampledRow, sample_rows
from mirbench.leaderboard.tables import AVERAGE, Cell, Column, Line, Table
from mirbench.leaderboard.wording import vouched

__all__ = ["AVERAGE", "Cell", "Column", "Line", "Table", "make_board"]


def make_board(rows: Sequence[Row]) -> list[Table]:
    """Compute every table, those of the main protocol first.

    Raises
    ------
    DataError
        As `mirbench.leaderboard.samples.sample_rows`, and if a verification cannot be read.
    """
    parts: dict[tuple[bool, str, int, str, str], list[SampledRow]] = {}
    order = {name: place for place, name in enumerate(BOARDS)}
    for sampled in sample_rows(rows):
        task, protocol = sampled.result.task, sampled.result.protocol
        place = order.get(task.board, len(order))
        # The paper's split before others.
        split = "" if task.split == "paper" else task.split
        label = sampled.result.protocol_label
        key = (not protocol.main_board, label, place, task.board, split)
        parts.setdefault(key, []).append(sampled)
    return [_table(part) for _, part in sorted(parts.items(), key=lambda item: item[0])]


def _table(part: Sequence[SampledRow]) -> Table:
    first = part[0].row.result
    board = first.task.board
    by_name: dict[str, dict[str, SampledRow]] = {}
    for sampled in part:
        by_task = by_name.setdefault(sampled.result.representation.name, {})
        by_task[sampled.result.task.name] = sampled
    columns, cells = [], {}
    for column in _with_changes(_plain_columns(board, part), first):
        done, filled = fill(column, entries_of(column, by_name))
        columns.append(done)
        cells[column.key] = filled
    lines = [
        Line(
            name,
            tuple(sampled.result for sampled in by_task.values()),
            {key: filled[name] for key, filled in cells.items() if name in filled},
            covered=len(by_task),
            ranked=sum(sampled.unranked is None for sampled in by_task.values()),
            status=vouched([standing_of(sampled.row.path) for sampled in by_task.values()]),
        )
        for name, by_task in by_name.items()
    ]
    lines.sort(key=lambda line: (-line.ranked, -_mean(columns, line), line.name))
    return Table(
        board=board,
        split=first.task.split,
        protocol=first.protocol_label,
        main_board=first.protocol.main_board,
        tasks=tuple(dict.fromkeys(column.task for column in columns if column.task != AVERAGE)),
        columns=tuple(columns),
        lines=tuple(lines),
        tests={sampled.result.task.name: sampled.test for sampled in part},
        baselines=baseline_lines([sampled.result for sampled in part]),
    )


def _plain_columns(board: str, part: Sequence[SampledRow]) -> list[Column]:
    """Columns of a table in order, still empty."""
    results = sorted((sampled.result for sampled in part), key=lambda r: r.task.name)
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
        (column, Column(column.task, column.metric, column.main, change=True))
        for column in columns
        if column.task != AVERAGE
    ]
    return [column for pair in pairs for column in pair]


def _mean(columns: Sequence[Column], line: Line) -> float:
    """Mean over tasks of the ranked scores shown from the start, to order lines by."""
    by_task: dict[str, list[float]] = {}
    for column in columns:
        cell = line.cells.get(column.key)
        if cell is not None and cell.group and column.main and column.task != AVERAGE:
            by_task.setdefault(column.task, []).append(cell.value)
    means = [sum(values) / len(values) for values in by_task.values()]
    return sum(means) / len(means) if means else 0.0
