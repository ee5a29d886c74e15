"""Tempi in the small files and tables of annotators."""

from __future__ import annotations

import math
from pathlib import Path

from mirbench.benchmark.api import DataError
from mirbench.tasks._track_files import read_line

#: Beats per minute that no annotator means.
_FASTEST = 1000.0


def read_bpm(path: Path) -> float:
    """Read a file that holds one tempo.

    Returns
    -------
    float
        Beats per minute; 0 where the annotators found no tempo.

    Raises
    ------
    DataError
        If it holds anything else.
    """
    words = read_line(path).split()
    return parse_bpm(" ".join(words), path, 1)


def parse_bpm(cell: str, path: Path, line: int) -> float:
    """Turn a cell into beats per minute; 0 stands for no tempo.

    Raises
    ------
    DataError
        If the cell is no number from 0 to 1000.
    """
    try:
        bpm = float(cell)
    except ValueError:
        bpm = math.nan
    if not 0 <= bpm <= _FASTEST:
        raise DataError(
            f"{path}: line {line}: expected a number of beats per minute, found {cell[:50]!r}"
        )
    return bpm
