"""Splits of MagnaTagATune: ``paper`` by folder, ``artist`` by search."""

from __future__ import annotations

from pathlib import Path

from mirbench.benchmark.api import Split
from mirbench.splits.grouped import Groups, closest_split
from mirbench.splits.table import Assignment
from mirbench.tasks._artists import components, letters_only
from mirbench.tasks.magnatagatune import read_artists, read_clips


def paper_split(root: Path) -> Assignment:
    """Split by the first folder of the mp3 path: 0 to b train, c valid, d to f test.

    It is the 12:1:3 split of van den Oord et al. (2014) that Castellon et
    al. (2021) use; no album is on two sides, but artists are.
    """
    return {clip.id: _by_folder(clip.path.parent.name) for clip in read_clips(root) if clip.path}


def artist_split(root: Path) -> Assignment:
    """Split by artist, with sizes and tag counts as close to ``paper`` as the search gets.

    Neither an artist as written nor a performer is on two sides. For the
    first, compilations hold together, and for the second everybody who
    performs on one; so about half of all clips form one group, in train.
    """
    artists = read_artists(root)
    joined = components([letters_only(act), *names] for act, names in artists.values())
    group_of = dict(zip(artists, joined, strict=True))
    groups: Groups = {}
    for clip in read_clips(root):
        assert isinstance(clip.label, tuple)
        group = group_of[clip.id] or clip.group
        groups.setdefault(group, {})[clip.id] = tuple(str(tag) for tag in clip.label)
    return closest_split(groups, paper_split(root))


def _by_folder(folder: str) -> Split:
    return "train" if folder <= "b" else "valid" if folder == "c" else "test"
