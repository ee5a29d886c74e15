"""Keep the memory that a worker frees for its next clip.

glibc hands a freed array of more than 32 MB back to the system, and the free end
of its heap with it, and asks for both anew a moment later. The system then clears
every page, which can take longer than the network in between: CHOI by clip spent
two thirds of its time there. So while clips come, a process keeps what it frees, in
arrays of up to a gigabyte; when none has come for some seconds, what is free goes
back and glibc does again as it did.

Worker processes could be started with ``MALLOC_MMAP_THRESHOLD_`` and
``MALLOC_TRIM_THRESHOLD_`` to the same end. But glibc reads these when a process starts:
they do nothing for one that embeds by itself, and an idle one would keep its memory.

Other C libraries have no such settings, and are left alone.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Bytes up to which an array comes from the heap, and free memory at its end is kept.
KEPT = 2**30

#: The most to which glibc raises the first by itself, and, before 2.35, takes for it.
USUAL = 2**25

#: Seconds without work after which memory goes back to the system.
IDLE = 5.0

#: Names of parameters in glibc's ``malloc.h``.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@contextmanager
def kept_memory(idle: float = IDLE) -> Iterator[None]:
    """Keep what is freed within for the next time; give it back if that has not come by `idle`.

    May be nested, and entered by several threads: the last to leave counts.

    Parameters
    ----------
    idle : float
        Seconds.
    """
    heap = _heap()
    if heap is None:
        yield
        return
    heap.enter()
    try:
        yield
    finally:
        heap.leave(idle)


def give_back() -> None:
    """Give what is free back to the system now, so that what a process takes is what it uses."""
    heap = _heap()
    if heap is not None:
        heap.libc.malloc_trim(0)


class _Heap:
    """The heap of this process, who keeps it, and the timer that gives it back."""

    def __init__(self, libc: Any) -> None:
        self.libc, self.lock = libc, threading.Lock()
        self.keepers, self.timer = 0, threading.Timer(0, self.give_back)

    def enter(self) -> None:
        with self.lock:
            self.keepers += 1
            self.timer.cancel()
            if not self.libc.mallopt(_M_MMAP_THRESHOLD, KEPT):
                self.libc.mallopt(_M_MMAP_THRESHOLD, USUAL)
            self.libc.mallopt(_M_TRIM_THRESHOLD, KEPT)

    def leave(self, idle: float) -> None:
        with self.lock:
            self.keepers -= 1
            if self.keepers == 0:
                self.timer = threading.Timer(idle, self.give_back)
                self.timer.daemon = True
                self.timer.start()

    def give_back(self) -> None:
        with self.lock:
            if self.keepers == 0:
                self.libc.mallopt(_M_MMAP_THRESHOLD, USUAL)
                self.libc.mallopt(_M_TRIM_THRESHOLD, 2 * USUAL)
                self.libc.malloc_trim(0)


@functools.cache
def _heap() -> _Heap | None:
    """Return the heap of this process; None if its C library is another."""
    return _Heap(ctypes.CDLL(None)) if platform.libc_ver()[0] == "glibc" else None
