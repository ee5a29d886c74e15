"""Render result rows: a pure function of the folder, same rows, same bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.foreign import Damaged, read_bounded
from mirbench.benchmark.result import Row, slug
from mirbench.leaderboard.board import Table, make_board
from mirbench.leaderboard.compare import COMPARE, compare_html
from mirbench.leaderboard.figures import table_svg
from mirbench.leaderboard.fresh import are_fresh, note_pages, source_digest
from mirbench.leaderboard.latex import table_latex
from mirbench.leaderboard.markdown import board_markdown
from mirbench.leaderboard.page import board_html
from mirbench.leaderboard.representation_page import FOLDER, representation_pages
from mirbench.leaderboard.rows import read_rows
from mirbench.leaderboard.version import data_version
from mirbench.leaderboard.wording import MARK

#: Names of the pages.
PAGES = ("README.md", "index.html", COMPARE)
#: Bytes of a page; that of 1,000 rows has a tenth of it.
_LARGEST = 2**28


def build_pages(
    results: Path, out: Path, latex: bool = False, svg: bool = False, figures: Path | None = None
) -> list[Path]:
    """Render the rows below `results` into `out`.

    Parameters
    ----------
    results : Path
        Folder of the rows.
    out : Path
        Folder of the pages: ``README.md``, ``index.html``, ``compare.html``, and in its folder
        ``rep`` one for each representation; those of representations that have no row any more
        are removed.
    latex, svg : bool
        Whether to write each table as LaTeX, and as a figure, too.
    figures : Path, optional
        Folder of these; default: ``figures`` below `out`.

    Returns
    -------
    list of Path
        What was written: files, and for the pages of representations their folder.

    Raises
    ------
    DataError
        If a file below `results` is not a result row, or rows contradict
        their predictions or each other.
    MirbenchError
        If a page would replace a file that mirbench did not write.
    """
    rows, tables = _read(results)
    pages = _pages(rows, tables, out)
    for table in tables if latex or svg else ():
        name = slug(f"{table.board}.{table.split}.{table.protocol}")
        folder = figures or out / "figures"
        if latex:
            pages[folder / f"{name}.tex"] = table_latex(table)
        if svg:
            pages[folder / f"{name}.svg"] = table_svg(table)
    _put(pages, results, out)
    return [path for path in pages if path.parent != out / FOLDER] + [out / FOLDER][: bool(rows)]


def refresh_pages(results: Path, out: Path) -> list[Path]:
    """As `build_pages`, unless the pages are there already, made from the same rows.

    Returns
    -------
    list of Path
        The pages `PAGES`.

    Raises
    ------
    DataError, MirbenchError
        As `build_pages`.
    """
    source = source_digest(results)
    places = [out / name for name in PAGES]
    if not are_fresh(places, source, out):
        pages = _pages(*_read(results), out)
        _put(pages, results, out)
        note_pages(pages, source, out)
    return places


def stale_pages(results: Path, out: Path) -> list[Path]:
    """List the pages in `out` that are not what `build_pages` would write or leave there.

    Raises
    ------
    DataError
        As `build_pages`.
    """
    pages = _pages(*_read(results), out)
    return [path for path, text in pages.items() if not _holds(path, text)] + [
        *_left_over(pages, results, out)
    ]


def _read(results: Path) -> tuple[list[Row], list[Table]]:
    rows = read_rows(results)
    return rows, make_board(rows)


def _pages(rows: list[Row], tables: list[Table], out: Path) -> dict[Path, str]:
    version = data_version(rows)
    # Beside the rows, as a run writes them; or the rows are in a folder of the page's folder.
    beside = bool(rows) and rows[0].path.parent.parent.resolve() == out.resolve()
    place = "" if beside else "results/"
    texts = (
        board_markdown(tables),
        board_html(rows, tables, version, place),
        compare_html(tables, version),
    )
    pages = {out / name: text for name, text in zip(PAGES, texts, strict=True)}
    for name, text in representation_pages(rows, tables, place).items():
        pages[out / FOLDER / name] = text
    return pages


def _left_over(pages: dict[Path, str], results: Path, out: Path) -> Iterator[Path]:
    """Pages of representations that have no row any more.

    Now, not when the rows were read: another run may have written a row and its page since.
    """
    for path in sorted((out / FOLDER).glob("*.html")):
        has_rows = any((results / path.stem).glob("*.json"))
        if path not in pages and not has_rows and _is_ours(path):
            yield path


def _put(pages: dict[Path, str], results: Path, out: Path) -> None:
    """Write pages, and remove those that are left over."""
    _write(pages)
    for path in _left_over(pages, results, out):
        path.unlink(missing_ok=True)


def _write(pages: dict[Path, str]) -> None:
    for path in pages:
        folder = path.parent
        for there, ours in ((folder, folder.is_dir()), (path, _is_ours(path))):
            if os.path.lexists(there) and not ours:
                raise MirbenchError(f"{there} was not written by mirbench and is left as it is")
    for path, text in pages.items():
        write_atomic(path, text.encode())


def _is_ours(path: Path) -> bool:
    try:
        return MARK.encode() in read_bounded(path, _LARGEST)
    except (OSError, Damaged):
        return False


def _holds(path: Path, text: str) -> bool:
    try:
        return read_bounded(path, _LARGEST) == text.encode()
    except (OSError, Damaged):
        return False
