"""Keep the memory that a worker frees for its next clip.

glibc hands a freed array of more than 32 MB back to the system, and the free end
of its heap with it, and asks for both anew a moment later. The system then clears
every page, which can take longer than the network in between: CHOI by clip spent
two thirds of its time there. So while clips come, a worker keeps up to a gigabyte;
when none has come for some seconds, all that is free goes back.

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

#: The most that glibc before 2.35 takes for the first of the two.
OLD_LIMIT = 2**25

#: Seconds without work after which memory goes back to the system.
IDLE = 5.0

#: Names of parameters in glibc's ``malloc.h``.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_timer: threading.Timer | None = None


@contextmanager
def kept_memory(idle: float = IDLE) -> Iterator[None]:
    """Keep what is freed within for the next time; give it back if that has not come by `idle`.

    Parameters
    ----------
    idle : float
        Seconds.
    """
    global _timer
    libc = _keeping()
    if libc is None:
        yield
        return
    if _timer is not None:
        _timer.cancel()
    try:
        yield
    finally:
        _timer = threading.Timer(idle, libc.malloc_trim, (0,))
        _timer.daemon = True
        _timer.start()


@functools.cache
def _keeping() -> Any:
    """Tell glibc of this process to keep what is freed; None if there is no glibc."""
    if platform.libc_ver()[0] != "glibc":
        return None
    libc = ctypes.CDLL(None)
    _ = libc.mallopt(_M_MMAP_THRESHOLD, KEPT) or libc.mallopt(_M_MMAP_THRESHOLD, OLD_LIMIT)
    libc.mallopt(_M_TRIM_THRESHOLD, KEPT)
    return libc
