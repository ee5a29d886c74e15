"""The board as Markdown, with the numbers of the page."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from mirbench.leaderboard.board import AVERAGE, Column, Line, Table
from mirbench.leaderboard.escaping import markdown
from mirbench.leaderboard.names import PAPER, metric_name, task_name
from mirbench.leaderboard.references import NAMES, PublishedTable, load_published
from mirbench.leaderboard.wording import (
    CAUTION,
    INTRODUCTION,
    MARK,
    NOT_MAIN,
    ORDER,
    OVERLAP,
    PUBLISHED,
    RANK_GROUPS,
    coverage,
)


def board_markdown(tables: Sequence[Table]) -> str:
    """Render every table, and the published figures."""
    parts = ["# mirbench leaderboard", f"<!-- {MARK} -->", INTRODUCTION]
    parts.append(f"The number after an interval is the rank group. {RANK_GROUPS} {CAUTION}")
    parts.append(ORDER)
    parts.append(f"◊ {OVERLAP}")
    for table in tables:
        note = "" if table.main_board else f" {NOT_MAIN}"
        parts.append(f"## {markdown(table.heading)}, split {markdown(table.split)}")
        parts.append(f"Protocol {markdown(table.protocol)}.{note}")
        header = ["representation", "dims", "coverage"]
        header += [markdown(column.words) for column in table.columns]
        parts.append(_grid([_line(table, line) for line in table.lines], header))
    if not tables:
        parts.append("There are no results yet.")
    parts += ["## Published figures", PUBLISHED]
    for name in NAMES:
        parts += _published(load_published(name))
    return "\n\n".join(parts) + "\n"


def _line(table: Table, line: Line) -> list[str]:
    cells = [markdown(line.name), str(line.dims), coverage(line.covered, len(table.tasks))]
    for column in table.columns:
        cell = line.cells.get(column.key)
        mark = " ◊" if cell and cell.overlap else ""
        cells.append(f"{cell.text} {cell.group}{mark}" if cell else "–")
    return cells


def _published(table: PublishedTable) -> list[str]:
    lines = [
        [
            markdown(row.representation + row.mark),
            str(row.dims or "–"),
            *(c.replace("*", r"\*") for c in (row.average_cell(), *row.cells())),
        ]
        for row in table.rows
    ]
    header = ["representation", "dims", Column(AVERAGE, AVERAGE, True).words]
    header += [f"{task_name(task)} {metric_name(m)}" for task, m in PAPER]
    return [
        f"### {markdown(table.protocol)}",
        f"Source: [{markdown(table.citation)}]({table.url}). Split `{table.split}`, protocol "
        f"`{table.protocol}`. {markdown(' '.join(table.notes))}",
        _grid(lines, header),
    ]


def _grid(lines: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    return tabulate(lines, header, tablefmt="pipe", disable_numparse=True)
