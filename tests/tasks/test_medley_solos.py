"""The reader of Medley-solos-DB on small trees, and on the real table where it is at hand."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from helpers.frozen_splits import frozen_split

from mirbench.benchmark.api import Clip, DataError
from mirbench.splits.make import RULES, split_path
from mirbench.splits.table import format_split, sizes
from mirbench.tasks.medley_solos import INSTRUMENTS, TASK, read_clips

TABLE = "Medley-solos-DB_metadata.csv"
UUIDS = [f"0e4371ac-1c6a-51ab-fdb7-f8abd5fbf1a{digit}" for digit in "0123"]
ROWS = (
    f"test,clarinet,0,000,{UUIDS[0]}\n"
    f"validation,violin,7,225,{UUIDS[1]}\n"
    f"validation,violin,7,226,{UUIDS[2]}\n"
    f"training,tenor saxophone,5,101,{UUIDS[3]}\n"
)
HEADER = "subset,instrument,instrument_id,song_id,uuid4\n"


def _write(root: Path, text: str = HEADER + ROWS, folder: str = ".") -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / TABLE).write_text(text)


@pytest.mark.parametrize("songs", ["song_id", "track_id"])
@pytest.mark.parametrize("tables", [".", "annotation", "medley_solos_db/annotation"])
@pytest.mark.parametrize("audio", [".", "audio", "Medley-solos-DB", "x/audio"])
def test_layouts(tmp_path: Path, songs: str, tables: str, audio: str) -> None:
    _write(tmp_path, HEADER.replace("song_id", songs) + ROWS, tables)
    file = tmp_path / audio / f"Medley-solos-DB_test-0_{UUIDS[0]}.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    absent = tmp_path / f"Medley-solos-DB_validation-7_{UUIDS[1]}.wav"
    clips = list(read_clips(tmp_path))
    assert clips[:2] == [
        Clip(UUIDS[0], file, "clarinet", "song 000", min_duration=2.9),
        Clip(UUIDS[1], absent, "violin", "song 225", min_duration=2.9),
    ]
    assert [clip.group for clip in clips] == ["song 000", "song 225", "song 225", "song 101"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("uuid4", "id") + ROWS, "line 1: the column 'uuid4' missing"),
        (HEADER.replace("song_id", "x") + ROWS, "line 1: the column 'track_id' missing"),
        (HEADER + ROWS + "train,flute,3,1,x", "line 6: expected the subset .* found 'train'"),
        (HEADER + ROWS + "test,lute,3,1,x", "line 6: .* found 'lute' and '3'"),
        (HEADER + ROWS + "test,flute,4,1,x", "line 6: .* found 'flute' and '4'"),
        (HEADER + ROWS + "test,flute,3,1,x", "line 6: expected a song and a UUID, found 'x'"),
        (HEADER + ROWS + f"test,flute,3,,{'0' * 8}", "line 6: expected a song and a UUID"),
        (HEADER + ROWS + ROWS, f"line 6: clip {UUIDS[0]} stands there twice"),
        (HEADER + ROWS + "test,flute", "line 6: ends after cell 2"),
    ],
)
def test_a_malformed_table_is_explained(tmp_path: Path, text: str, message: str) -> None:
    _write(tmp_path, text)
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


def test_an_absent_table_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"zenodo\.org/records/3464194"):
        list(read_clips(tmp_path))


def test_frozen_splits_are_the_published_ones() -> None:
    paper = dict(frozen_split(TASK.name, "paper"))
    assert sizes(paper) == (5_841, 3_494, 12_236)
    assert dict(frozen_split(TASK.name, "artist")) == paper


def test_the_real_table(further_annotations: Path) -> None:
    root = further_annotations / "medley_solos_db"
    for split, rule in RULES[TASK.name].items():
        assert format_split(rule(root)).encode() == split_path(TASK.name, split).read_bytes()
    clips = {clip.id: clip for clip in read_clips(root)}
    paper = frozen_split(TASK.name, "paper")
    counts = Counter((clip.label, paper[clip.id]) for clip in clips.values())
    rows = [[counts[name, part] for part in ("train", "valid", "test")] for name in INSTRUMENTS]
    assert rows[0] == [251, 328, 732]
    assert rows[5] == [123, 29, 325]
    assert rows[7] == [2_040, 1_031, 2_900]
    sides = defaultdict(set)
    for clip in clips.values():
        sides[clip.group].add(paper[clip.id])
    assert Counter(part for parts in sides.values() for part in parts) == {
        "train": 61,
        "valid": 26,
        "test": 139,
    }
    assert all(len(parts) == 1 for parts in sides.values())
    with (root / "identical_audio_derived.csv").open() as file:
        pairs = [(row["uuid4"], row["same_audio_as"]) for row in csv.DictReader(file)]
    assert len(pairs) == 157
    assert all(clips[one].group == clips[other].group == "song 225" for one, other in pairs)
