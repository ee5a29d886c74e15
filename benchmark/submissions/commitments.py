"""What a row commits itself to, and verifications: only maintainers write those."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import DataError
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Result, committed_clips, read_sketch
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
    present = [clip_id for clip_id in ground.split.of if clip_id not in lost]
    expected = committed_clips(ground.split.sha256, present)
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


def changed_verifications(results: Path, board: Path) -> Iterator[str]:
    """Name the verifications beside a folder of rows that are not those beside the board.

    Parameters
    ----------
    results, board : Path
        Folders of rows; verifications lie in ``verified`` beside them.
    """
    here, there = results.with_name("verified"), board.with_name("verified")
    places = {
        file.relative_to(folder)
        for folder in (here, there)
        for file in folder.rglob("*")
        if file.is_symlink() or not file.is_dir()
    }
    for place in sorted(places):
        mine, kept = here / place, there / place
        both = mine.is_file() and kept.is_file() and not mine.is_symlink()
        if not both or not filecmp.cmp(mine, kept, shallow=False):
            yield str(place)
