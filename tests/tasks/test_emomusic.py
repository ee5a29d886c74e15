"""The Emomusic reader on small trees, and on the real tables where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbench.benchmark.api import Clip, DataError
from mirbench.tasks.emomusic import TASK, read_clips, read_songs

SONGS = [
    ["song_id", "file_name", "Artist", "Song title", "Genre", "Mediaeval 2013 set"],
    ["2", "2.mp3", "Circus Marcus", "Slow, slow", "Blues", "development"],
    ["10", "10.mp3", "Circus Marcus-Aux puces nº1", "Fast", "Blues", "evaluation"],
    ["745", "745.mp3", "Björn & Gorden", "Other", "Rock", "evaluation"],
]
RATINGS = [
    ["song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence"],
    ["2", "3.1", "1", "3", "1"],
    ["745", "5.5", "1", "9", "1"],
    ["10", "1", "1", "4.25", "1"],
    ["746", "1", "1", "4.25", "1"],
]


def _write(folder: Path, delimiter: str = ",", quote: str = '"', pad: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("songs_info.csv", SONGS), ("static_annotations.csv", RATINGS)):
        lines = []
        for row in rows:
            cells = [cell if quote else cell.replace(",", "") for cell in row]
            lines.append(delimiter.join(f"{quote}{pad}{cell}{pad}{quote}" for cell in cells))
        (folder / name).write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize(("quote", "pad"), [('"', ""), ("", ""), ("", "  ")])
@pytest.mark.parametrize("folder", ["annotations", ".", "emoMusic45s/annotations", "emoMusic45s"])
def test_variants_of_the_tables(
    tmp_path: Path, delimiter: str, quote: str, pad: str, folder: str
) -> None:
    _write(tmp_path / folder, delimiter, quote, pad)
    base = tmp_path / folder.removesuffix("annotations") / "clips_45seconds"
    assert list(read_clips(tmp_path)) == [
        Clip("2", base / "2.mp3", (3.1, 3.0), "circus marcus"),
        Clip("10", base / "10.mp3", (1.0, 4.25), "circus marcus"),
        Clip("745", base / "745.mp3", (5.5, 9.0), "bjrn"),
    ]


@pytest.mark.parametrize("audio", ["clips_45seconds", "clips_45sec/clips_45seconds", "clips_45sec"])
def test_places_of_the_audio(tmp_path: Path, audio: str) -> None:
    _write(tmp_path / "annotations")
    (tmp_path / audio).mkdir(parents=True)
    assert next(read_clips(tmp_path)).path == tmp_path / audio / "2.mp3"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("songs_info.csv", '"Artist"', '"Act"', r"line 1: the column 'Artist' missing"),
        ("songs_info.csv", '"evaluation"', '"test"', r"line 3: expected the Mediaeval .* 'test'"),
        ("songs_info.csv", '"10"', '"2"', r"line 3: song 2 stands there twice"),
        ("static_annotations.csv", '"5.5"', '"high"', r"line 3: expected a rating .* 'high'"),
        ("static_annotations.csv", '"5.5"', '"55"', r"line 3: expected a rating from 1 to 9"),
        ("static_annotations.csv", '"5.5"', '"nan"', r"line 3: expected a rating from 1 to 9"),
        ("static_annotations.csv", '"745"', '"2"', r"line 3: song 2 stands there twice"),
        ("static_annotations.csv", '"745"', '"744"', r"no row for song 745"),
    ],
)
def test_malformed_tables_are_explained(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    _write(tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8-sig")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        list(read_clips(tmp_path))
    assert file in str(caught.value)


@pytest.mark.parametrize("file", ["songs_info.csv", "static_annotations.csv"])
def test_absent_tables_are_explained(tmp_path: Path, file: str) -> None:
    _write(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=rf"{file} was not found.*annotations/{file}.*cvml\.unige"):
        list(read_clips(tmp_path))


def test_stem_is_padded_to_four() -> None:
    assert [TASK.stem("2"), TASK.stem("1000")] == ["0002", "1000"]


def test_real_tables(annotation_files: Path) -> None:
    clips = {clip.id: clip for clip in read_clips(annotation_files / "emomusic")}
    assert len(clips) == 744
    assert clips["2"].label == (3.1, 3.0)
    assert clips["25"].label == (7.9, 4.7)
    songs = read_songs(annotation_files)
    assert sum(song.mediaeval_set == "evaluation" for song in songs) == 125
    macleod = {clips[song.id].group for song in songs if song.artist.startswith("Kevin MacLeod")}
    assert macleod == {"kevin macleod"}
