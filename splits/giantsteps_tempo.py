"""Splits of GiantSteps tempo: those of the key task for train and valid, the tempo set for test."""

from __future__ import annotations

from pathlib import Path

from mirbench.splits import giantsteps
from mirbench.splits.table import Assignment
from mirbench.tasks.giantsteps_tempo import read_mtg_tempi, read_test_tempi


def paper_split(root: Path) -> Assignment:
    """Take the key task's ``paper`` split of the MTG tracks that have a tempo."""
    return _with_test_set(giantsteps.paper_split(root), root)


def artist_split(root: Path) -> Assignment:
    """Take the key task's ``artist`` split; its 20 MTG tracks with artists of test drop out.

    The tempo test set has 43 tracks of the key test set, and no known artist otherwise.
    """
    return _with_test_set(giantsteps.artist_split(root), root)


def _with_test_set(key_split: Assignment, root: Path) -> Assignment:
    tempi = read_mtg_tempi(root)
    kept: Assignment = {
        track: split for track, split in key_split.items() if split != "test" and tempi.get(track)
    }
    return kept | dict.fromkeys(read_test_tempi(root), "test")
