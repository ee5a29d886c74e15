"""The frozen split files, as far as they can be checked without any dataset."""

from __future__ import annotations

import csv
import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers.frozen_splits import frozen_split

from mirbench.benchmark.api import SPLITS
from mirbench.splits.make import split_path
from mirbench.splits.table import format_split, sizes
from mirbench.tasks import emomusic, giantsteps, gtzan, magnatagatune

TASKS = {module.TASK.name: module.TASK for module in (magnatagatune, gtzan, giantsteps, emomusic)}
PAPER_SIZES = {
    "magnatagatune": (18_706, 1_825, 5_329),
    "gtzan": (443, 197, 290),
    "giantsteps": (923, 236, 604),
    "emomusic": (504, 115, 125),
}
FILES = list(itertools.product(TASKS, ("paper", "artist")))


@pytest.mark.parametrize(("task", "split"), FILES)
def test_form(task: str, split: str) -> None:
    content = split_path(task, split).read_bytes()
    header, *rows = content.decode("ascii").removesuffix("\n").split("\n")
    assert header == "clip_id,split"
    assert b"\r" not in content
    assert content.endswith(b"\n")
    ids = [row.split(",")[0] for row in rows]
    assert ids == sorted(set(ids))
    assert {row.split(",")[1] for row in rows} == set(SPLITS)
    assert format_split(frozen_split(task, split)).encode() == content


@pytest.mark.parametrize("task", TASKS)
def test_sizes(task: str) -> None:
    paper = frozen_split(task, "paper")
    artist = frozen_split(task, "artist")
    assert sizes(paper) == PAPER_SIZES[task]
    assert paper.keys() == artist.keys()
    for ours, theirs in zip(sizes(artist), sizes(paper), strict=True):
        assert abs(ours - theirs) <= 0.1 * theirs
    assert TASKS[task].splits == ("paper", "artist")


@pytest.mark.parametrize("task", ["magnatagatune", "giantsteps", "emomusic"])
def test_ids_are_plain_numbers(task: str) -> None:
    assert all(clip == str(int(clip)) for clip in frozen_split(task, "paper"))


@pytest.mark.parametrize("name", ["paper", "artist"])
def test_gtzan_covers_every_genre(name: str) -> None:
    frozen = frozen_split("gtzan", name)
    labels = {clip.id: clip.label for clip in gtzan.read_clips(Path("absent"))}
    assert frozen.keys() <= labels.keys()
    for split in SPLITS:
        counts = Counter(labels[clip] for clip in frozen if frozen[clip] == split)
        assert counts.keys() == set(gtzan.GENRES)
        assert min(counts.values()) >= 12
    assert frozen["jazz.00054"] == "train"


def test_the_artist_split_of_gtzan_moves_groups_that_cross() -> None:
    paper, artist = (frozen_split("gtzan", name) for name in ("paper", "artist"))
    moved = {clip: (paper[clip], artist[clip]) for clip in paper if paper[clip] != artist[clip]}
    assert moved == {
        "country.00005": ("valid", "train"),
        "country.00045": ("valid", "train"),
        "disco.00047": ("train", "valid"),
        "hiphop.00040": ("test", "train"),
        "hiphop.00045": ("test", "train"),
        "pop.00010": ("valid", "test"),
        "reggae.00087": ("test", "train"),
    }
    assert sizes(artist) == (447, 195, 288)
    readme = (split_path("gtzan", "artist").parent / "README.md").read_text(encoding="utf-8")
    assert all(clip in readme for clip in moved)


def _crossing(split: Mapping[str, str], names: Mapping[str, str]) -> set[str]:
    """Names that are on two sides of a split."""
    sides: defaultdict[str, set[str]] = defaultdict(set)
    for clip, side in split.items():
        sides[names[clip]].add(side)
    return {name for name, those in sides.items() if len(those) > 1}


def test_artists_of_gtzan_stay_on_one_side() -> None:
    groups = {clip.id: clip.group for clip in gtzan.read_clips(Path("absent"))}
    acts = dict(groups)
    with Path(gtzan.__file__).with_name("gtzan_artists.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            acts |= dict.fromkeys(row["clips"].split(), row["act"])
    paper, artist = (frozen_split("gtzan", name) for name in ("paper", "artist"))
    assert _crossing(paper, acts) == set()
    assert _crossing(paper, groups) == {"aretha franklin", "barbra streisand", "bob marley"}
    assert _crossing(artist, acts) == _crossing(artist, groups) == set()
    assert artist["pop.00010"] == artist["pop.00014"]
    known = {split: [c for c in paper if paper[c] == split and groups[c] != c] for split in SPLITS}
    assert [len(known[split]) for split in SPLITS] == [443 - 28, 197 - 16, 290 - 37]
    counts = [len({groups[c] for c in paper if paper[c] == split}) for split in SPLITS]
    assert counts == [122, 73, 123]


def test_empty_clips_of_magnatagatune_are_left_out() -> None:
    assert not magnatagatune.EMPTY_CLIPS & frozen_split("magnatagatune", "paper").keys()


def test_giantsteps_artist_contains_the_test_set_of_the_paper() -> None:
    paper = frozen_split("giantsteps", "paper")
    artist = frozen_split("giantsteps", "artist")
    assert all(artist[clip] == "test" for clip in paper if paper[clip] == "test")
    assert sum(artist[clip] != paper[clip] for clip in paper) == 22
