"""The board as one HTML file that needs nothing else: style and script stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mirbench.benchmark.result import Row
from mirbench.leaderboard import wording
from mirbench.leaderboard.board import AVERAGE, Cell, Column, Table
from mirbench.leaderboard.curves import layer_figures
from mirbench.leaderboard.curves_svg import layer_svg
from mirbench.leaderboard.escaping import script_json
from mirbench.leaderboard.facets import CHOICES, TITLES, facets_payload
from mirbench.leaderboard.names import PAPER
from mirbench.leaderboard.payload import payload, subjects
from mirbench.leaderboard.references import NAMES, PublishedRow, PublishedTable, load_published
from mirbench.leaderboard.templating import page_environment
from mirbench.leaderboard.version import DataVersion


@dataclass(frozen=True)
class Section:
    """One table of the page: measured rows, published rows, or both."""

    number: int
    table: Table
    published: PublishedTable | None


def board_html(
    rows: Sequence[Row], tables: Sequence[Table], version: DataVersion, place: str
) -> str:
    """Render the page.

    Parameters
    ----------
    rows : sequence of Row
    tables : sequence of Table
    version : DataVersion
        Of the rows.
    place : str
        What leads from the page to the folders of the rows: nothing, or ``results/``.
    """
    sections = _sections(tables)
    names = subjects(rows)
    numbers = {name: place for place, name in enumerate(names)}
    figures = [
        (figure, Markup(layer_svg(figure)))
        for figure in layer_figures([row.result for row in rows])
    ]
    template = page_environment().get_template("index.html")
    return template.render(
        wording=wording,
        sections=sections,
        splits=list(dict.fromkeys(s.table.split for s in sections)),
        protocols=list(dict.fromkeys(s.table.protocol for s in sections)),
        any_rows=bool(rows),
        numbers=numbers,
        cell=lambda line, column: _cell(line.cells.get(column.key)),
        published_cell=_published_cell,
        figures=figures,
        data=script_json(
            payload(rows, [section.table for section in sections])
            | {"facets": facets_payload(rows, names), "place": place}
        ),
        version=version.words,
        choices=CHOICES,
        choice_titles=TITLES,
    )


def _sections(tables: Sequence[Table]) -> list[Section]:
    """Join each published table to the measured one of its split and protocol."""
    left = {(p.split, p.protocol): p for p in map(load_published, NAMES)}
    sections = []
    for table in tables:
        place = (table.split, table.protocol)
        published = left.pop(place, None) if table.board == "paper" else None
        sections.append((table, published))
    columns = (Column(AVERAGE, AVERAGE, True), *(Column(*pair, True) for pair in PAPER))
    for published in left.values():
        main = published.protocol == "castellon2021"
        table = Table(
            board="paper",
            split=published.split,
            protocol=published.protocol,
            main_board=main,
            tasks=(),
            columns=columns,
            lines=(),
        )
        sections.insert(0 if main else len(sections), (table, published))
    return [Section(number, *pair) for number, pair in enumerate(sections)]


def _cell(cell: Cell | None) -> Markup:
    """Write a cell. Bars and marks, which follow from what stands in it, are the script's."""
    if cell is None:
        return Markup("<td class=none>–")
    return Markup("<td><button{}>{}<sup>{}</sup></button>{}<p>{}").format(
        Markup(" class=best") if cell.group == 1 else "",
        _number(cell.value),
        cell.group,
        Markup("<b>◊</b>") if cell.overlap else "",
        _range(cell),
    )


def _published_cell(row: PublishedRow, column: Column) -> str:
    if column.task == AVERAGE:
        return row.average_cell()
    cells = dict(zip(PAPER, row.cells(), strict=True))
    return cells.get((column.task, column.metric), "–")


def _range(cell: Cell) -> str:
    # A dash between numbers of which one is negative would be read as another minus.
    return (" to " if cell.low < 0 else "–").join((_number(cell.low), _number(cell.high)))


def _number(value: float) -> str:
    return f"{value:z.1f}".replace("-", "−")
