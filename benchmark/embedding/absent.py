"""Audio files that are not there or cannot be read: looked for again, and never called unusable.

A file of which something can be said (it is empty, truncated, no audio) is unusable until it
changes. Of one that a network share or a disk does not deliver, nothing can be said.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from mirbench.benchmark.api import Clip, DataError, MirbenchError, UnusableClip

#: So few absent files stop no run by themselves, whatever their share.
FEW = 7

#: Errors that say nothing about the file that could not be opened.
_OF_THE_SYSTEM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

Read = TypeVar("Read")


class AbsentClip(UnusableClip):
    """The file of a clip is not there, or cannot be read now."""


def read_surely(path: Path, read: Callable[[], Read]) -> Read:
    """Read audio; twice before it is called unusable, with the file read to its end in between.

    What a network share drops for a moment looks like a truncated file to a decoder.

    Parameters
    ----------
    path : Path
        The file that `read` decodes.
    read : callable

    Raises
    ------
    AbsentClip
        If the file is not there or cannot be read.
    UnusableClip
        As `read` does, if the file can be read.
    MirbenchError
        If the system has no file handles or memory left.
    """
    check_readable(path, most=1)
    try:
        return read()
    except (MirbenchError, OSError):
        check_readable(path)
    try:
        return read()
    except OSError as error:
        raise _why(path, error) from error


def check_readable(path: Path, most: int | None = None) -> None:
    """Read a file to its end, or at most so many bytes of it.

    Raises
    ------
    AbsentClip, MirbenchError
        As `read_surely`.
    """
    try:
        # To open a pipe would wait for somebody to write into it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise AbsentClip(f"{path.name} does not exist as a file")
        with path.open("rb", buffering=0) as file:
            if most is not None:
                file.read(most)
                return
            while file.read(1 << 20):
                pass
    except OSError as error:
        raise _why(path, error) from error


def is_readable(path: Path | None) -> bool:
    """Whether a file can be opened and its first byte read; true where none is named."""
    try:
        if path is not None:
            check_readable(path, most=1)
    except AbsentClip:
        return False
    return True


def _why(path: Path, error: OSError) -> MirbenchError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return AbsentClip(f"{path.name} does not exist")
    reason = error.strerror or str(error)
    if error.errno in _OF_THE_SYSTEM:
        return MirbenchError(f"{path} cannot be read: {reason}; run the command again")
    return AbsentClip(f"{path.name} cannot be read: {reason}")


def check_absent(absent: Mapping[str, Clip], of: int, max_missing: float) -> None:
    """Stop if the files of many clips cannot be read.

    Parameters
    ----------
    absent : mapping
        Those clips by id.
    of : int
        Number of clips that are embedded.
    max_missing : float
        Share of them that may be missing.

    Raises
    ------
    DataError
        With the folder that they have in common.
    """
    if len(absent) > max(FEW, max_missing * of):
        raise DataError(
            f"{describe(absent, of)}; if they are on another disk or a network share, see that it "
            "is mounted, and run the same command again: what is finished is kept (--max-missing "
            "allows more)"
        )


def describe(absent: Mapping[str, Clip], of: int) -> str:
    """Say how many clips' files cannot be read, and where they lie."""
    paths = sorted(clip.path.absolute() for clip in absent.values() if clip.path is not None)
    folder = os.path.commonpath([path.parent for path in paths])
    first = os.path.relpath(paths[0], folder)
    return f"{len(paths)} of {of} audio files cannot be read below {folder} (the first is {first})"
