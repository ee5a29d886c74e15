"""Splits of Emomusic: ``paper`` by MediaEval set and hashed artist, ``artist`` by search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mirbench.benchmark.api import Split
from mirbench.splits.grouped import Groups, closest_split
from mirbench.splits.table import Assignment
from mirbench.tasks._artists import letters_only
from mirbench.tasks.emomusic import TASK, Song, read_clips, read_songs

#: Each output is cut at its quantiles into so many bins, which are balanced as tags are.
N_BINS = 5


def paper_split(root: Path) -> Assignment:
    """Take the evaluation set as test, and split the development set 8:2 by hashed artist.

    The rule is that of Castellon et al. (2021), whose test set shares
    artists with train.
    """
    return {song.id: _by_artist(song) for song in read_songs(root)}


def artist_split(root: Path) -> Assignment:
    """Split by artist, with sizes and bins of both outputs as close to ``paper`` as can be."""
    clips = list(read_clips(root))
    bins = [
        bin_values([float(clip.label[output]) for clip in clips])
        for output in range(len(TASK.labels))
    ]
    groups: Groups = {}
    for clip, *places in zip(clips, *bins, strict=True):
        groups.setdefault(clip.group, {})[clip.id] = tuple(
            f"{output} {place}" for output, place in zip(TASK.labels, places, strict=True)
        )
    return closest_split(groups, paper_split(root))


def bin_values(values: Sequence[float]) -> list[int]:
    """Quantile bin of each value, counted from 0; equal values share a bin."""
    ordered = sorted(values)
    edges = [ordered[len(values) * k // N_BINS] for k in range(1, N_BINS)]
    return [sum(value >= edge for edge in edges) for value in values]


def _by_artist(song: Song) -> Split:
    if song.mediaeval_set == "evaluation":
        return "test"
    number = int(hashlib.sha1(letters_only(song.artist).encode()).hexdigest(), 16)
    return "valid" if number % 10 >= 8 else "train"
