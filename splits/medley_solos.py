"""Splits of Medley-solos-DB: the published one, which keeps songs apart."""

from __future__ import annotations

from pathlib import Path

from mirbench.benchmark.api import SPLITS
from mirbench.splits.table import Assignment
from mirbench.tasks.medley_solos import SUBSETS, read_excerpts


def paper_split(root: Path) -> Assignment:
    """Take the subsets of the table."""
    names = dict(zip(SUBSETS, SPLITS, strict=True))
    return {excerpt.id: names[excerpt.subset] for excerpt in read_excerpts(root)}


#: No song is on two sides, and the two songs with identical clips are in valid.
artist_split = paper_split
