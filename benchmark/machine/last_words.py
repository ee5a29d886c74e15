"""What a worker process is at, told beforehand, so that it is known when it ends suddenly.

It is written into memory that the starting process reads after the end. There
`faulthandler` writes as well: the lines of a crash, and those of a call that takes too long.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mirbench.benchmark.machine.code_lines import line_of

#: Bytes in front that say what the process is at.
_SAID = 2048

#: Bytes of what `faulthandler` has written that are read.
_MOST = 1 << 20

_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)
_THREAD = re.compile(r"^(?:Current thread|Thread|Stack) ", re.MULTILINE)


@dataclass(frozen=True)
class LastWords:
    """What is known of a process that has ended.

    Attributes
    ----------
    doing : str
        What it was at, as "embedding clip 'a'"; empty if nothing is known.
    line : str
        The plugin's line, as ``/home/me/mine.py, line 12``; empty if it is not known.
    late : bool
        Whether it ended itself, since that took longer than it may.
    """

    doing: str = ""
    line: str = ""
    late: bool = False


def open_notes() -> int:
    """Open a file without a name for a process that is started; returns its descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("mirbench-notes")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def read_notes(handle: int) -> LastWords:
    """Read what a process that has ended has told."""
    content = os.pread(handle, _SAID + _MOST, 0)
    said = content[:_SAID].rstrip(b"\0").decode(errors="ignore")
    trace = content[_SAID:].decode(errors="replace")
    late = trace.startswith("Timeout")
    # A crash tells of the thread that had it; a call that is late of all, the first one last.
    threads = _THREAD.split(trace)[1:]
    frames = [(file, int(line)) for file, line in _FRAME.findall(threads[-1] if threads else "")]
    return LastWords(said, line_of(reversed(frames)), late)


class _Notes:
    """Where this process tells what it is at; nowhere if it is no worker."""

    handle: int | None = None
    said = b""

    def say(self, text: bytes) -> None:
        if self.handle is not None:
            os.pwrite(self.handle, text.ljust(len(self.said), b"\0"), 0)
            self.said = text


_NOTES = _Notes()


def keep_notes(handle: int) -> None:
    """Tell from now on what this process is at.

    Parameters
    ----------
    handle : int
        File descriptor that `open_notes` has returned in the starting process.
    """
    _NOTES.handle = handle
    os.lseek(handle, _SAID, os.SEEK_SET)
    faulthandler.enable(handle, all_threads=False)


@contextmanager
def doing(what: str, limit: float | None = None) -> Iterator[None]:
    """Tell what this process is at, if it is a worker.

    Parameters
    ----------
    what : str
        As "embedding clip 'a'".
    limit : float, optional
        Seconds after which the worker ends itself, whatever holds it up.
    """
    if _NOTES.handle is None:
        yield
        return
    before = _NOTES.said
    _NOTES.say(what.encode()[:_SAID])
    if limit is not None:
        faulthandler.dump_traceback_later(limit, exit=True, file=_NOTES.handle)
    try:
        yield
    finally:
        if limit is not None:
            faulthandler.cancel_dump_traceback_later()
        with contextlib.suppress(OSError):  # a plugin has closed it
            _NOTES.say(before)
