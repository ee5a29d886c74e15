"""Python's collector of garbage, kept from looking through millions of objects that stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Make many objects that stay; also as a decorator of functions that do.

    Whenever there are a quarter more of them, the collector looks through all. That is most of
    the time in which the tables of a million clips are read.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
