"""Files of others, or that others may have touched: read within limits, errors known beforehand.

What lies at a path may be a folder, a pipe that nobody writes into, or far too large; and what
is in it may be anything. Whoever reads it turns `OSError` and `DAMAGES` (of archives:
`ARCHIVE_DAMAGES`) into one sentence, or does without the file.
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

#: Bytes of a small file of our own: counts of windows of 100,000 clips take a quarter of it.
SMALL = 16 * 2**20

#: What everything is called that a damaged or foreign file raises when it is read.
DAMAGES = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)

#: The same of zip and tar archives and of arrays in them; of encrypted ones, too.
ARCHIVE_DAMAGES = (
    *DAMAGES,
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(IndexError, NotImplementedError, RuntimeError, SyntaxError, TokenError),
)


class Damaged(ValueError):
    """A file is not what was written; the message says how that shows."""


def check_regular(path: Path) -> int:
    """Check that a path is a file that can be read to an end, and return its bytes.

    Raises
    ------
    OSError
        If there is nothing.
    Damaged
        If it is a folder, or a pipe, which would wait for somebody to write into it.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Damaged(f"it is {_kind(status.st_mode)}, not a file")
    return status.st_size


def read_bounded(path: Path, most: int = SMALL, follow_links: bool = True) -> bytes:
    """Read a file whose size is known to be within a limit.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that it may have.
    follow_links : bool
        Whether it may be a symbolic link.

    Raises
    ------
    OSError
        If it cannot be read.
    Damaged
        If it is no file, is too large, or grows meanwhile.
    """
    flags = os.O_NONBLOCK if follow_links else os.O_NONBLOCK | os.O_NOFOLLOW
    with open(path, "rb", opener=lambda place, mode: os.open(place, mode | flags)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Damaged(f"it is {_kind(status.st_mode)}, not a file")
        if status.st_size > most:
            raise Damaged(
                f"it is too large: {status.st_size / 1e6:,.1f} MB, where at most "
                f"{most / 1e6:,.0f} MB belong"
            )
        content = file.read(most + 1)
    if len(content) > most:
        raise Damaged("it grew while it was read")
    return content


def is_there(path: Path) -> bool:
    """Whether there is something at a path; False, too, where no file can have such a name."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_zip(path: Path) -> bool:
    """Whether a path is a file that ends as a zip archive does, as far as `zipfile` reads them."""
    try:
        return path.is_file() and zipfile.is_zipfile(path)
    except (OSError, *ARCHIVE_DAMAGES):
        return False


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def show(value: object, length: int = 80) -> str:
    """Write a value from a file into a message: quoted, visible, and not too long."""
    if isinstance(value, str):
        value = value[: length + 1]
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"
