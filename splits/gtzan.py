"""Splits of GTZAN: the published fault-filtered lists.

No artist metadata comes with the dataset. Kereliuk et al. (2015) made the
lists so that no artist is on two sides, so ``paper`` and ``artist`` are the
same.
"""

from __future__ import annotations

import re
from pathlib import Path

from mirbench.benchmark.api import SPLITS, DataError
from mirbench.splits.table import Assignment

_LINE = re.compile(r"([a-z]+)/(\1\.\d{5})\.wav")


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
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            match = _LINE.fullmatch(line.strip())
            if match is None or match[2] in assignment:
                raise DataError(
                    f"{path}: line {number}: expected a new <genre>/<genre>.<number>.wav, "
                    f"found {line!r}"
                )
            assignment[match[2]] = split
    return assignment


artist_split = paper_split
