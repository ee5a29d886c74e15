"""Files of a folder that are opened meanwhile, by whatever library (Linux: inotify).

h5py, safetensors and other libraries in C or Rust open files without telling Python. The
kernel tells: of every file in the watched folders that any process opens, and of those
that are closed after they were written.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_IN_CLOSE_WRITE, _IN_OPEN, _IN_ISDIR, _IN_NONBLOCK = 0x8, 0x20, 0x40000000, 0o4000
_HEADER = struct.Struct("iIII")

#: Folders below a watched one that are looked at; beyond, a tree is no model's own.
MOST_FOLDERS = 256


@contextmanager
def opened_below(folder: Path) -> Iterator[dict[str, bool]]:
    """Note the files below a folder that are opened within, by their absolute paths.

    Each with whether it may have been read: one that was closed after writing as often as it
    was opened was only written, as a log is. Complete when the block is left; empty where the
    kernel has no inotify.
    """
    note: dict[str, bool] = {}
    libc = _libc()
    handle = -1 if libc is None else libc.inotify_init1(_IN_NONBLOCK)
    if handle < 0 or libc is None:
        yield note
        return
    try:
        watched = {
            libc.inotify_add_watch(handle, os.fsencode(place), _IN_OPEN | _IN_CLOSE_WRITE): place
            for place in _folders(folder)
        }
        yield note
        note |= _may_be_read(_events(handle, watched))
    finally:
        os.close(handle)


def _may_be_read(events: Iterable[tuple[str, bool]]) -> dict[str, bool]:
    opened: Counter[str] = Counter()
    for place, is_open in events:
        opened[place] += 1 if is_open else -1
    return {place: count > 0 for place, count in opened.items()}


def _events(handle: int, watched: dict[int, Path]) -> Iterator[tuple[str, bool]]:
    """Say of each event which file it is about, and whether it was opened."""
    with contextlib.suppress(BlockingIOError):  # nothing left to read
        while True:
            data, at = os.read(handle, 1 << 16), 0
            while at < len(data):
                watch, mask, _, length = _HEADER.unpack_from(data, at)
                name = data[at + _HEADER.size : at + _HEADER.size + length].rstrip(b"\0")
                at += _HEADER.size + length
                if name and not mask & _IN_ISDIR and watch in watched:
                    path = os.path.join(watched[watch], os.fsdecode(name))
                    yield path, mask & _IN_OPEN != 0


def _folders(folder: Path) -> list[Path]:
    """List a folder and those below it, without hidden ones and caches."""
    found: list[Path] = []
    waiting = [folder]
    while waiting and len(found) < MOST_FOLDERS:
        place = waiting.pop(0)
        found.append(place)
        with contextlib.suppress(OSError):
            inside = [Path(entry.path) for entry in os.scandir(place) if entry.is_dir()]
            waiting += sorted(p for p in inside if p.name[0] != "." and p.name != "__pycache__")
    return found


@functools.cache
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    return libc if hasattr(libc, "inotify_init1") else None
