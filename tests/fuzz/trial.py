"""Read one input, and say how that ended: a value, a sentence, or a fault."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.damage import spoil
from fuzz.readers import Read, Reader
from mirbench.benchmark.api import MirbenchError

#: Characters of a message that is for a human.
LONGEST = 2500


@dataclass
class Tally:
    """How the inputs of one reader ended.

    Attributes
    ----------
    faults : dict
        Last lines of a traceback to the first input that ended in it.
    seconds, slowest : float
        Seconds of all inputs, and of the slowest.
    peak : int
        Bytes that the memory of the process grew by.
    """

    reader: str
    inputs: int = 0
    values: int = 0
    refusals: int = 0
    tracebacks: int = 0
    slowest: float = 0.0
    slowest_input: bytes = b""
    seconds: float = 0.0
    peak: int = 0
    faults: dict[str, bytes] = field(default_factory=dict)

    def try_out(self, read: Read, content: bytes) -> None:
        """Read an input and count how it ended."""
        started = time.perf_counter()
        self.inputs += 1
        try:
            with quiet():
                read(content)
            self.values += 1
        except MirbenchError as error:
            text = str(error)
            if text.strip() and len(text) < LONGEST + 2 * len(os.getcwd()):
                self.refusals += 1
            else:
                self._fault(f"a message of {len(text)} characters: {text[:200]!r}", content)
        except Exception:
            self._fault("".join(traceback.format_exc(limit=-4)), content)
        taken = time.perf_counter() - started
        self.seconds += taken
        if taken > self.slowest:
            self.slowest, self.slowest_input = taken, content

    def _fault(self, text: str, content: bytes) -> None:
        self.tracebacks += 1
        place = [line for line in text.splitlines() if line.startswith("  File")][-1:]
        self.faults.setdefault("\n".join([*place, *text.splitlines()[-1:]])[:600], content)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Throw away what a reader tells the user beside its value."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield


def inputs_of(reader: Reader, folder: Path, count: int, seed: int = 0) -> Iterator[bytes]:
    """Make inputs: the seeds as they are, then spoiled ones, the same at every run."""
    seeds = reader.seeds(folder)
    yield from seeds[:count]
    rng = Random(f"{reader.name} {seed}")
    for _ in range(count - len(seeds)):
        yield spoil(rng.choice(seeds), rng, reader.words)


def try_reader(reader: Reader, folder: Path, count: int, seed: int = 0) -> Tally:
    """Read inputs one after the other; `folder` is an empty one of the reader's own."""
    tally = Tally(reader.name)
    (folder / "seeds").mkdir()
    read = reader.open(folder / "work")
    before = peak_memory()
    for content in inputs_of(reader, folder / "seeds", count, seed):
        tally.try_out(read, content)
    tally.peak = peak_memory() - before
    return tally


def peak_memory() -> int:
    """Bytes of memory that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
