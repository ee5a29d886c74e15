"""Names that the harness and tasks share: the keys, and the windows of a clip."""

from __future__ import annotations

#: Pitch classes from C up, written with flats.
TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")

#: The 24 keys in the order that ``weighted_key_score`` expects of a task's labels.
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)

#: Digits of a window's number that are read. Python refuses 4,300, and no clip has so many windows.
_DIGITS = 19


def window_id(clip_id: str, window: int | None) -> str:
    """Id of what is embedded: of window 3 of clip ``5061`` it is ``5061-3``.

    Parameters
    ----------
    clip_id : str
        Id of the clip.
    window : int or None
        Number of the window, from 0; None for a whole clip, which keeps its id.
    """
    return clip_id if window is None else f"{clip_id}-{window}"


def clip_and_window(row_id: str) -> tuple[str, int | None]:
    """Take an id that `window_id` made apart; a whole clip has None for its window.

    Clip ids may end like windows (``a-1``), so this is for rows of tasks that have windows.
    Numbers of 19 and more digits count as 10 to the power of 19.
    """
    clip_id, dash, number = row_id.rpartition("-")
    if not dash or not number.isdecimal():
        return row_id, None
    return clip_id, int(number) if len(number) < _DIGITS else 10**_DIGITS
