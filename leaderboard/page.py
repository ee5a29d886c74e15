"""The board as one HTML file that needs nothing else: style and script stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mirbench.benchmark.result import Row
from mirbench.leaderboard import wording
from mirbench.leaderboard.baselines import BaselineLine
from mirbench.leaderboard.curves import layer_figures
from mirbench.leaderboard.curves_svg import layer_svg
from mirbench.leaderboard.escaping import one_line, script_json
from mirbench.leaderboard.facets import CHOICES, TITLES, facets_payload
from mirbench.leaderboard.names import PAPER
from mirbench.leaderboard.payload import payload, subjects
from mirbench.leaderboard.references import NAMES, PublishedRow, PublishedTable, load_published
from mirbench.leaderboard.tables import AVERAGE, Cell, Column, Line, Table, baseline_cell
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
        opened=_opened(sections),
        splits=list(dict.fromkeys(s.table.split for s in sections)),
        protocols=list(dict.fromkeys(s.table.protocol for s in sections)),
        any_rows=bool(rows),
        numbers=numbers,
        cell=lambda line, column: _cell(line.cells.get(column.key)),
        baseline_cell=_baseline_cell,
        level=_level,
        remarks=_remarks,
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
    """Join each published table to the measured one of its split and protocol.

    Published tables without measured rows come last, that of the main protocol first.
    """
    left = {(p.split, p.protocol): p for p in map(load_published, NAMES)}
    sections = []
    for table in tables:
        place = (table.split, table.protocol)
        published = left.pop(place, None) if table.board == "paper" else None
        sections.append((table, published))
    columns = (Column(AVERAGE, AVERAGE, True), *(Column(*pair, True) for pair in PAPER))
    alone = [
        Table(
            board="paper",
            split=published.split,
            protocol=published.protocol,
            main_board=published.protocol == "castellon2021",
            tasks=(),
            columns=columns,
            lines=(),
        )
        for published in left.values()
    ]
    alone.sort(key=lambda table: not table.main_board)
    sections += [(table, left[table.split, table.protocol]) for table in alone]
    return [Section(number, *pair) for number, pair in enumerate(sections)]


def _opened(sections: Sequence[Section]) -> Table:
    """Find the table that is to be seen first: one with measured rows, if there is any."""
    return next((s.table for s in sections if s.table.lines), sections[0].table)


def _cell(cell: Cell | None) -> Markup:
    """Write a cell. Buttons and bars, which follow from what stands in it, are the script's."""
    if cell is None:
        return Markup("<td class=none>–")
    kind = "best" if cell.best else "low" if cell.at_chance or not cell.group else ""
    return Markup("<td{}>{}<sup>{}</sup>{}<p>{}{}").format(
        Markup(f" class={kind}") if kind else "",
        wording.signed(cell.value),
        cell.rank,
        Markup("<b>◊</b>") if cell.overlap else "",
        _range(cell.low, cell.high),
        Markup("</p><small>{}</small>").format(one_line(", ".join(cell.remarks)))
        if cell.remarks
        else "",
    )


def _remarks(table: Table, line: Line) -> str:
    return wording.remarks_on(line.status, line.covered, len(table.tasks))


def _baseline_cell(line: BaselineLine, column: Column) -> Markup:
    cell = baseline_cell(line, column)
    if cell is None:
        return Markup("<td>–")
    return Markup("<td>{}<p>{}").format(wording.signed(cell.value), _range(cell.low, cell.high))


def _level(column: Column) -> str:
    return "–" if column.chance is None else wording.signed(column.chance)


def _published_cell(row: PublishedRow, column: Column) -> str:
    if column.task == AVERAGE:
        return row.average_cell()
    cells = dict(zip(PAPER, row.cells(), strict=True))
    return cells.get((column.task, column.metric), "–")


def _range(low: float, high: float) -> str:
    # A dash between numbers of which one is negative would be read as another minus.
    return (" to " if low < 0 else "–").join((wording.signed(low), wording.signed(high)))
