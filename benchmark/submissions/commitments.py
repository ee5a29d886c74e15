"""What a row commits itself to, and verifications: only maintainers write those."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import (
    Result,
    Standing,
    committed_clips,
    read_sketch,
    read_verification,
    standing_of,
)
from mirbench.benchmark.submissions.ground import AGAIN, Ground

#: Relative difference of two sketches below which they are of one embedding.
_SAME = 1e-3


def check_commitment(result: Result, ground: Ground) -> tuple[list[str], list[str]]:
    """Say what is wrong with a row's commitment, or odd about it.

    Returns
    -------
    errors, notes : list of str
    """
    if result.deformation is not None:
        wrong = "commitment: stands in the row of the clean clips only; run the row again"
        return ([] if result.commitment is None else [wrong]), []
    if result.commitment is None:
        return [], [
            "commitment: there is none, as in rows of older versions, so the row cannot be "
            "verified; run it again with --force"
        ]
    sketches = result.commitment.sketches
    lost = {clip.clip_id for clip in result.task.missing}
    expected = committed_clips(ground.split.sha256, ground.split.of, lost)
    if sorted(sketches) != expected:
        odd = next(iter(sorted(set(sketches) ^ set(expected))))
        return [
            f"commitment.sketches: must be of the {count(len(expected), 'clip')} that the split "
            f"names, which it is not for {show(odd)}; {AGAIN}"
        ], []
    try:
        numbers = [read_sketch(text) for text in sketches.values()]
    except DataError as error:
        return [f"commitment.sketches: {error}; {AGAIN}"], []
    lengths = [float(np.linalg.norm(each - numbers[0])) for each in numbers[1:]]
    if max(lengths, default=1.0) <= _SAME * float(np.linalg.norm(numbers[0])):
        return [], [
            f"commitment.sketches: the embeddings of {count(len(numbers), 'clip')} are one and "
            "the same"
        ]
    return [], []


def changed_verifications(results: Path, board: Path) -> dict[str, str]:
    """Find the verifications beside a folder of rows that are not those beside the board.

    Parameters
    ----------
    results, board : Path
        Folders of rows; verifications lie in ``verified`` beside them.

    Returns
    -------
    dict
        Place below ``verified`` to what it says now, sorted; empty unless both folders are named
        ``results``, since no others have verifications beside them.

    Raises
    ------
    DataError
        If a file is no verification of the row that lies in its place.
    """
    # As rows and verifications find each other: "." and ".." have names, too.
    results, board = (Path(os.path.abspath(folder)) for folder in (results, board))
    if {results.name, board.name} != {"results"}:
        return {}
    here, there = results.with_name("verified"), board.with_name("verified")
    places = {
        file.relative_to(folder)
        for folder in (here, there)
        for file in folder.rglob("*")
        if file.is_symlink() or not file.is_dir()
    }
    return {
        str(place): _what_it_says(here / place, results / place)
        for place in sorted(places)
        if not _is_same(here / place, there / place)
    }


def _is_same(mine: Path, kept: Path) -> bool:
    if mine.is_symlink() or not (mine.is_file() and kept.is_file()):
        return False
    return filecmp.cmp(mine, kept, shallow=False)


def _what_it_says(path: Path, row: Path) -> str:
    if path.is_symlink():
        raise DataError(f"{path} is a symbolic link; put the file itself there")
    if not path.exists():
        return "withdrawn"
    read_verification(path)
    standing = standing_of(row) if row.is_file() and not row.is_symlink() else Standing()
    if standing.verified is None:
        raise DataError(f"{path} is of another row than lies there now; verify the row again")
    return standing.words
