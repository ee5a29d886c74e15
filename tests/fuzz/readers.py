"""The readers of foreign bytes, each with seeds that mirbench's own code or its tests make.

A `Reader` gets bytes, puts them where its file would lie, and reads them as mirbench does. It
may end in a value or raise `MirbenchError`, which is a sentence for the user; anything else is
a fault. Where mirbench does without a file that is damaged, "no value" is told by `Refused`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fuzz
from mirbench.benchmark.api import MirbenchError

#: Reads bytes that were put into a folder of the reader's own.
Read = Callable[[bytes], object]


class Refused(MirbenchError):
    """A file of mirbench's own is damaged, and counts as absent."""


@dataclass(frozen=True)
class Reader:
    """A reader of foreign bytes.

    Attributes
    ----------
    name : str
    seeds : callable
        Make whole files, from which damaged ones are made, in a folder that is given.
    open : callable
        Make the reader itself, with a folder of its own to work in.
    words : tuple of bytes
        What means something in such a file, beside what all have in common.
    many : int
        Inputs of the short run: fewer of those that take longer.
    """

    name: str
    seeds: Callable[[Path], list[bytes]]
    open: Callable[[Path], Read]
    words: tuple[bytes, ...] = ()
    many: int = 60


READERS: dict[str, Reader] = {}


def add(reader: Reader) -> None:
    """Register a reader."""
    assert reader.name not in READERS
    READERS[reader.name] = reader


def one_file(name: str, read: Callable[[Path], object]) -> Callable[[Path], Read]:
    """Make a reader of bytes from one of a path."""

    def opened(folder: Path) -> Read:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def reader(content: bytes) -> object:
            path.write_bytes(content)
            return read(path)

        return reader

    return opened


def or_refused(value: object) -> object:
    """Pass a value on; none is a refusal."""
    if value is None or value == {} or value == (False, None):
        raise Refused("counts as absent")
    return value


def every_reader() -> Iterator[Reader]:
    """Import all modules ``fuzz.of_*`` and go through the readers that they register, by name."""
    for module in pkgutil.iter_modules(fuzz.__path__):
        if module.name.startswith("of_"):
            importlib.import_module(f"fuzz.{module.name}")
    yield from (READERS[name] for name in sorted(READERS))
