"""The page on which two representations are compared, and on which one sees who beats whom.

Everything is computed over whole tables: what is chosen on the page moves nobody to another rank
group. The page holds the interval of every pair, since who is compared is chosen in the browser,
which opens the page as a file and may load nothing; the main page could not hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mirbench.leaderboard import wording
from mirbench.leaderboard.escaping import one_line, script_json
from mirbench.leaderboard.pairs import pack_ends
from mirbench.leaderboard.representation_page import FOLDER, page_name
from mirbench.leaderboard.tables import Column, Table
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
        ``names`` and ``pages`` by number; ``tables``, with what they were tested on and their
        columns: ranked representations, the best first, with scores in hundredths of a point and
        as they are shown, rank groups, marks of overlap and of chance, and the ends of the
        interval of every difference; and who is not ranked.
    """
    names = sorted({line.name for table in tables for line in table.lines})
    number = {name: place for place, name in enumerate(names)}
    return {
        "names": [one_line(name) for name in names],
        "pages": [f"{FOLDER}/{page_name(name)}" for name in names],
        "tables": [
            {
                "split": one_line(table.split),
                "protocol": one_line(table.protocol),
                "tested": one_line(wording.tested_on(table.tests)),
                "columns": [
                    _column(table, column, number)
                    for column in table.columns
                    if column.main and table.scored(column)
                ],
            }
            for table in tables
        ],
    }


def _column(table: Table, column: Column, number: dict[str, int]) -> dict[str, Any]:
    cells = {line.name: line.cells[column.key] for line in table.lines if column.key in line.cells}
    ordered = [cells[name] for name in column.names]
    size, ends = pack_ends(column.ends)
    task, score = map(one_line, column.title)
    return {
        "key": one_line(column.key),
        "task": task,
        "score": score,
        "unranked": [number[name] for name in cells if name not in column.names],
        "chance": [int(cell.at_chance) for cell in ordered],
        "order": [number[name] for name in column.names],
        "values": [round(100 * cell.value) for cell in ordered],
        # As everywhere else, rounded once.
        "shown": [wording.signed(cell.value) for cell in ordered],
        "groups": [cell.rank for cell in ordered],
        "overlap": [int(cell.overlap) for cell in ordered],
        "size": size,
        "ends": ends,
    }
