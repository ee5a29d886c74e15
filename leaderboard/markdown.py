"""The board as Markdown, with the numbers of the page."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from mirbench.leaderboard import wording
from mirbench.leaderboard.escaping import markdown
from mirbench.leaderboard.names import PAPER, metric_name, task_name
from mirbench.leaderboard.references import NAMES, PublishedTable, load_published
from mirbench.leaderboard.tables import AVERAGE, Column, Line, Table, baseline_cell
from mirbench.leaderboard.wording import coverage, tested_on


def board_markdown(tables: Sequence[Table]) -> str:
    """Render every table, and the published figures."""
    parts = ["# mirbench leaderboard", f"<!-- {wording.MARK} -->", wording.INTRODUCTION]
    parts.append(
        f"The number after an interval is the rank group. {wording.RANK_GROUPS} {wording.UNEVEN} "
        f"{wording.CAUTION}"
    )
    parts += [f"{wording.CHANCE} {wording.BASELINES}", f"{wording.UNRANKED} {wording.ORDER}"]
    parts += [f"◊ {wording.OVERLAP}", wording.STATUS]
    for table in tables:
        parts += _table(table)
    if not tables:
        parts.append("There are no results yet.")
    parts += ["## Published figures", wording.PUBLISHED]
    for name in NAMES:
        parts += _published(load_published(name))
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> list[str]:
    note = "" if table.main_board else f" {wording.NOT_MAIN}"
    header = ["representation", "dims", "coverage", "status"]
    header += [markdown(column.words) for column in table.columns]
    notes = [
        f"{markdown(line.name)}, {markdown(column.words)}: {markdown(difference.words)}"
        for line, column, difference in table.differences
    ]
    return [
        f"## {markdown(table.heading)}, split {markdown(table.split)}",
        f"Protocol {markdown(table.protocol)}.{note} Tested on {markdown(tested_on(table.tests))}.",
        _grid([*(_line(table, line) for line in table.lines), *_unranked(table)], header),
        *notes,
    ]


def _line(table: Table, line: Line) -> list[str]:
    covered = coverage(line.covered, len(table.tasks))
    cells = [markdown(line.name), str(line.dims), covered, line.status]
    for column in table.columns:
        cell = line.cells.get(column.key)
        if cell is None:
            cells.append("–")
            continue
        marks = [f"{cell.text} {cell.rank}".strip(), *(["◊"] if cell.overlap else [])]
        if cell.remarks:
            marks.append(markdown(f"({'; '.join(cell.remarks)})"))
        cells.append(" ".join(marks))
    return cells


def _unranked(table: Table) -> list[list[str]]:
    """Lines of baselines and of chance."""
    lines = []
    for line in table.baselines:
        found = [baseline_cell(line, column) for column in table.columns]
        texts = [cell.text if cell else "–" for cell in found]
        lines.append([f"*{markdown(line.name)}*", str(line.dims), "–", "baseline", *texts])
    if table.has_chance:
        levels = [c.chance for c in table.columns]
        texts = ["–" if level is None else f"{level:z.1f}" for level in levels]
        lines.append(["*chance*", "–", "–", "–", *texts])
    return lines


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
