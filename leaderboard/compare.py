"""The page on which two representations are compared, and on which one sees who beats whom.

Everything is computed over whole tables: what is chosen on the page moves nobody to another rank
group. The page holds the interval of every pair, since who is compared is chosen in the browser,
which opens the page as a file and may load nothing; the main page could not hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mirbench.benchmark.result import slug
from mirbench.leaderboard import wording
from mirbench.leaderboard.board import AVERAGE, Column, Table
from mirbench.leaderboard.escaping import one_line, script_json
from mirbench.leaderboard.names import metric_name, task_name
from mirbench.leaderboard.pairs import pack_ends
from mirbench.leaderboard.templating import page_environment
from mirbench.leaderboard.version import DataVersion

#: Name of the page.
COMPARE = "compare.html"


def compare_html(tables: Sequence[Table], version: DataVersion) -> str:
    """Render the page."""
    return (
        page_environment()
        .get_template("compare.html")
        .render(wording=wording, version=version.words, data=script_json(compared(tables)))
    )


def compared(tables: Sequence[Table]) -> dict[str, Any]:
    """Gather what the page's script reads.

    Returns
    -------
    dict
        ``names`` and ``pages`` by number; ``tables``: those with a representation, with their
        columns: representations, the best first, their scores, the ends of the interval of
        each and of every difference, in hundredths of a point, and their rank groups.
    """
    names = sorted({line.name for table in tables for line in table.lines})
    number = {name: place for place, name in enumerate(names)}
    return {
        "names": [one_line(name) for name in names],
        "pages": [f"rep/{slug(name)}.html" for name in names],
        "tables": [
            {
                "split": one_line(table.split),
                "protocol": one_line(table.protocol),
                "title": one_line(table.heading),
                "columns": [
                    _column(table, column, number)
                    for column in table.columns
                    if column.main and column.names
                ],
            }
            for table in tables
        ],
    }


def _column(table: Table, column: Column, number: dict[str, int]) -> dict[str, Any]:
    cells = {line.name: line.cells[column.key] for line in table.lines if column.key in line.cells}
    ordered = [cells[name] for name in column.names]
    size, ends = pack_ends(column.ends)
    task, score = one_line(task_name(column.task)), one_line(metric_name(column.metric))
    if column.task == AVERAGE:
        task, score = column.title
    return {
        "key": one_line(column.key),
        "task": task,
        "score": score,
        "order": [number[name] for name in column.names],
        "values": [round(100 * cell.value) for cell in ordered],
        # As everywhere else, rounded once.
        "shown": [f"{cell.value:z.1f}".replace("-", "−") for cell in ordered],
        "groups": [cell.group for cell in ordered],
        "overlap": [int(cell.overlap) for cell in ordered],
        "size": size,
        "ends": ends,
    }
