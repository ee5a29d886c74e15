"""Read and write the split files: CSV with the header ``clip_id,split``, sorted by clip id."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mirbench.benchmark.api import SPLITS, DataError, Split

#: Clip ids and the split of each.
Assignment = dict[str, Split]

HEADER = ("clip_id", "split")


def read_split(path: Path) -> Assignment:
    """Read one split file.

    Raises
    ------
    DataError
        If the header or a value is wrong or a clip stands there twice.
    """
    names: dict[str, Split] = {name: name for name in SPLITS}
    assignment: Assignment = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != HEADER:
            raise DataError(f"{path}: line 1: expected the header {','.join(HEADER)}")
        for row in rows:
            if len(row) != 2 or row[1] not in names or row[0] in assignment:
                raise DataError(
                    f"{path}: line {rows.line_num}: expected a new clip id and one of "
                    f"{', '.join(SPLITS)}, found {','.join(row)!r}"
                )
            assignment[row[0]] = names[row[1]]
    return assignment


def format_split(assignment: Mapping[str, Split]) -> str:
    """Text of a split file: sorted by clip id as a string, lines end in LF."""
    lines = [",".join(HEADER), *(f"{clip},{split}" for clip, split in sorted(assignment.items()))]
    return "\n".join(lines) + "\n"


def sizes(assignment: Mapping[str, Split]) -> tuple[int, int, int]:
    """Numbers of clips in train, valid and test."""
    counts = Counter(assignment.values())
    return counts["train"], counts["valid"], counts["test"]
