"""Read the text of a small spreadsheet without a spreadsheet library.

An ``.xlsx`` file is a zip archive of XML (ECMA-376): cells of the first sheet
hold a value, or the number of a shared string.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from mirbench.benchmark.api import DataError

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET = "xl/worksheets/sheet1.xml"
_STRINGS = "xl/sharedStrings.xml"

#: What the standard library raises on damaged, truncated, encrypted or unfamiliar archives.
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, ElementTree.ParseError, OSError, EOFError, struct.error),
    *(KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError),
    *(NotImplementedError, RuntimeError, MemoryError),
)

#: Larger parts than this, in bytes, are no table of a few hundred tracks.
_MAX_PART = 5_000_000


def read_sheet(path: Path) -> list[dict[str, str]]:
    """Read the first sheet: per row a dict from column letters to the text of non-empty cells.

    Raises
    ------
    DataError
        If the file is not a readable spreadsheet.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            has_strings = _STRINGS in archive.namelist()
            strings = _read_strings(_parse(archive, _STRINGS)) if has_strings else []
            return [_read_row(row, strings) for row in _parse(archive, _SHEET).iter(_MAIN + "row")]
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: not a readable spreadsheet ({type(error).__name__}: {error}); download it "
            "again, or remove it to do without it"
        ) from error


def _parse(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > _MAX_PART:
        raise ValueError(f"{name} is larger than {_MAX_PART} bytes")
    content = archive.read(name)
    # Entities are the one way in which a small XML file can blow up; spreadsheets have none.
    if b"<!DOCTYPE" in content:
        raise ValueError(f"{name} has a document type")
    if b"\0" in content[:100]:  # UTF-16, in which it would not be seen; Excel writes UTF-8
        raise ValueError(f"{name} is not UTF-8")
    return ElementTree.fromstring(content)


def _read_strings(root: ElementTree.Element) -> list[str]:
    return ["".join(text.text or "" for text in item.iter(_MAIN + "t")) for item in root]


def _read_row(row: ElementTree.Element, strings: list[str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for cell in row.iter(_MAIN + "c"):
        column = re.sub(r"\d", "", cell.get("r", ""))
        value = cell.findtext(_MAIN + "v")
        if cell.get("t") == "inlineStr":
            cells[column] = "".join(text.text or "" for text in cell.iter(_MAIN + "t"))
        elif value is not None:
            cells[column] = _shared(value, strings) if cell.get("t") == "s" else value
    return cells


def _shared(number: str, strings: list[str]) -> str:
    place = int(number)
    if not 0 <= place < len(strings):
        raise ValueError(f"there is no shared string {place}")
    return strings[place]
