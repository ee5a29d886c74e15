"""Progress of long work: what, how many, rate, time left.

On a terminal it is a bar, and in a notebook a widget (or, without ipywidgets, a bar of text);
elsewhere (a log file, a scheduler) it is a plain line at the beginning of each stage and every
half minute. `silence` ends all of them; remarks and errors stay.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from types import TracebackType
from typing import Any

#: Between two lines where there is no terminal.
LINE_SECONDS = 30.0

_silent = False


def silence(silent: bool) -> None:
    """Show no progress in this process from now on; or show it again."""
    global _silent
    _silent = silent


def bar(description: str, total: int | None, unit: str, done: int = 0, quiet: bool = False) -> Any:
    """Open progress on stderr, to be used in a with statement; ``update(n)`` advances it.

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
    hidden = quiet or _silent
    notebook = not hidden and in_notebook()
    if not hidden and not notebook and not sys.stderr.isatty():
        return _Lines(description, total, unit, done)
    return _tqdm(notebook)(
        desc=description,
        total=total,
        initial=done,
        unit=unit,
        unit_scale=unit == "B",
        disable=hidden,
        dynamic_ncols=True,
        smoothing=0.1,
    )


def _tqdm(notebook: bool) -> Any:
    """Import the bar; for a notebook that may be a widget, or else text."""
    if not notebook:
        from tqdm import tqdm

        return tqdm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one says that there is no ipywidgets
        from tqdm.auto import tqdm as either

    return either


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython in a terminal is none."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config


class _Lines:
    """What `bar` opens where there is no terminal; lines come from a thread of its own."""

    def __init__(self, description: str, total: int | None, unit: str, done: int) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._done = self._first = done
        self._words = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)

    def __enter__(self) -> _Lines:
        self._began = time.monotonic()
        self._lasts = False
        if self._total is None or self._done < self._total:
            say(f"{self._description}: {self._count()}")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._lasts:
            say(f"{self._description}: {self._count()}, {duration(self._seconds)} in all")

    def update(self, n: int) -> None:
        """Count `n` more."""
        self._done += n

    def set_postfix_str(self, words: str, refresh: bool = True) -> None:
        """Say `words` from the next line on, in place of the rate and the time left."""
        self._words = words

    def _tell(self) -> None:
        while not self._over.wait(LINE_SECONDS):
            self._lasts = True
            parts = [self._count(), self._words or self._rate()]
            say(f"{self._description}: {', '.join(part for part in parts if part)}")

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _count(self) -> str:
        if self._unit != "B":
            return count(self._done, self._unit, of=self._total)
        of = "" if self._total is None else f" of {size(self._total)}"
        return f"{size(self._done)}{of}"

    def _rate(self) -> str:
        new = self._done - self._first
        if new <= 0:
            return ""
        each = self._seconds / new
        if self._unit == "B":
            rate = f"{size(1 / each)}/s"
        else:
            many = f"{1 / each:,.1f} {self._unit}s/s"
            rate = many if each < 1 else f"{each:,.1f} s/{self._unit}"
        if self._total is None:
            return rate
        return f"{rate}, about {duration(each * max(0, self._total - self._done))} left"


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


def size(n: float) -> str:
    """Bytes for people: ``812 B``, ``3.1 kB``, ``2.4 GB``."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"
