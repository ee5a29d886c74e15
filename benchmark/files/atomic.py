"""Write files so that they are there whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.progress import say


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises
    ------
    MirbenchError
        If it cannot be written; the message says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MirbenchError(f"cannot write {path}: {error.strerror or error}") from error


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


def remove_stale_temporaries(folder: Path, older_than: float = 86400.0) -> None:
    """Remove what runs that were killed left half-written more than a day ago.

    Parameters
    ----------
    folder : Path
        Only its own files are looked at, not those of folders in it.
    older_than : float
        Seconds since the last change of a file.
    """
    for path in folder.glob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > older_than:
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
