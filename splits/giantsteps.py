"""Splits of GiantSteps key: ``paper`` by corpus and hashed artists, ``artist`` a repair of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path

from mirbench.benchmark.api import KEYS, SPLITS, Clip, DataError, Split
from mirbench.splits.table import Assignment
from mirbench.tasks.giantsteps import (
    HOW_TO_GET,
    TEST_FOLDER,
    read_clips,
    read_mtg_tracks,
    read_test_tracks,
)

#: An artist is valid if its number modulo the first is at least the second.
_MODULUS, _FIRST_VALID = 116, 100


def paper_split(root: Path) -> Assignment:
    """Test on the GiantSteps key set; split the MTG set by hashed artists.

    The rule is that of Castellon et al. (2021). It looks at all 1,486 MTG
    tracks in file order, also at those whose key is in doubt: a track with
    one valid artist makes all its artists valid, in two passes.
    """
    tracks = read_mtg_tracks(root)
    artists = {artist for track in tracks for artist in track.artists}
    valid = {artist for artist in artists if _number(artist) % _MODULUS >= _FIRST_VALID}
    for _ in range(2):
        for track in tracks:
            if not valid.isdisjoint(track.artists):
                valid.update(track.artists)
    assignment: Assignment = {
        track.id: "train" if valid.isdisjoint(track.artists) else "valid"
        for track in tracks
        if track.key is not None
    }
    return assignment | {track.id: "test" for track in read_test_tracks(root)}


def artist_split(root: Path) -> Assignment:
    """Move whole components of artists so that none is on two sides of ``paper``.

    A component that reaches into the test set goes there with all its MTG
    tracks: so the test set contains that of ``paper``, and probes still train
    on MTG tracks only. Other components go where ``paper`` has most of their
    tracks. A key that thereby left valid comes back with the smallest
    component of train that has it.

    Raises
    ------
    DataError
        If no artist of the test set is known, for want of ``sources.xlsx``.
    """
    if not any(track.artists for track in read_test_tracks(root)):
        raise DataError(f"the artist split needs {TEST_FOLDER}/sources.xlsx. {HOW_TO_GET}")
    paper = paper_split(root)
    members: defaultdict[str, list[Clip]] = defaultdict(list)
    for clip in read_clips(root):
        members[clip.group].append(clip)
    sides = {group: _side([paper[clip.id] for clip in clips]) for group, clips in members.items()}
    for key in KEYS:
        having = [group for group, clips in members.items() if any(c.label == key for c in clips)]
        if not any(sides[group] == "valid" for group in having):
            spare = [group for group in having if sides[group] == "train"]
            sides[min(spare, key=lambda group: (len(members[group]), group))] = "valid"
    return {clip.id: sides[group] for group, clips in members.items() for clip in clips}


def _side(splits: list[Split]) -> Split:
    return "test" if "test" in splits else max(SPLITS, key=splits.count)


def _number(artist: str) -> int:
    return int(hashlib.sha1(artist.lower().encode()).hexdigest(), 16)
