"""Archives are unpacked inside their folder, or not at all."""

from __future__ import annotations

import functools
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.unpack import Limits, unpack

FILES = {"a/one.mp3": b"one" * 1000, "b/two.mp3": b"", "three.csv": bytes(range(256)) * 50}


def make_zip(path: Path, files: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def make_tar(
    path: Path,
    files: dict[str, bytes],
    kind: bytes = tarfile.REGTYPE,
    mode: Literal["w:gz", "w"] = "w:gz",
) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            info.linkname = "/etc/hostname" if kind != tarfile.REGTYPE else ""
            archive.addfile(info, io.BytesIO(content))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


MAKERS: list[tuple[str, Callable[..., Path]]] = [
    ("zip", make_zip),
    ("tar.gz", make_tar),
    ("tar", functools.partial(make_tar, mode="w")),
]


@pytest.mark.parametrize(("kind", "make"), MAKERS)
def test_files_come_out_and_a_second_time_costs_nothing(
    kind: str, make: Callable[..., Path], tmp_path: Path
) -> None:
    archive = make(tmp_path / "archive", FILES)
    assert unpack([archive], kind, tmp_path / "out") == 3
    assert tree(tmp_path / "out") == FILES
    (tmp_path / "out" / "three.csv").write_bytes(b"half")
    assert unpack([archive], kind, tmp_path / "out") == 1
    assert tree(tmp_path / "out") == FILES


def test_a_zip_in_pieces(tmp_path: Path) -> None:
    content = make_zip(tmp_path / "whole.zip", FILES).read_bytes()
    pieces = []
    for number, first in enumerate(range(0, len(content), 200), start=1):
        pieces.append(tmp_path / f"mp3.zip.{number:03d}")
        pieces[-1].write_bytes(content[first : first + 200])
    assert len(pieces) >= 3
    assert unpack(pieces, "zip", tmp_path / "out") == 3
    assert tree(tmp_path / "out") == FILES
    with pytest.raises(DataError, match="damaged"):
        unpack(pieces[:-1], "zip", tmp_path / "other")


@pytest.mark.parametrize(("kind", "make"), MAKERS)
@pytest.mark.parametrize(
    "name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "a\\..\\..\\out.txt", "C:/out.txt"]
)
def test_nothing_leaves_the_folder(
    kind: str, make: Callable[..., Path], name: str, tmp_path: Path
) -> None:
    archive = make(tmp_path / "archive", {"fine": b"1", name: b"2"})
    with pytest.raises(DataError, match="outside"):
        unpack([archive], kind, tmp_path / "deep" / "out")
    assert set(tree(tmp_path)) == {"archive", "deep/out/fine"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_no_links_or_devices_from_tar(kind: bytes, tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "archive", {"link": b""}, kind)
    with pytest.raises(DataError, match="link or device"):
        unpack([archive], "tar.gz", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


def test_no_links_from_zip(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"link": b"/etc/hostname"}, stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match="link or device"):
        unpack([archive], "zip", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize(("kind", "make"), MAKERS)
def test_sizes_and_counts_are_limited(kind: str, make: Callable[..., Path], tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", {"zeros": b"\0" * 10_000_000, "more": b"1"})
    with pytest.raises(DataError, match="more than 1,000,000 bytes"):
        unpack([archive], kind, tmp_path / "out", Limits(total_bytes=1_000_000))
    with pytest.raises(DataError, match="more than 1 members"):
        unpack([archive], kind, tmp_path / "other", Limits(members=1))


@pytest.mark.parametrize(("kind", "make"), MAKERS)
def test_half_an_archive_is_reported(kind: str, make: Callable[..., Path], tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", {"noise": bytes(range(256)) * 200, **FILES})
    archive.write_bytes(archive.read_bytes()[:300])
    with pytest.raises(DataError, match="damaged"):
        unpack([archive], kind, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.mp3"))
    (tmp_path / "page").write_bytes(b"<html>")
    with pytest.raises(DataError, match="damaged"):
        unpack([tmp_path / "page"], kind, tmp_path / "out")
