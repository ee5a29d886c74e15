"""Tables are read alike however they were saved, and what cannot be read is named."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirbench.benchmark.api import DataError
from mirbench.tasks._tables import find_file, read_table

COLUMNS = ["clip_id", "Artist", "mean arousal"]
# A writer may leave a lone carriage return unquoted, and then nobody can tell it from a line end.
_CELLS = st.text("aB0 .\"',;\t\n\u00e9\u2026\ufeff", max_size=8)


@given(
    rows=st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=5),
    order=st.permutations([*COLUMNS, "unasked"]),
    delimiter=st.sampled_from([",", "\t", ";"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_dialect_gives_the_same_cells(
    tmp_path: Path,
    rows: list[tuple[str, str, str]],
    order: list[str],
    delimiter: str,
    quoting: int,
    line_end: str,
    bom: bool,
) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table, delimiter=delimiter, quoting=quoting, lineterminator=line_end)  # type: ignore[arg-type]
    writer.writerow(order)
    for row in rows:
        cells = dict(zip(COLUMNS, row, strict=True)) | {"unasked": "x"}
        writer.writerow([cells[column] for column in order])
    path = tmp_path / "table.csv"
    path.write_bytes(("\ufeff" * bom + table.getvalue()).encode())
    read = [cells for _, cells in read_table(path, COLUMNS)]
    assert read == [[cell.strip() for cell in row] for row in rows]


def test_line_numbers_and_blank_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("b,a\n2,1\n\n,\n4,\t3 \n")
    assert list(read_table(path, ["A", "b"])) == [(2, ["1", "2"]), (5, ["3", "4"])]


def test_western_code_page(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("artist\nBjörn\n".encode("latin-1"))
    assert list(read_table(path, ["artist"])) == [(2, ["Björn"])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: the columns 'clip_id', 'artist' missing from the header; found an empty"),
        ("clip_id,title\n1,x\n", r"line 1: the column 'artist' missing .* found clip_id, title"),
        ("clip_id\tartist\n1\n", r"line 2: ends after cell 1, but the columns .* need at least 2"),
        ("clip_id,artist\n1,ok\n" + '2,"' + "x" * 140_000, r"line \d: .* quotation mark"),
    ],
)
def test_malformed_tables_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        list(read_table(path, ["clip_id", "artist"]))
    assert str(path) in str(caught.value)


def test_absent_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t.csv was not found.*below .* Download it\.") as caught:
        find_file(tmp_path / "absent", ["a/t.csv", "t.csv"], "Download it.")
    assert "looked for a/t.csv and t.csv" in str(caught.value)
    assert "does not exist" in str(caught.value)


def test_file_in_an_extra_folder(tmp_path: Path) -> None:
    deep = tmp_path / "dataset" / "a" / "t.csv"
    deep.parent.mkdir(parents=True)
    deep.touch()
    assert find_file(tmp_path, ["t.csv", "a/t.csv"], "") == deep
    (tmp_path / "t.csv").touch()
    assert find_file(tmp_path, ["t.csv", "a/t.csv"], "") == tmp_path / "t.csv"
