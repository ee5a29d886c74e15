"""A table of the board as a vector figure: a dot and an interval for every score."""

from __future__ import annotations

from html import escape

from mirbench.leaderboard.escaping import one_line
from mirbench.leaderboard.tables import Column, Table
from mirbench.leaderboard.wording import MARK, signed

NAME_WIDTH, PANEL, GAP, ROW, TOP, BOTTOM = 190, 130, 14, 18, 44, 26
_LONGEST = 30


def table_svg(table: Table) -> str:
    """Draw a panel for each score, a line for each representation; rank group 1 is filled.

    A dashed line stands at the chance level, if it is known.

    Returns
    -------
    str
        An SVG document: same table, same bytes.
    """
    columns = [column for column in table.columns if column.main and table.scored(column)]
    width = NAME_WIDTH + len(columns) * (PANEL + GAP) + GAP
    height = TOP + ROW * len(table.lines) + BOTTOM
    title = f"{table.heading}, split {table.split}, protocol {table.protocol}"
    parts = [
        f"<!-- {MARK} -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="10" fill="#111">',
        f"<title>{escape(one_line(title))}</title>",
    ]
    for place, line in enumerate(table.lines):
        y = TOP + ROW * place + ROW / 2
        name = one_line(line.name)
        short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        parts.append(
            f'<text x="{NAME_WIDTH - 8}" y="{y + 3.5:.1f}" text-anchor="end">{escape(short)}</text>'
        )
    for number, column in enumerate(columns):
        parts += _panel(table, column, NAME_WIDTH + number * (PANEL + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(table: Table, column: Column, left: float) -> list[str]:
    cells = [
        (place, line.cells[column.key])
        for place, line in enumerate(table.lines)
        if column.key in line.cells
    ]
    chance = [] if column.chance is None else [column.chance]
    low = min([cell.low for _, cell in cells] + chance)
    high = max([cell.high for _, cell in cells] + chance)
    room = (high - low) * 0.05 or 1.0
    low, high = low - room, high + room

    def x(value: float) -> str:
        return f"{left + PANEL * (value - low) / (high - low):.2f}"

    bottom = TOP + ROW * len(table.lines)
    task, metric = (escape(one_line(text)) for text in column.title)
    parts = [
        f'<text x="{left}" y="16" font-weight="bold">{task}</text>',
        f'<text x="{left}" y="29" fill="#555">{metric}</text>',
        f'<path d="M{left} {TOP}V{bottom}H{left + PANEL}" fill="none" stroke="#999"/>',
    ]
    for value, anchor in ((low + room, "start"), (high - room, "end")):
        parts.append(
            f'<text x="{x(value)}" y="{bottom + 13}" text-anchor="{anchor}" fill="#555">'
            f"{signed(value)}</text>"
        )
    for level in chance:
        parts.append(f'<path d="M{x(level)} {TOP}V{bottom}" stroke="#999" stroke-dasharray="3 3"/>')
    for place, cell in cells:
        y = f"{TOP + ROW * place + ROW / 2:.1f}"
        fill = "#111" if cell.best else "#fff"
        parts.append(
            f'<path d="M{x(cell.low)} {y}H{x(cell.high)}" stroke="#111"/>'
            f'<circle cx="{x(cell.value)}" cy="{y}" r="3" fill="{fill}" stroke="#111"/>'
        )
    return parts
