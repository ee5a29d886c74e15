"""The frozen splits follow from the real annotation files and have the properties promised.

Leakage is counted here anew from the publishers' tables, not with the code
that made the splits.
"""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers.frozen_splits import frozen_split

from mirbench.benchmark.api import SPLITS, Clip
from mirbench.splits import emomusic as emomusic_splits
from mirbench.splits.make import RULES, split_path
from mirbench.splits.table import format_split
from mirbench.tasks import emomusic, giantsteps, gtzan, magnatagatune

MODULES = {m.TASK.name: m for m in (magnatagatune, gtzan, giantsteps, emomusic)}
README = Path(split_path("gtzan", "paper")).parent / "README.md"

#: Largest difference between the shares of a label under paper and artist, in percentage points.
LARGEST_DEVIATION = {"magnatagatune": 2.2, "gtzan": 0.91, "giantsteps": 0.8, "emomusic": 0.0}


def _folder(annotation_files: Path, task: str) -> Path:
    return annotation_files / "gtzan" if task == "gtzan" else annotation_files


@functools.cache
def _clips(annotation_files: Path, task: str) -> list[Clip]:
    return list(MODULES[task].read_clips(annotation_files))


def _written_artists(annotation_files: Path, task: str) -> dict[str, set[str]]:
    """Map clips to artists as the publishers' tables write them, in lower case."""
    path, clip_id, artist, delimiter = {
        "magnatagatune": ("magnatagatune/clip_info_final.csv", "clip_id", "artist", "\t"),
        "emomusic": ("emomusic/songs_info.csv", "song_id", "Artist", ","),
        "giantsteps": (
            *("giantsteps-mtg-key-dataset/annotations/beatport_metadata.txt", "ID", "ARTIST"),
            "\t",
        ),
    }[task]
    with (annotation_files / path).open(encoding="utf-8", newline="") as file:
        rows = {
            row[clip_id]: {row[artist].strip().lower()}
            for row in csv.DictReader(file, delimiter=delimiter)
        }
    if task == "giantsteps":
        rows = {
            track: {name.strip() for artist in artists for name in artist.split(",")}
            for track, artists in rows.items()
        }
        for track in giantsteps.read_test_tracks(annotation_files):
            rows[track.id] = {name.lower() for name in track.artists}
    return rows


def _count_shared(
    split: Mapping[str, str], artists: dict[str, set[str]], theirs: set[str], ours: str
) -> int:
    known = set().union(*(artists[clip] for clip in split if split[clip] in theirs))
    return sum(not known.isdisjoint(artists[clip]) for clip in split if split[clip] == ours)


@pytest.mark.parametrize("task", MODULES)
@pytest.mark.parametrize("split", ["paper", "artist"])
def test_rules_give_the_frozen_files(annotation_files: Path, task: str, split: str) -> None:
    computed = RULES[task][split](_folder(annotation_files, task))
    assert format_split(computed).encode() == split_path(task, split).read_bytes()


@pytest.mark.parametrize(
    ("task", "with_train", "with_train_or_valid"),
    [("magnatagatune", 3284, 3432), ("giantsteps", 13, 16), ("emomusic", 52, 65)],
)
def test_leakage(
    annotation_files: Path, task: str, with_train: int, with_train_or_valid: int
) -> None:
    artists = _written_artists(annotation_files, task)
    paper = frozen_split(task, "paper")
    assert _count_shared(paper, artists, {"train"}, "test") == with_train
    assert _count_shared(paper, artists, {"train", "valid"}, "test") == with_train_or_valid
    groups = {clip.id: {clip.group} for clip in _clips(annotation_files, task)}
    artist = frozen_split(task, "artist")
    for names in (artists, groups):
        assert _count_shared(artist, names, {"train", "valid"}, "test") == 0
        assert _count_shared(artist, names, {"train"}, "valid") == 0
    assert f"{with_train:,}" in _readme_row(task)
    assert f"{_count_shared(paper, groups, {'train'}, 'test'):,}" in _readme_row(task)


def _readme_row(task: str) -> str:
    text = README.read_text(encoding="utf-8").partition("share an artist as written")[2]
    found = re.search(rf"^\| {task} .*$", text, re.MULTILINE)
    assert found
    return found[0]


@pytest.mark.parametrize("task", LARGEST_DEVIATION)
def test_labels_of_the_artist_split(annotation_files: Path, task: str) -> None:
    labels = _strata(annotation_files, task)
    shares: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    totals = Counter[tuple[str, str]]()
    for kind in ("paper", "artist"):
        for clip, side in frozen_split(task, kind).items():
            shares[kind, side].update(labels[clip])
            totals[kind, side] += 1
    names = {name for those in labels.values() for name in those}
    for side in SPLITS:
        paper, artist = (
            {name: 100 * shares[kind, side][name] / totals[kind, side] for name in names}
            for kind in ("paper", "artist")
        )
        assert min(paper.values()) > 0
        assert min(artist.values()) > 0
        assert max(abs(paper[n] - artist[n]) for n in names) <= LARGEST_DEVIATION[task]


def _strata(annotation_files: Path, task: str) -> dict[str, list[str]]:
    clips = _clips(annotation_files, task)
    if task == "emomusic":
        bins = [
            emomusic_splits.bin_values([float(clip.label[k]) for clip in clips]) for k in (0, 1)
        ]
        return {
            clip.id: [f"arousal {a}", f"valence {v}"]
            for clip, a, v in zip(clips, *bins, strict=True)
        }
    return {
        clip.id: [clip.label] if isinstance(clip.label, str) else [str(t) for t in clip.label]
        for clip in clips
    }
