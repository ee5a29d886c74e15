"""Read damaged files by every reader of foreign bytes, and print how that ended.

    tox -e fuzz                                   1,000 inputs per reader
    tox -e fuzz -- --inputs 10000                 more
    tox -e fuzz -- --reader shards --seed 7       one reader, other inputs
    tox -e fuzz -- --engine atheris --seconds 60  guided by coverage, where atheris is installed

Each reader has a process of its own, with a limit of memory. Inputs that ended in a traceback
are kept in ``--keep``, named after the reader.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.readers import Reader, every_reader
from fuzz.trial import Tally, quiet, try_reader

#: Bytes of address space of a reader's process.
MEMORY = 16 * 2**30

#: Seconds after which an input is kept.
SLOW = 5.0

HEAD = (
    "| reader | inputs | values | sentences | tracebacks | all (s) | slowest (s) | memory (MB) |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)


def line(tally: Tally) -> str:
    """Write a line of the table."""
    return (
        f"| {tally.reader} | {tally.inputs:,} | {tally.values:,} | {tally.refusals:,} | "
        f"{tally.tracebacks:,} | {tally.seconds:.0f} | {tally.slowest:.2f} | "
        f"{tally.peak / 2**20:.0f} |"
    )


def keep(folder: Path, reader: str, content: bytes) -> Path:
    """Keep an input that ended in a fault."""
    name = re.sub(r"\W+", "-", reader).strip("-")
    path = folder / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def in_a_child(work: Callable[[], dict[str, Any]]) -> dict[str, Any] | int:
    """Do something in a process of its own; its exit status if that ends without a result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            result = json.dumps(work()).encode()
            with os.fdopen(writing, "wb") as file:
                file.write(result)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    _, ended = os.waitpid(child, 0)
    return json.loads(content) if ended == 0 else os.waitstatus_to_exitcode(ended)


def tried(reader: Reader, args: argparse.Namespace) -> dict[str, Any]:
    """Try a reader; what it kept of its inputs is named in the result."""
    with (
        tempfile.TemporaryDirectory(prefix="mirbench-fuzz-", dir=in_memory()) as folder,
        silent_decoders(),
        mock.patch("os.fsync"),
    ):
        tally = try_reader(reader, Path(folder), args.inputs, args.seed)
    found = [f"{keep(args.keep, reader.name, c)}\n{text}" for text, c in tally.faults.items()]
    if tally.slowest > SLOW:
        path = keep(args.keep, f"{reader.name} slow", tally.slowest_input)
        found.append(f"{path} took {tally.slowest:.1f} s")
    tally.faults, tally.slowest_input = {}, b""
    return {**vars(tally), "slowest_input": "", "found": found}


def in_memory() -> str | None:
    """Name a folder that is in memory, where there is one: no file is there for long."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextlib.contextmanager
def silent_decoders() -> Iterator[None]:
    """Throw away what decoders in C write to stdout and stderr."""
    kept = [os.dup(number) for number in (1, 2)]
    with open(os.devnull, "w") as nowhere:
        for number in (1, 2):
            os.dup2(nowhere.fileno(), number)
    try:
        yield
    finally:
        for number, place in zip((1, 2), kept, strict=True):
            os.dup2(place, number)
            os.close(place)


def with_atheris(reader: Reader, folder: Path, seconds: int) -> None:
    """Let libFuzzer choose the inputs by what they reach; it ends at the first fault."""
    import atheris

    from mirbench.benchmark.api import MirbenchError

    (folder / "seeds").mkdir()
    (folder / "corpus").mkdir()
    for number, seed in enumerate(reader.seeds(folder / "seeds")):
        (folder / "corpus" / str(number)).write_bytes(seed)
    read = reader.open(folder / "work")
    atheris.instrument_all()

    def test_one_input(content: bytes) -> None:
        try:
            with quiet():
                read(content)
        except MirbenchError:
            pass

    options = [f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=8000", "-seed=1"]
    atheris.Setup([reader.name, *options, str(folder / "corpus")], test_one_input)
    atheris.Fuzz()


def main() -> int:
    """Go through the readers."""
    parser = argparse.ArgumentParser(description="Fuzz the readers of foreign bytes.")
    parser.add_argument("--inputs", type=int, default=1000, help="per reader")
    parser.add_argument("--reader", action="append", help="only those whose name holds this")
    parser.add_argument("--seed", type=int, default=0, help="other inputs")
    parser.add_argument("--engine", choices=("damage", "atheris"), default="damage")
    parser.add_argument("--seconds", type=int, default=60, help="per reader, of atheris")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="faulty inputs")
    args = parser.parse_args()
    chosen = [
        reader
        for reader in every_reader()
        if not args.reader or any(word in reader.name for word in args.reader)
    ]
    chosen = [r for r in chosen if args.reader and r.name in args.reader] or chosen
    if args.engine == "atheris":
        (reader,) = chosen  # it guides one reader per process
        with tempfile.TemporaryDirectory(prefix="mirbench-fuzz-") as folder:
            with_atheris(reader, Path(folder), args.seconds)
    print(HEAD, flush=True)
    faults = 0
    for reader in chosen:
        result = in_a_child(lambda reader=reader: tried(reader, args))  # type: ignore[misc]
        if isinstance(result, int):
            faults += 1
            print(f"| {reader.name} | the process ended with {result} |", flush=True)
            continue
        for text in result.pop("found"):
            print(f"{reader.name}: {text}", file=sys.stderr, flush=True)
        tally = Tally(**result)
        faults += tally.tracebacks
        print(line(tally), flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
