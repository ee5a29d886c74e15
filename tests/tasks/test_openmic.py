"""The reader of OpenMIC on small trees, and on the real partition where it is at hand."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from helpers.openmic_tables import CLIPS, SMALL, real_tables, write_openmic

from mirbench.benchmark.api import UNOBSERVED, DataError
from mirbench.benchmark.datasets.locate import read_clips as read_checked
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.datasets.targets import check_labels, encode_targets, targets_by_clip
from mirbench.benchmark.registry import load_split, load_task
from mirbench.tasks.openmic import INSTRUMENTS, TASK, compute_split, read_clips

LABELS = "openmic-2018/openmic-2018-aggregated-labels.csv"
METADATA = "openmic-2018/openmic-2018-metadata.csv"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write_openmic(tmp_path, *SMALL)
    return tmp_path


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_known_of_a_clip(small: Path, inside: bool) -> None:
    root = small / "openmic-2018" if inside else small
    clips = {clip.id: clip for clip in read_clips(root)}
    assert len(clips) == 320
    clip = clips["000014_14"]
    assert clip.path == small / "openmic-2018" / "audio" / "000" / "000014_14.ogg"
    # The fifteenth label of an instrument is its first that is present.
    assert (clip.label, clip.group) == (("accordion", "mandolin"), "artist 03")
    assert set(INSTRUMENTS) - set(clip.unobserved) == {"accordion", "mandolin"}
    other = clips["000013_13"]
    assert (other.label, other.unobserved) == ((), clip.unobserved)
    assert load_task("openmic") is TASK


def test_targets_hold_what_is_unobserved(small: Path) -> None:
    targets = encode_targets(TASK, list(read_clips(small)))
    counts = {value: int((targets == value).sum()) for value in (UNOBSERVED, 0, 1)}
    assert counts == {1: 20 * 13, 0: 20 * 19, UNOBSERVED: 320 * 20 - 20 * 32}


def test_a_threshold_of_a_half_is_present(small: Path) -> None:
    path = small / LABELS
    path.write_text("sample_key,relevance,instrument\n000000_0,0.4999,voice\n000000_0,0.5,bass\n")
    clip = next(read_clips(small))
    assert clip.label == ("bass",)
    assert clip.unobserved == tuple(n for n in INSTRUMENTS if n not in ("bass", "voice"))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (LABELS, "x,voice,1", "line 642: expected a key such as 000046_3840, found 'x'"),
        (LABELS, "000000_0,lute,1,3", "line 642: .* found 'lute'"),
        (LABELS, "000000_0,accordion,1,3", "line 642: .* found a second time 'accordion'"),
        (LABELS, "000000_0,voice,1.5,3", "line 642: expected a relevance from 0 to 1, found '1.5'"),
        (LABELS, "000000_0,voice,nan,3", "found 'nan'"),
        (LABELS, "000000_0,voice,,3", "found ''"),
        (LABELS, "000000_0,voice", "line 642: ends after cell 2"),
        (LABELS, "999999_0,voice,1,3", "clip 999999_0 is in neither part"),
        (METADATA, "12,0,a,b,c", "line 322: expected a key"),
        ("openmic-2018/partitions/split01_test.csv", "x.ogg", "line 81: expected a key .* 'x.ogg'"),
        ("openmic-2018/partitions/split01_test.csv", "000000_0", "line 81: .* stands there twice"),
        ("openmic-2018/partitions/split01_test.csv", "000400_0", "has no clip 000400_0, which"),
    ],
)
def test_malformed_tables_are_explained(small: Path, file: str, text: str, message: str) -> None:
    with (small / file).open("a") as table:
        table.write(text + "\n")
    with pytest.raises(DataError, match=message) as caught:
        list(read_clips(small))
    assert Path(file).name in str(caught.value)


@pytest.mark.parametrize("file", [LABELS, METADATA, "openmic-2018/partitions/split01_train.csv"])
def test_absent_tables_are_explained(small: Path, file: str) -> None:
    (small / file).unlink()
    with pytest.raises(DataError, match=r"zenodo\.org/records/1432913") as caught:
        list(read_clips(small))
    assert Path(file).name in str(caught.value)


def test_artists_are_on_one_side(small: Path) -> None:
    paper, artist = (compute_split(small, name) for name in ("paper", "artist"))
    assert paper == artist
    assert [key for key, part in paper.items() if part == "test"] == SMALL[0]["test"]
    sides = defaultdict(set)
    for clip in read_clips(small):
        sides[clip.group].add(paper[clip.id])
    assert all(len(parts) == 1 for parts in sides.values())
    assert set(paper.values()) == {"train", "valid", "test"}


def test_a_clip_of_an_artist_of_test_is_left_out_of_the_artist_split(small: Path) -> None:
    path = small / METADATA
    # The first artist of train is the first of test as well.
    path.write_text(path.read_text().replace(",00,CC BY", ",10,CC BY"))
    paper, artist = (compute_split(small, name) for name in ("paper", "artist"))
    assert paper.keys() - artist.keys() == set(SMALL[0]["train"][:CLIPS])
    assert {key: paper[key] for key in artist} == artist


def test_the_real_partition(further_annotations: Path, tmp_path: Path) -> None:
    folder = further_annotations / "openmic2018"
    write_openmic(tmp_path, *real_tables(folder))
    table = load_split(TASK, "paper", tmp_path)
    counts = Counter(table.of.values())
    assert counts["test"] == 5_085
    assert counts["train"] + counts["valid"] == 14_915
    assert 0.14 < counts["valid"] / 14_915 < 0.16
    clips = read_checked(TASK, tmp_path, table)
    targets = encode_targets(TASK, clips)
    assert targets.shape == (20_000, 20)
    assert int((targets != UNOBSERVED).sum()) == 41_268
    tested = targets[[table.of[clip.id] == "test" for clip in clips]]
    positives = (tested == 1).sum(axis=0)
    assert (positives.min(), positives[0], positives.max()) == (115, 115, 394)
    observed = (tested != UNOBSERVED).sum(axis=0)
    # A score at chance: the mean share of positives.
    assert np.mean(positives / observed) == pytest.approx(0.447, abs=5e-4)
    check_labels(TASK, table, targets_by_clip(TASK, table, clips))
    with (folder / "openmic-2018-audio.csv").open(newline="") as file:
        assert {row[""] for row in csv.DictReader(file)} == set(table.of)


def test_both_splits_are_offered(small: Path) -> None:
    tables = [load_split(TASK, name, small) for name in TASK.splits]
    assert all(isinstance(table, SplitTable) for table in tables)
    assert tables[0].sha256 == tables[1].sha256
