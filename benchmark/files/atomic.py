"""Write files so that they are there whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.progress import say

#: How often a file is written before its folder, which others delete meanwhile, is given up.
_ATTEMPTS = 5


def write_atomic(path: Path, content: bytes, durable: bool = True) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        Its folder is made if need be, and made again if another process deletes it meanwhile.
    content : bytes
    durable : bool
        Wait until the disk has it. A file that is not may be damaged after a loss of power, so
        it must carry a digest, and be of little worth.

    Raises
    ------
    MirbenchError
        If it cannot be written; the message says why.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _write(path, content, durable)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and attempt < _ATTEMPTS:
                continue
            raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> MirbenchError:
    """Say why a file cannot be written, and what to do."""
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    reason = f"cannot write {path}: {error.strerror or error}"
    if there != path and not there.is_dir():
        return MirbenchError(f"{reason}; {there} is in the way, which is no folder: move it away")
    if there == path and path.is_dir():
        return MirbenchError(f"{reason}; it is a folder: move it away")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason += "; make room, and run the same command again: what is finished is kept"
    return MirbenchError(reason)


def _write(path: Path, content: bytes, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_writable(folder: Path) -> None:
    """Make a folder if need be and try to write into it, so that a long run does not end in vain.

    Raises
    ------
    MirbenchError
        If that fails; the message says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MirbenchError(f"cannot write into {folder}: {error.strerror or error}") from error


def remove_stale_temporaries(
    folder: Path,
    older_than: float = 86400.0,
    pattern: str = ".*.tmp",
    keep: Collection[Path] = (),
) -> None:
    """Remove what runs that were killed left half-written more than a day ago.

    Parameters
    ----------
    folder : Path
        Only its own files are looked at, not those of folders in it.
    older_than : float
        Seconds since the last change of a file.
    pattern : str
        What their names are like.
    keep : collection of Path
        Files that stay.
    """
    for path in folder.glob(pattern):
        try:
            if path not in keep and time.time() - path.stat().st_mtime > older_than:
                path.unlink()
        except OSError:
            continue


@contextlib.contextmanager
def lock(path: Path, waiting: str = "") -> Iterator[None]:
    """Keep other processes that lock the same file waiting meanwhile.

    Parameters
    ----------
    path : Path
        The file, which is made and never removed.
    waiting : str
        Said once if another process has it.

    Raises
    ------
    MirbenchError
        If it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MirbenchError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
