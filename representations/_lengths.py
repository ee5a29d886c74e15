"""Clips of one length go through a model together, unpadded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mirbench.benchmark.api import FloatArray


def by_length(audios: Sequence[FloatArray]) -> list[list[int]]:
    """Give the places of clips in groups of one length."""
    groups: dict[int, list[int]] = defaultdict(list)
    for place, audio in enumerate(audios):
        groups[len(audio)].append(place)
    return list(groups.values())
