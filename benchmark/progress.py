"""Progress of long work: what, how many, rate, time left; silent when not on a terminal."""

from __future__ import annotations

import sys
from typing import Any


def bar(description: str, total: int | None, unit: str, done: int = 0, quiet: bool = False) -> Any:
    """Open a progress bar on stderr, to be used in a with statement; ``update(n)`` advances it.

    Parameters
    ----------
    description : str
        What is going on.
    total : int or None
        How many there are, where that is known.
    unit : str
        What is counted; bytes (``B``) are shown as kB, MB and GB.
    done : int
        How many were done before.
    quiet : bool
        Show nothing.
    """
    from tqdm import tqdm

    return tqdm(
        desc=description,
        total=total,
        initial=done,
        unit=unit,
        unit_scale=unit == "B",
        disable=quiet or None,
        dynamic_ncols=True,
        smoothing=0.1,
    )


def say(text: str) -> None:
    """Tell the user something on stderr, in one line, beside a running bar."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def count(n: int, noun: str, verb: str = "", *, of: int | None = None) -> str:
    """Write a number with its noun, and a verb: ``1 clip``, ``1 of 25 clips is``, ``7 clips are``.

    Parameters
    ----------
    n : int
        How many.
    noun : str
        In the singular; its plural takes an s.
    verb : str
        ``is`` or ``has``, for ``are`` and ``have`` after other numbers than 1.
    of : int, optional
        How many there are in all.
    """
    whole = f"{n:,}" if of is None else f"{n:,} of {of:,}"
    plural = "" if (n if of is None else of) == 1 else "s"
    agreeing = verb if n == 1 or not verb else {"is": "are", "has": "have"}[verb]
    return f"{whole} {noun}{plural} {agreeing}".rstrip()


def duration(seconds: float) -> str:
    """Seconds for people: ``48 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
