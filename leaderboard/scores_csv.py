"""Scores of one representation as CSV, for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from mirbench.leaderboard.cards import NOT_STATED, Known
from mirbench.leaderboard.escaping import one_line
from mirbench.leaderboard.tables import Cell, Column, Table

#: Columns of the table; the main page's download has the same facts.
CSV_COLUMNS = (
    "representation",
    "split",
    "protocol",
    "task",
    "metric",
    "score",
    "low",
    "high",
    "rank_group",
    "compared",
    "at_chance",
    "overlap",
    "licence",
    "dims",
    "parameters",
    "embedding_seconds",
)

#: What a spreadsheet takes for the beginning of a formula, in full width, too.
_FORMULA = tuple("=+-@＝＋－＠")


@dataclass(frozen=True)
class Part:
    """Scores of a representation in one table of the board.

    Attributes
    ----------
    status : str
        Who vouches for its rows.
    """

    table: Table
    status: str
    scores: tuple[tuple[Column, Cell], ...]


def scores_csv(name: str, known: Known, parts: Sequence[Part]) -> str:
    """Write a line per score, times 100; cells of what is not known, or has no rank, are empty.

    Parameters
    ----------
    name : str
    known : Known
        Of its card.
    parts : sequence of Part
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for part in parts:
        for column, cell in part.scores:
            words = (name, part.table.split, part.table.protocol, column.task, column.metric)
            ends = (f"{value:z.2f}" for value in (cell.value, cell.low, cell.high))
            rank = "" if cell.alone or not cell.group else cell.group
            marks = ("yes" if mark else "no" for mark in (cell.at_chance, cell.overlap))
            costs = (_dims(cell), known.parameters, _seconds(cell))
            licence = spreadsheet(known.licence or NOT_STATED)
            writer.writerow(
                [*map(spreadsheet, words), *ends, rank, len(column.names), *marks, licence, *costs]
            )
    return text.getvalue()


def spreadsheet(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def _dims(cell: Cell) -> int:
    return max(row.result.representation.dims for row in cell.rows)


def _seconds(cell: Cell) -> str:
    """Sum over the rows that the score follows from; nothing if any was not measured."""
    seconds = [row.result.cost.embedding_seconds for row in cell.rows]
    return f"{sum(seconds):.1f}" if all(seconds) else ""
