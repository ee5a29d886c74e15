"""The TinySOL reader on small trees, and on the real table where it is at hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from helpers.frozen_splits import frozen_split

from mirbench.benchmark.api import Clip, DataError
from mirbench.splits.make import RULES, split_path
from mirbench.splits.table import format_split, sizes
from mirbench.splits.tinysol_pitch import SIDES
from mirbench.tasks.tinysol_pitch import INSTRUMENTS, TASK, read_clips, read_notes

HEADER = "Path,Fold,Instrument (in full),Pitch,Pitch ID,Needed digital retuning\n"
RETUNED = "BTb-ord-G1-pp-N-R100u"
TUBA, FLUTE = "Brass/Bass_Tuba/ordinario", "Winds/Flute/ordinario"
ROWS = (
    f"{TUBA}/BTb-ord-F#1-pp-N-N.wav,2,Bass Tuba,F#1,30,FALSE\n"
    f"{TUBA}/{RETUNED}.wav,4,Bass Tuba,G1,31,TRUE\n"
    f"{FLUTE}/Fl-ord-C4-mf-N-N.wav,1,Flute,C4,60,False\n"
)


@pytest.mark.parametrize("tables", [".", "annotation"])
@pytest.mark.parametrize("audio", [".", "audio", "TinySOL"])
def test_layouts(tmp_path: Path, tables: str, audio: str) -> None:
    (tmp_path / tables).mkdir(exist_ok=True)
    (tmp_path / tables / "TinySOL_metadata.csv").write_text(HEADER + ROWS)
    file = tmp_path / audio / FLUTE / "Fl-ord-C4-mf-N-N.wav"
    file.parent.mkdir(parents=True)
    file.touch()
    assert list(read_clips(tmp_path)) == [
        Clip("BTb-ord-F#1-pp-N-N", tmp_path / TUBA / "BTb-ord-F#1-pp-N-N.wav", "30", "Bass Tuba"),
        Clip(
            "BTb-ord-G1-pp-N-R100u",
            tmp_path / TUBA / "BTb-ord-G1-pp-N-R100u.wav",
            "31",
            "Bass Tuba",
        ),
        Clip("Fl-ord-C4-mf-N-N", file, "60", "Flute"),
    ]
    assert [note.id for note in read_notes(tmp_path) if note.retuned] == [RETUNED]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a/b.mp3,1,Flute,C4,60,FALSE", "line 5: expected the path of a wav file, found 'a/b.mp3'"),
        ("../b.wav,1,Flute,C4,60,FALSE", "line 5: expected the path of a wav file"),
        ("/a/b.wav,1,Flute,C4,60,FALSE", "line 5: expected the path of a wav file"),
        ("a/b.wav,1,Lute,C4,60,FALSE", "line 5: expected an instrument .* found 'Lute'"),
        ("a/b.wav,1,Flute,C4,110,FALSE", "line 5: expected a pitch from 28 to 109, found '110'"),
        ("a/b.wav,1,Flute,C4,60.0,FALSE", "line 5: .* found '60.0'"),
        ("a/b.wav,1,Flute,C4,60,no", "line 5: expected TRUE or FALSE .* found 'no'"),
        ("a/Fl-ord-C4-mf-N-N.wav,1,Flute,C4,60,TRUE", "line 5: the note .* stands there twice"),
    ],
)
def test_a_malformed_table_is_explained(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "TinySOL_metadata.csv").write_text(HEADER + ROWS + row)
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


def test_an_absent_table_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"zenodo\.org/records/3685367"):
        list(read_clips(tmp_path))


def test_frozen_splits() -> None:
    paper = dict(frozen_split(TASK.name, "paper"))
    assert sizes(paper) == (1_186, 410, 677)
    assert dict(frozen_split(TASK.name, "artist")) == paper
    assert sorted(SIDES) == list(INSTRUMENTS)


def test_the_real_table(further_annotations: Path) -> None:
    root = further_annotations / "tinysol"
    for split, rule in RULES[TASK.name].items():
        assert format_split(rule(root)).encode() == split_path(TASK.name, split).read_bytes()
    clips = list(read_clips(root))
    counts = Counter(clip.group for clip in clips)
    assert (len(clips), counts["Accordion"], counts["Trumpet in C"]) == (2_913, 689, 96)
    split = frozen_split(TASK.name, "paper")
    assert sum(note.retuned for note in read_notes(root)) == 640 == len(clips) - len(split)
    groups = [{c.group for c in clips if split.get(c.id) == part} for part in ("train", "test")]
    assert not groups[0] & groups[1]
    assert [len(group) for group in groups] == [6, 5]
    heard = {clip.label for clip in clips if split.get(clip.id) == "train"}
    assert {clip.label for clip in clips if clip.id in split} <= heard
    assert len(heard) == 80
