"""Find and read the annotation tables of datasets, whoever wrote or re-saved them.

Copies of one table differ in delimiter, quoting, order of columns, line ends,
byte-order mark and padding of cells. So columns are found by name, the
delimiter is the one that makes the header complete, and cells are stripped.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mirbench.benchmark.api import DataError

_DELIMITERS = (",", "\t", ";")

#: Bytes of a table; that of MagnaTagATune's 188 tags has 14 MB.
_LARGEST = 200_000_000

#: Digits of a clip's number.
_DIGITS = 18

#: Line number in the file (from 1) and the cells of the wanted columns, in the order asked for.
TableRow = tuple[int, list[str]]


def find_file(root: Path, places: Sequence[str], how_to_get: str) -> Path:
    """Find an annotation file below `root` or below one folder in between.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    places : sequence of str
        Where the file may lie, relative to the dataset, likeliest first.
    how_to_get : str
        What to tell someone who lacks it.

    Raises
    ------
    DataError
        If there is no such file; the message says where it was looked for.
    """
    for base in [root, *subfolders(root)]:
        for place in places:
            path = base / place
            if path.is_file():
                return path
    raise DataError(
        f"{Path(places[0]).name} was not found: looked for {' and '.join(places)} below {root}, "
        f"also one folder deeper{'' if root.is_dir() else ' (which does not exist)'}. {how_to_get}"
    )


def subfolders(root: Path) -> list[Path]:
    """Folders directly below `root`, by name; none if it does not exist."""
    try:
        with os.scandir(root) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []


def files_below(root: Path, places: Sequence[str], suffix: str) -> dict[str, Path]:
    """Map the names of files to the files in some folders; of one name, the first counts.

    Parameters
    ----------
    root : Path
        Folder of the dataset; its folders are looked at, too.
    places : sequence of str
        Folders below each of them, likeliest first.
    suffix : str
        Ending of the names, such as ``.wav``.
    """
    files: dict[str, Path] = {}
    for base in [root, *subfolders(root)]:
        for place in places:
            try:
                with os.scandir(base / place) as entries:
                    for entry in entries:
                        if entry.name.endswith(suffix):
                            files.setdefault(entry.name, Path(entry.path))
            except OSError:
                continue
    return files


def has_column(path: Path, column: str) -> bool:
    """Say whether a table has a column of a name, whose case is ignored.

    Raises
    ------
    DataError
        If the table cannot be read.
    """
    header = _read_text(path).partition("\n")[0]
    return column.casefold() in re.split(r"\W+", header.casefold())


def read_table(path: Path, columns: Sequence[str]) -> Iterator[TableRow]:
    """Yield the wanted cells of each row; blank rows are skipped.

    Parameters
    ----------
    path : Path
        A table with a header, separated by commas, tabs or semicolons.
    columns : sequence of str
        Names in the header, whose case is ignored. Of two columns with one
        name the first is taken.

    Raises
    ------
    DataError
        If a column is absent or a row has fewer cells than the header.
    """
    text = _read_text(path)
    header = re.split(r"[\r\n]", text[:100_000], maxsplit=1)[0]
    delimiter, places = _find_columns(path, header, columns)
    width = max(places) + 1
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        next(rows)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) < width:
                raise DataError(
                    f"{path}: line {rows.line_num}: ends after cell {len(row)}, but the columns "
                    f"{', '.join(columns[:4])} need at least {width}"
                )
            yield rows.line_num, [row[place].strip() for place in places]
    except csv.Error as error:
        raise DataError(
            f"{path}: line {rows.line_num}: not a readable table ({error}); a quotation mark may "
            "be left open"
        ) from error


def read_lines(path: Path, largest: int = _LARGEST) -> Iterator[tuple[int, str]]:
    """Yield the lines of a list without a header, stripped, with their numbers; blank ones not.

    Parameters
    ----------
    path : Path
    largest : int
        Bytes that no such list exceeds.

    Raises
    ------
    DataError
        If the file cannot be read, or is larger.
    """
    lines = re.split(r"\r\n|\r|\n", _read_text(path, largest))
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.strip()


def read_table_bytes(path: Path, largest: int, how_to_get: str = "") -> bytes:
    """Read a table as it is.

    Parameters
    ----------
    path : Path
    largest : int
        Bytes that no such table exceeds.
    how_to_get : str
        What to tell someone who cannot read it.

    Raises
    ------
    DataError
        If it cannot be read, or is larger.
    """
    try:
        if path.stat().st_size > largest:
            raise DataError(f"{path}: larger than {largest / 1e6:,.0f} MB, which no such table is")
        return path.read_bytes()
    except OSError as error:
        why = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(f"{why}. {how_to_get}" if how_to_get else why) from error


def parse_id(cell: str, path: Path, line: int) -> str:
    """Turn a clip number into a clip id: decimal digits without leading zeros.

    Raises
    ------
    DataError
        If the cell is not a whole number.
    """
    if not (cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS):
        raise DataError(f"{path}: line {line}: expected the number of a clip, found {cell[:50]!r}")
    return str(int(cell))


def _read_text(path: Path, largest: int = _LARGEST) -> str:
    content = read_table_bytes(path, largest)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Spreadsheets save in the Western code page; Latin-1 decodes any bytes.
        return content.decode("latin-1")


def _find_columns(path: Path, header: str, columns: Sequence[str]) -> tuple[str, list[int]]:
    """Take the delimiter under which the fewest columns are missing."""
    best: tuple[list[str], str, list[str]] | None = None
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        names = [cell.strip().casefold() for cell in cells]
        missing = [column for column in columns if column.casefold() not in names]
        if best is None or len(missing) < len(best[0]):
            best = missing, delimiter, names
    assert best is not None
    missing, delimiter, names = best
    if missing:
        found = ", ".join(name[:40] for name in names[:6]) or "an empty line"
        raise DataError(
            f"{path}: line 1: the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(repr(column) for column in missing[:6])} missing from the header"
            f"{' (and more)' if len(missing) > 6 else ''}; found "
            f"{found}{', …' if len(names) > 6 else ''}"
        )
    return delimiter, [names.index(column.casefold()) for column in columns]
