"""The MagnaTagATune reader on small trees, and on the real tables where they are at hand."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from mirbench.benchmark.api import Clip, DataError
from mirbench.benchmark.datasets.targets import encode_targets
from mirbench.tasks.magnatagatune import TAGS, TASK, read_clips

#: Positive tags, mp3 path and artist of each clip.
CLIPS = {
    "2": ({"guitar", "choral"}, "f/a-1-0-29.mp3", "Jacob Heringman"),
    "6": (set[str](), "0/b-1-0-29.mp3", "Jacob Heringman and Catherine King"),
    "35644": ({"piano"}, "d/empty-1-0-29.mp3", "Rapoon"),
    "7": ({"no voice"}, "c/c-1-0-29.mp3", "Rapoon"),
}


def _write(root: Path, delimiter: str = "\t", quote: str = '"', line_end: str = "\n") -> None:
    tags = [*reversed(TAGS), "a tag outside the fifty"]
    tables = {
        "annotations_final.csv": [
            ["clip_id", *tags, "mp3_path"],
            *(
                [clip, *(str(int(tag in on)) for tag in tags), path]
                for clip, (on, path, _) in CLIPS.items()
            ),
        ],
        "clip_info_final.csv": [
            ["clip_id", "track_number", "title", "artist", "album", "mp3_path"],
            *([clip, "1", "T", artist, "A", path] for clip, (_, path, artist) in CLIPS.items()),
            ["9", "1", "T", "Kitka", "A", ""],
        ],
    }
    root.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        lines = [delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
        (root / name).write_bytes(line_end.join([*lines, ""]).encode())


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("quote", ['"', ""])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("folder", [".", "MagnaTagATune"])
def test_variants_of_the_tables(
    tmp_path: Path, delimiter: str, quote: str, line_end: str, folder: str
) -> None:
    _write(tmp_path / folder, delimiter, quote, line_end)
    clips = list(read_clips(tmp_path))
    group = "catherine king"
    base = tmp_path / folder
    assert clips == [
        Clip("2", base / "f/a-1-0-29.mp3", ("guitar", "choral"), group),
        Clip("6", base / "0/b-1-0-29.mp3", (), group),
        Clip("7", base / "c/c-1-0-29.mp3", ("no voice",), "rapoon"),
    ]
    assert encode_targets(TASK, clips).sum() == 3


@pytest.mark.parametrize("audio", ["mp3", "."])
def test_audio_beside_the_tables_or_in_mp3(tmp_path: Path, audio: str) -> None:
    _write(tmp_path)
    (tmp_path / audio / "f").mkdir(parents=True)
    assert next(read_clips(tmp_path)).path == tmp_path / audio / "f" / "a-1-0-29.mp3"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("annotations_final.csv", '"guitar"', '"gitar"', r"line 1: the column 'guitar' missing"),
        ("annotations_final.csv", '"6"', '"six"', r"line 3: expected the number .* 'six'"),
        ("annotations_final.csv", '"6"', '"2"', r"line 3: clip 2 stands there twice"),
        ("annotations_final.csv", '"6"', '"8"', r"line 3: clip 8 is not in clip_info_final"),
        ("annotations_final.csv", '"1"', '"yes"', r"line 2: expected tags of 0 or 1, found 'yes'"),
        ("annotations_final.csv", "0/b-1", "../b-1", r"line 3: expected an mp3_path such as f/"),
        ("clip_info_final.csv", '"artist"', '"who"', r"line 1: the column 'artist' missing"),
    ],
)
def test_malformed_tables_are_explained(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    _write(tmp_path)
    _replace(tmp_path / file, old, new)
    with pytest.raises(DataError, match=message) as caught:
        list(read_clips(tmp_path))
    assert file in str(caught.value)


@pytest.mark.parametrize("file", ["annotations_final.csv", "clip_info_final.csv"])
def test_absent_tables_are_explained(tmp_path: Path, file: str) -> None:
    _write(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=rf"{file} was not found.*mirg\.city\.ac\.uk"):
        list(read_clips(tmp_path))


def test_stem_is_padded_to_five() -> None:
    assert TASK.stem("2") == "00002"
    assert TASK.stem("58911") == "58911"


def test_real_tables(annotation_files: Path) -> None:
    start = time.process_time()
    clips = {clip.id: clip for clip in read_clips(annotation_files / "magnatagatune")}
    seconds = time.process_time() - start
    assert len(clips) == 25_860
    assert seconds < 3
    counts = Counter(str(tag) for clip in clips.values() for tag in clip.label)
    assert counts["guitar"] == 4851
    # The frozen order is that of falling frequency in the 25,863 rows.
    assert [counts[tag] for tag in TAGS] == sorted(counts.values(), reverse=True)
    assert clips["2"].label == ("classical", "strings", "violin", "opera")
    assert sum(clip.label == () for clip in clips.values()) == 4752
    assert not {"35644", "55753", "57881"} & set(clips)
