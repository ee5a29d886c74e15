"""The FMA keys reader on small tables in the published form."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from helpers.fma_tables import TRACKS, artist_of, write_fma

from mirbench.benchmark.api import KEYS, DataError
from mirbench.benchmark.registry import load_split
from mirbench.tasks import fma_keys
from mirbench.tasks.fma_keys import TASK, read_clips


@pytest.mark.parametrize("metadata", ["fma_metadata", "."])
@pytest.mark.parametrize("audio", [".", "audio"])
def test_songs(tmp_path: Path, metadata: str, audio: str) -> None:
    write_fma(tmp_path, metadata)
    (tmp_path / audio / "000").mkdir(parents=True)
    clips = {clip.id: clip for clip in read_clips(tmp_path)}
    assert list(clips) == [str(track) for track in TRACKS]
    assert clips["10"].path == tmp_path / audio / "000" / "000010.mp3"
    assert clips["50990"].path == tmp_path / audio / "050" / "050990.mp3"
    labels = [clips[str(track)].label for track in TRACKS[:4]]
    assert labels == ["C major", "Gb minor", "Bb major", "A minor"]
    assert {clip.label for clip in clips.values()} <= set(KEYS)


def test_groups_are_artists_and_identical_files(tmp_path: Path) -> None:
    write_fma(tmp_path)
    groups = {clip.id: clip.group for clip in read_clips(tmp_path)}
    by_artist = defaultdict(set)
    for track in TRACKS:
        by_artist[artist_of(track)].add(groups[str(track)])
    assert all(len(found) == 1 for found in by_artist.values())
    assert artist_of(50972) != artist_of(50990)
    assert groups["50972"] == groups["50990"]
    path = tmp_path / "fma_metadata" / "tracks.csv"
    path.write_text(
        path.read_text().replace(artist_of(10), f"{artist_of(10)} feat. {artist_of(141)}")
    )
    joined = {clip.id: clip.group for clip in read_clips(tmp_path)}
    assert groups["10"] != groups["141"]
    assert joined["10"] == joined["141"]


def test_a_track_without_an_artist_is_its_own_group(tmp_path: Path) -> None:
    write_fma(tmp_path)
    path = tmp_path / "fma_metadata" / "tracks.csv"
    path.write_text(path.read_text().replace(artist_of(10), ""))
    assert {clip.id: clip.group for clip in read_clips(tmp_path)}["10"] == "track 10"


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    write_fma(tmp_path)
    groups = {clip.id: clip.group for clip in read_clips(tmp_path)}
    paper, artist = (load_split(TASK, name, tmp_path) for name in ("paper", "artist"))
    assert paper.of == artist.of
    assert len(paper.of) == len(TRACKS)
    sides = [{groups[i] for i in paper.ids(part)} for part in ("train", "valid", "test")]  # type: ignore[arg-type]
    assert all(sides)
    assert sum(map(len, sides)) == len(set(groups.values()))


def test_identical_files_are_those_of_the_facts(further_annotations: Path) -> None:
    facts = further_annotations / "fma_keys" / "identical_audio_derived.csv"
    ours = Path(fma_keys.__file__).with_name("fma_keys_identical.csv")
    rows = [list(csv.reader(path.open())) for path in (facts, ours)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1 + 47


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3,x,H Major", "line 122: expected a key such as F# Major, found 'H Major'"),
        ("3,x,", "line 122: expected a key"),
        ("x,x,C Major", "line 122: expected the number of a clip, found 'x'"),
        ("10,x,C Major", "line 122: track 10 stands there twice"),
        ("3", "line 122: ends after cell 1"),
    ],
)
def test_a_malformed_table_of_keys_is_explained(tmp_path: Path, row: str, message: str) -> None:
    write_fma(tmp_path)
    with (tmp_path / "fma_keys_metadata.csv").open("a") as file:
        file.write(row)
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "there is no column artist, name"),
        (",album,track\n,id,name\ntrack_id,,\n", "there is no column artist, name"),
        (",artist\n,name\ntrack_id,\nten,Band\n", "line 4: expected the number of a clip"),
        (",artist\n,name\ntrack_id,\n10," + "x" * 1_500_000, "not a readable table"),
    ],
)
def test_a_malformed_table_of_tracks_is_explained(
    tmp_path: Path, content: str, message: str
) -> None:
    write_fma(tmp_path)
    (tmp_path / "fma_metadata" / "tracks.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        list(read_clips(tmp_path))


@pytest.mark.parametrize("absent", ["fma_keys_metadata.csv", "fma_metadata/tracks.csv"])
def test_absent_tables_are_explained(tmp_path: Path, absent: str) -> None:
    write_fma(tmp_path)
    (tmp_path / absent).unlink()
    with pytest.raises(DataError, match=r"was not found: .*zenodo\.org/records/10719860"):
        list(read_clips(tmp_path))
