"""Which line of a plugin something went wrong at, for messages."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterable
from functools import cache
from pathlib import Path

#: A file and a line of it.
Frame = tuple[str, int]

#: Characters of what an error says that a message shows.
MOST = 500

#: The module that makes what processes wait for, in shared memory.
_SEMAPHORES = "multiprocessing/synchronize.py"

_HARNESS = str(Path(__file__).resolve().parents[1])


def line_of(frames: Iterable[Frame]) -> str:
    """Name the innermost line of a plugin, as ``/home/me/mine.py, line 12``.

    That is code which is neither mirbench's harness nor installed. Where the plugin is
    installed itself, its own are the lines in the folder of the first one that the
    harness has called.

    Parameters
    ----------
    frames : iterable of (str, int)
        Files and lines, the innermost last.

    Returns
    -------
    str
        Empty if there is none.
    """
    called: list[Frame] = []
    own: list[Frame] = []
    for file, line in frames:
        if file.startswith("<"):
            continue
        if Path(file).is_relative_to(_HARNESS):
            called = []
            continue
        called.append((file, line))
        if not is_installed(Path(file)):
            own.append((file, line))
    if not own and called:
        folder = Path(called[0][0]).parent
        own = [frame for frame in called if Path(frame[0]).is_relative_to(folder)]
    return f"{own[-1][0]}, line {own[-1][1]}" if own else ""


def error_text(error: BaseException) -> str:
    """Say what an error of a plugin is, and at which of its lines.

    Examples
    --------
    >>> error_text(KeyError("missing"))
    "KeyError: 'missing'"
    """
    name = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    said = " ".join(str(error).split())
    if len(said) > MOST:
        said = said[:MOST] + " …"
    text = f"{name}: {said}" if said else name
    trace = traceback.extract_tb(error.__traceback__)
    frames = [(frame.filename, frame.lineno or 0) for frame in trace]
    if isinstance(error, OSError) and any(file.endswith(_SEMAPHORES) for file, _ in frames):
        text += "; the processes that it starts need a /dev/shm that can be written"
    place = line_of(frames)
    return f"{text} ({place})" if place else text


def is_installed(path: Path) -> bool:
    """Whether a file belongs to Python itself or to an ordinary installation of a package."""
    if not {"site-packages", "dist-packages"}.isdisjoint(path.parts):
        return True
    return any(path.is_relative_to(place) for place in _python())


@cache
def _python() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple(Path(paths[key]).resolve() for key in ("stdlib", "platstdlib"))
