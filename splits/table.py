"""Write the split files: CSV with the header ``clip_id,split``, sorted by clip id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mirbench.benchmark.api import Split

#: Clip ids and the split of each.
Assignment = dict[str, Split]


def format_split(assignment: Mapping[str, Split]) -> str:
    """Text of a split file: sorted by clip id as a string, lines end in LF."""
    lines = ["clip_id,split", *(f"{clip},{split}" for clip, split in sorted(assignment.items()))]
    return "\n".join(lines) + "\n"


def sizes(assignment: Mapping[str, Split]) -> tuple[int, int, int]:
    """Numbers of clips in train, valid and test."""
    counts = Counter(assignment.values())
    return counts["train"], counts["valid"], counts["test"]
