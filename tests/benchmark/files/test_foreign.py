"""Files of others are opened without waiting, read within limits, and told apart from ours."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.checksums import digest, path_digest
from mirbench.benchmark.files.foreign import Damaged, is_there, is_zip, read_bounded
from mirbench.benchmark.files.npy import Header, read_header, read_values
from mirbench.benchmark.files.partial import PartialFile
from mirbench.benchmark.files.replies import number
from mirbench.benchmark.files.strict_json import parse_json, read_note
from mirbench.benchmark.files.unpack import unpack

NESTED = b"[" * 100_000


def test_only_files_within_the_limit_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert read_bounded(tmp_path / "file", 5) == read_bounded(tmp_path / "link", 5) == b"12345"
    with pytest.raises(Damaged, match=r"too large: 0\.0 MB"):
        read_bounded(tmp_path / "file", 4)
    with pytest.raises(Damaged, match="a pipe, not a file"):
        read_bounded(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path)
    with pytest.raises(OSError, match="symbolic link"):
        read_bounded(tmp_path / "link", follow_links=False)
    assert not is_there(tmp_path / ("x" * 300))


def test_a_text_that_is_never_closed_is_read_once() -> None:
    # By the square of its length, this would take half an hour.
    with pytest.raises(Damaged, match="Unterminated string"):
        parse_json(b'"' + b'\\"' * 300_000, "it")


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b'{"a": 123456789012345678901}', "absurdly long"),
        (NESTED, "nested 100000 deep"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[]", "no JSON object"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": 1, "a": 2}', "stands there twice"),
    ],
)
def test_notes_that_are_none(tmp_path: Path, content: bytes, mistake: str) -> None:
    (tmp_path / "note.json").write_bytes(content)
    with pytest.raises(Damaged, match=mistake):
        read_note(tmp_path / "note.json")


def test_times_in_nanoseconds_and_pairs_of_surrogates_are_read() -> None:
    assert parse_json(b'{"t": 1795747742642387366, "c": "\\ud83c\\udfb5"}', "it") == {
        "t": 1795747742642387366,
        "c": "\N{MUSICAL NOTE}",
    }
    assert parse_json(b"[-Infinity]", "it", finite=False) == [float("-inf")]


@given(st.binary(max_size=80) | st.text('{}[]",:\\0eE-NaIu8d ', max_size=60).map(str.encode))
def test_any_bytes_are_json_that_can_be_written_or_none(content: bytes) -> None:
    with contextlib.suppress(Damaged):
        json.dumps(parse_json(content, "it"), ensure_ascii=False, allow_nan=False).encode()


def test_a_damaged_note_on_a_download_begins_anew(tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "x")
    part.remember("http://x", '"tag"')
    assert part.validator("http://x") == '"tag"'
    for content in (NESTED, b'{"url": "http://x"}', b"\xff", b"[1]"):
        part.note.write_bytes(content)
        assert part.validator("http://x") == ""


@pytest.mark.parametrize("text", ["\N{SUPERSCRIPT TWO}", "9" * 5000, "", "-1", "1.5", "1_0"])
def test_what_a_server_calls_a_number_may_be_none(text: str) -> None:
    assert number(text) is None
    assert number("0120") == 120


def test_names_that_are_no_text_have_a_digest(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n.bin")
    (tmp_path / name).write_bytes(b"x")
    assert path_digest(tmp_path) is not None
    assert digest([name]) != digest(["\ufffd\n.bin"])
    assert path_digest(tmp_path / ("x" * 300)) is None


def npy(header: str, data: bytes = b"") -> bytes:
    """Make an array with a header of one's own."""
    text = header.encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


FORM = "{'descr': %s, 'fortran_order': False, 'shape': %s, }"


@pytest.mark.parametrize(
    "header",
    [
        FORM % ("'<f4'", "(True, 24)"),
        FORM % ("',f4'", "(1, 1)"),
        FORM % ("'<U0'", "(1000000000000,)"),
        FORM % ("'<f4'", "(-1,)"),
        FORM % ("'<f4'", "(" * 250),
        "{'descr': '<f4', 'shape': (1, (24), ",
        FORM % ("[('a', '<f4', (1000000,) * 9)]", "(1,)"),
        "\0",
        "x" * 60_000,
    ],
)
def test_headers_of_arrays_that_cannot_be(header: str) -> None:
    with pytest.raises(Damaged):
        read_header(io.BytesIO(npy(header)))


def test_an_array_takes_no_more_than_its_bytes() -> None:
    lie = io.BytesIO(npy(FORM % ("'<f4'", "(1000000000000, 24)"), b"abcd"))
    header = read_header(lie)
    assert header.bytes == 96 * 10**12
    with pytest.raises(Damaged, match="claims 96,000,000,000,000 bytes and has 4"):
        read_values(lie, header)
    with pytest.raises(Damaged, match="and has more"):
        read_values(io.BytesIO(b"12345"), Header((1,), False, np.dtype("<f4")))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_array_or_none(content: bytes) -> None:
    with contextlib.suppress(Damaged):
        file = io.BytesIO(b"\x93NUMPY" + content)
        read_values(file, read_header(file))


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_writes_them(order: str) -> None:
    for array in (np.arange(6.0).reshape(2, 3), np.zeros((0, 3), "f4"), np.array(["é", "ab"])):
        file = io.BytesIO()
        np.save(file, np.asarray(array, order=order))  # type: ignore[call-overload]
        file.seek(0)
        np.testing.assert_array_equal(read_values(file, read_header(file)), array)


def zipped(name: str = "w.bin") -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x" * 50)
    return bytearray(buffer.getvalue())


def of_several_disks() -> bytes:
    data = zipped()
    end = data.rfind(b"PK\5\6")
    data[end:end] = b"PK\6\7" + bytes(12) + b"\5\0\0\0"
    return bytes(data)


def of_a_later_version() -> bytes:
    data = zipped()
    data[data.rfind(b"PK\1\2") + 6] = 64
    return bytes(data)


def with_a_name_that_is_no_text() -> bytes:
    return bytes(zipped("w\xe9.bin").replace(b"\xc3\xa9", b"\xc3\x28"))


def encrypted() -> bytes:
    data = zipped()
    for mark, behind in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.rfind(mark) + behind] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "make", [of_several_disks, of_a_later_version, with_a_name_that_is_no_text, encrypted]
)
def test_archives_that_lie_are_not_unpacked(tmp_path: Path, make: object) -> None:
    assert callable(make)
    (tmp_path / "x.zip").write_bytes(make())
    with pytest.raises(DataError, match=r"x\.zip is damaged"):
        unpack([tmp_path / "x.zip"], "zip", tmp_path / "out")
    assert is_zip(tmp_path / "x.zip") == (make is not of_several_disks)


def tar_of_a_long_name(size: int) -> bytes:
    """Make an archive in which the name of a member has so many bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, size
        archive.addfile(info, io.BytesIO(bytes(size)))
    return buffer.getvalue()


def test_names_in_an_archive_are_short(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(tar_of_a_long_name(1 << 21))
    with pytest.raises(DataError, match="2,097,152 bytes of names and attributes"):
        unpack([tmp_path / "x.tar.gz"], "tar.gz", tmp_path / "out")


def test_headers_upon_headers_end(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for _ in range(5000):
            info = tarfile.TarInfo("x")
            info.type = tarfile.XHDTYPE
            archive.addfile(info)
    (tmp_path / "x.tar.gz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="is damaged"):
        unpack([tmp_path / "x.tar.gz"], "tar.gz", tmp_path / "out")


def test_a_note_may_have_a_line_end_of_any_system(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_bytes(
        json.dumps({"a": [1]}, indent=1).replace("\n", "\r\n").encode()
    )
    assert read_note(tmp_path / "n.json") == {"a": [1]}
