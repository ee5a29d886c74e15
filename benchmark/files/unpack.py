"""Unpack archives that came from the network.

Nothing is written outside the target folder, no links or devices are made,
and sizes are limited while they are written, whatever the archive claims.
Members that are there already, with their size, are skipped, so that unpacking
goes on where it was interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.foreign import ARCHIVE_DAMAGES
from mirbench.benchmark.progress import bar, count

_BLOCK = 1 << 20

#: Types of members of a tar archive that say more about the next one.
_ABOUT_THE_NEXT = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold at most: bytes altogether, and members."""

    total_bytes: int = 60 * 10**9
    members: int = 500_000


def unpack(
    pieces: Sequence[Path],
    kind: Literal["zip", "tar.gz", "tar"],
    target: Path,
    limits: Limits = Limits(),
) -> int:
    """Unpack an archive.

    Parameters
    ----------
    pieces : sequence of Path
        The archive's file, or the files that it was cut into, in order.
    kind : {"zip", "tar.gz", "tar"}
        What it is.
    target : Path
        Folder that receives the members.
    limits : Limits
        What it may unpack to at most.

    Returns
    -------
    int
        Number of files written; those that were there are not counted.

    Raises
    ------
    DataError
        If the archive is damaged, exceeds the limits, or holds a member that
        is not a plain file or folder inside the target.
    """
    name = pieces[0].name if len(pieces) == 1 else f"{pieces[0].name} to {pieces[-1].name}"
    written = 0
    try:
        with _joined(pieces) as file:
            total = sum(piece.stat().st_size for piece in pieces)
            with bar(f"unpacking {pieces[0].name}", total, "B") as progress:
                counted = _Counted(file, progress.update)
                members = (
                    _zip_members(file, progress)
                    if kind == "zip"
                    else _tar_members(counted, "r|gz" if kind == "tar.gz" else "r|")
                )
                left = limits.total_bytes
                for number, member in enumerate(members, start=1):
                    if number > limits.members:
                        raise DataError(f"it holds more than {limits.members:,} members")
                    place = _place(target, member.name)
                    if member.data is None:
                        place.mkdir(parents=True, exist_ok=True)
                        continue
                    left -= member.size
                    if left < 0:
                        raise DataError(
                            f"it unpacks to more than {count(limits.total_bytes, 'byte')}"
                        )
                    written += _write(member, place)
    except DataError as error:
        raise DataError(f"{name} is not unpacked: {error}") from error
    except OSError as error:
        raise DataError(f"{name} cannot be unpacked into {target}: {error}") from error
    except (MemoryError, *ARCHIVE_DAMAGES) as error:
        why = str(error)[:300] or type(error).__name__
        raise DataError(f"{name} is damaged: {why}; delete it and fetch it again") from error
    return written


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of an archive: its name, the size it claims, its content; no content: a folder."""

    name: str
    size: int
    data: Any


def _zip_members(file: IO[bytes], progress: Any) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                yield _Member(info.filename, 0, None)
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise DataError(f"{info.filename!r} is a link or device")
            with archive.open(info) as data:
                yield _Member(info.filename, info.file_size, data)
            progress.update(info.compress_size)


def _tar_members(file: Any, mode: Literal["r|gz", "r|"]) -> Iterator[_Member]:
    with tarfile.open(fileobj=file, mode=mode, tarinfo=SmallHeaders) as archive:
        for info in archive:
            if info.isdir():
                yield _Member(info.name, 0, None)
            elif info.isreg():
                yield _Member(info.name, info.size, archive.extractfile(info))
            else:
                raise DataError(f"{info.name!r} is a link or device")


class SmallHeaders(tarfile.TarInfo):
    """A member whose name and attributes are short: `tarfile` reads them whole, however long."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _ABOUT_THE_NEXT and self.size > _BLOCK:
            raise tarfile.ReadError(f"it has {count(self.size, 'byte')} of names and attributes")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


def _place(target: Path, name: str) -> Path:
    """Where a member goes; refused if that is not inside the target."""
    parts = PurePosixPath(name).parts
    outside = not parts or name.startswith("/") or ".." in parts
    if outside or "\\" in name or "\0" in name or ":" in parts[0]:
        raise DataError(f"{name!r} would lie outside the folder")
    return target.joinpath(*parts)


def _write(member: _Member, place: Path) -> int:
    """Write one file unless it is there; it appears whole or not at all."""
    if place.is_file() and place.stat().st_size == member.size:
        return 0
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{place.name[:80]}.", suffix=".tmp", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            left = member.size
            while block := member.data.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise DataError(f"{member.name!r} is larger than it claims")
                out.write(block)
        if left:
            raise EOFError(f"{member.name!r} ends early")
        os.chmod(name, 0o644)
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return 1


class _Counted:
    """A file that reports how much of it was read."""

    def __init__(self, file: IO[bytes], update: Any) -> None:
        self.file, self.update = file, update

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.update(len(block))
        return block


class _Joined(io.RawIOBase):
    """Several files, read as one."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self.files = files
        self.sizes = [os.fstat(file.fileno()).st_size for file in files]
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: sum(self.sizes)}[whence]
        if base + offset < 0:
            raise OSError("seek before the beginning")
        self.position = base + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        offset = self.position
        for file, size in zip(self.files, self.sizes, strict=True):
            if offset < size:
                file.seek(offset)
                block = file.read(min(len(buffer), size - offset))
                buffer[: len(block)] = block
                self.position += len(block)
                return len(block)
            offset -= size
        return 0


@contextlib.contextmanager
def _joined(pieces: Sequence[Path]) -> Iterator[IO[bytes]]:
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(piece.open("rb")) for piece in pieces]
        if len(files) == 1:
            yield files[0]
        else:
            yield stack.enter_context(io.BufferedReader(_Joined(files), _BLOCK))
