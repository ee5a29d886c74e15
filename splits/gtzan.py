"""Splits of GTZAN: ``paper``, the published fault-filtered lists, and ``artist``, a repair of them.

Kereliuk et al. (2015) made the lists so that no act is on two sides, which
holds as far as Sturm's index of the artists goes. It does not once
collaborations are taken apart, and the index does not know every artist.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from mirbench.benchmark.api import SPLITS, DataError, Split
from mirbench.splits.table import Assignment
from mirbench.tasks.gtzan import read_clips

_LINE = re.compile(r"([a-z]+)/(\1\.\d{5})\.wav")

#: Clips with one title and no known artist, which are taken for one artist's.
_ONE_TITLE = ("pop.00010", "pop.00014")


def paper_split(root: Path) -> Assignment:
    """Read ``train_filtered.txt``, ``valid_filtered.txt`` and ``test_filtered.txt``.

    Parameters
    ----------
    root : Path
        Folder that holds the three lists, as published at
        https://github.com/coreyker/dnn-mgr/tree/master/gtzan

    Raises
    ------
    DataError
        If a list is absent, a line is not ``<genre>/<clip id>.wav``, or a
        clip stands in two places.
    """
    assignment: Assignment = {}
    for split in SPLITS:
        path = root / f"{split}_filtered.txt"
        if not path.is_file():
            raise DataError(
                f"{path} is missing. The three lists are published at "
                "https://github.com/coreyker/dnn-mgr/tree/master/gtzan"
            )
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as text: {error}") from error
        for number, line in enumerate(lines, start=1):
            match = _LINE.fullmatch(line.strip())
            if match is None or match[2] in assignment:
                raise DataError(
                    f"{path}: line {number}: expected a new <genre>/<genre>.<number>.wav, "
                    f"found {line[:80]!r}"
                )
            assignment[match[2]] = split
    return assignment


def artist_split(root: Path) -> Assignment:
    """Move groups of artists that are on two sides of ``paper`` to the one that has most of them.

    Of sides that have equally many the later counts, so that a test clip stays one.

    Raises
    ------
    DataError
        As `paper_split`.
    """
    paper = paper_split(root)
    group_of = {clip.id: clip.group for clip in read_clips(root)}
    group_of[_ONE_TITLE[1]] = group_of[_ONE_TITLE[0]]
    sides: defaultdict[str, list[Split]] = defaultdict(list)
    for clip_id, split in paper.items():
        sides[group_of[clip_id]].append(split)
    side = {group: max(reversed(SPLITS), key=splits.count) for group, splits in sides.items()}
    return {clip_id: side[group_of[clip_id]] for clip_id in paper}
