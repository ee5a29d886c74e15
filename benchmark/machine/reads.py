"""Which files a piece of code reads: what Python opens, and what it maps into memory.

A model is made from more than its source: weights beside it, a configuration, a
vocabulary. Python announces every file that it opens ("audit events", PEP 578), and the
kernel lists every file that is mapped; together they show what a model was made from.
What a library in C opens and closes by itself is not seen, unless it stays mapped.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MAPS = Path("/proc/self/maps")


class _Watch:
    """The one audit hook of this process, and where it notes files while somebody watches."""

    def __init__(self) -> None:
        self.notes: list[dict[str, None]] = []
        self.lock = threading.Lock()
        self.installed = False

    def install(self) -> None:
        with self.lock:
            if not self.installed:  # a hook cannot be taken away again
                sys.addaudithook(self.hear)
                self.installed = True

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not self.notes:
            return
        path, mode, flags = arguments
        writes = isinstance(mode, str) and not set(mode).isdisjoint("wxa")
        writes = writes or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_CREAT) != 0)
        if writes or not isinstance(path, str | bytes | os.PathLike):
            return
        place = os.path.abspath(os.fsdecode(path))
        for note in self.notes:
            note[place] = None


_watch = _Watch()


@contextmanager
def files_read() -> Iterator[dict[str, None]]:
    """Note the regular files that are read within; an ordered set of absolute paths.

    It is complete when the block is left. Files that are written within do not count,
    nor do those of ``/proc``, ``/sys`` and ``/dev``. May be nested.
    """
    _watch.install()
    note: dict[str, None] = {}
    mapped = _mapped()
    _watch.notes.append(note)
    try:
        yield note
    finally:
        _watch.notes = [other for other in _watch.notes if other is not note]
        note |= dict.fromkeys(sorted(_mapped() - mapped))
        for place in [place for place in note if not _counts(place)]:
            del note[place]


def _mapped() -> set[str]:
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    places = (line.split(maxsplit=5)[-1] for line in lines if "/" in line)
    return {place for place in places if place.startswith("/") and "(deleted)" not in place}


def _counts(place: str) -> bool:
    return not place.startswith(("/proc/", "/sys/", "/dev/")) and os.path.isfile(place)
