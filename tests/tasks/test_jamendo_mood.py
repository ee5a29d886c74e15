"""The reader of Jamendo's moods on small trees, and on the real tables where they are at hand."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from helpers.jamendo_tables import write_tables

from mirbench.benchmark.api import SPLITS, Clip, DataError
from mirbench.benchmark.registry import load_split, load_task
from mirbench.splits.table import sizes
from mirbench.tasks.jamendo_mood import TAGS, TASK, compute_split, read_clips

TRAIN = "splits/split-0/autotagging_moodtheme-train.tsv"
SUMS = "download/autotagging_moodtheme_audio-low_sha256_tracks.txt"


@pytest.mark.parametrize(
    ("tables", "sums"),
    [
        ("splits/split-0", "download"),
        ("data/splits/split-0", "data/download"),
        (
            "mtg-jamendo-dataset-master/data/splits/split-0",
            "mtg-jamendo-dataset-master/data/download",
        ),
        ("split-0", "."),
    ],
)
@pytest.mark.parametrize("audio", [".", "audio-low", "x", "x/audio-low"])
def test_layouts(tmp_path: Path, tables: str, sums: str, audio: str) -> None:
    write_tables(tmp_path, tables, sums)
    (tmp_path / audio / "48").mkdir(parents=True)
    clips = {clip.id: clip for clip in read_clips(tmp_path)}
    assert len(clips) == 7
    base = tmp_path / audio
    assert clips["track_0000948"] == Clip(
        *("track_0000948", base / "48" / "948.low.mp3", ("background",), "artist_000009"),
        start=91.35,
        duration=30.0,
        min_duration=29.5,
    )
    # As long as the clip, but for the rounding of the table.
    assert clips["track_0000003"] == Clip(
        *("track_0000003", base / "03" / "3.low.mp3", ("happy", "slow"), "artist_000005"),
        min_duration=29.5,
    )
    assert clips["track_0000004"].start == 0.75


def test_artists_of_one_file_are_one_group(tmp_path: Path) -> None:
    write_tables(tmp_path)
    groups = {clip.id: clip.group for clip in read_clips(tmp_path)}
    assert groups["track_0000012"] == groups["track_0000948"] == "artist_000009"
    assert groups["track_0000008"] == groups["track_1009600"] == groups["track_0000003"]
    paper, artist = (compute_split(tmp_path, name) for name in ("paper", "artist"))
    assert Counter(paper.values()) == {"train": 4, "valid": 1, "test": 2}
    # Two tracks of a group are in train and two in test: it goes to test.
    assert {track: artist[track] for track in paper if artist[track] != paper[track]} == {
        "track_0000003": "test",
        "track_0000004": "test",
    }


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (TRAIN, "track_9", "line 6: ends after cell 1"),
        (TRAIN, "9\tartist_000001\ta\t01/1.mp3\t31\tx", "line 6: expected a track .* found '9'"),
        (TRAIN, "track_0000009\t1\ta\t01/1.mp3\t31\tx", "line 6: expected an artist .* '1'"),
        (
            TRAIN,
            "track_0000009\tartist_000001\ta\t../1.mp3\t31\tx",
            "a path .* '../1.mp3'",
        ),
        (TRAIN, "track_0000009\tartist_000001\ta\t01/1.mp3\tnan\tx", "a duration .* 'nan'"),
        (TRAIN, "track_0000009\tartist_000001\ta\t01/1.mp3\t31\tsad", "tags such as .* 'sad'"),
        (
            TRAIN,
            "track_0000009\tartist_000001\ta\t01/1.mp3\t31\tmood/theme---horror",
            "found 'mood/theme---horror'",
        ),
        (
            TRAIN,
            "track_0000003\tartist_000001\ta\t01/1.mp3\t31\tmood/theme---sad",
            "line 6: track_0000003 stands there twice",
        ),
        (
            TRAIN,
            "track_0000009\tartist_000001\ta\t01/1.mp3\t31\tmood/theme---sad",
            "has no 01/1.low.mp3, which is in split 0",
        ),
        (SUMS, "abc 01/1.low.mp3", "line 8: expected a SHA-256 and a file"),
    ],
)
def test_malformed_tables_are_explained(tmp_path: Path, file: str, text: str, message: str) -> None:
    write_tables(tmp_path)
    with (tmp_path / file).open("a") as table:
        table.write(text + "\n")
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


def test_another_header_is_explained(tmp_path: Path) -> None:
    write_tables(tmp_path)
    path = tmp_path / TRAIN
    path.write_bytes(path.read_bytes().replace(b"TAGS", b"LABELS"))
    with pytest.raises(DataError, match="line 1: expected the columns TRACK_ID, "):
        list(read_clips(tmp_path))


@pytest.mark.parametrize("file", [TRAIN, SUMS])
def test_absent_tables_are_explained(tmp_path: Path, file: str) -> None:
    write_tables(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match="mirbench data fetch jamendo_mood"):
        compute_split(tmp_path, "artist")


@pytest.fixture(scope="module")
def real(further_annotations: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("jamendo")
    source = further_annotations / "mtg_jamendo"
    shutil.copytree(source / "split-0", root / "splits" / "split-0")
    (root / "download").mkdir()
    shutil.copy(source / Path(SUMS).name, root / "download")
    return root


def test_the_real_tables(real: Path, further_annotations: Path) -> None:
    source = further_annotations / "mtg_jamendo"
    tags = (source / "moodtheme_split.txt").read_text().split()
    assert tags == [f"mood/theme---{tag}" for tag in TAGS]
    assert load_task("jamendo_mood") is TASK
    table = load_split(TASK, "paper", real)
    assert sizes(table.of) == (9_949, 3_802, 4_231)
    clips = {clip.id: clip for clip in read_clips(real)}
    assert clips.keys() == table.of.keys()
    tested = Counter(tag for i in table.ids("test") for tag in clips[i].label)
    assert (len(tested), min(tested.values()), tested["heavy"]) == (56, 25, 25)
    # A ranking at chance: the mean share of positives.
    assert sum(tested.values()) / 56 / 4_231 == pytest.approx(0.032, abs=5e-4)
    assert all(clip.start >= 0 for clip in clips.values())
    wanted = {item.filename: item.sha256 for item in TASK.downloads}
    tars = (source / "autotagging_moodtheme_audio-low_sha256_tars.txt").read_text().splitlines()
    assert {name: digest for digest, name in map(str.split, tars)}.items() <= wanted.items()
    assert len(wanted) == 104


def test_the_real_splits(real: Path, further_annotations: Path) -> None:
    paper, artist = (load_split(TASK, name, real).of for name in ("paper", "artist"))
    assert sizes(artist) == (9_958, 3_788, 4_236)
    assert paper.keys() == artist.keys()
    groups = {clip.id: clip.group for clip in read_clips(real)}
    moved = {track for track in paper if paper[track] != artist[track]}
    assert Counter((paper[track], artist[track]) for track in moved) == {
        ("train", "test"): 5,
        ("valid", "train"): 14,
    }
    with (further_annotations / "mtg_jamendo" / "moodtheme_identical_audio_derived.csv").open(
        newline=""
    ) as file:
        pairs = [(row["track_id"], row["same_audio_as"]) for row in csv.DictReader(file)]
    known = [pair for pair in pairs if set(pair) <= paper.keys()]
    crossing = {pair for pair in known if paper[pair[0]] != paper[pair[1]]}
    assert len(crossing) == 4
    assert all(artist[one] == artist[other] for one, other in known)
    assert all(groups[one] == groups[other] for one, other in known)
    sides = defaultdict(set)
    for track, group in groups.items():
        sides[group].add(artist[track])
    assert all(len(parts) == 1 for parts in sides.values())
    assert len(sides) == 1_505
    assert {part for parts in sides.values() for part in parts} == set(SPLITS)
