"""Emomusic ("1000 songs", MediaEval 2013): arousal and valence of a clip; R².

744 clips of 45 s (44.1 kHz), each rated by at least ten people (Soleymani et
al., 2013). Labels are the mean static ratings of arousal and valence, on the
publishers' scale from 1 to 9; the harness z-scores them.

Clip ids are the dataset's ``song_id``, such as ``2``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import Clip, DataError, Download, Task
from mirbench.tasks._artists import components, names_of
from mirbench.tasks._tables import find_file, parse_id, read_table

SETS = ("development", "evaluation")
_RATINGS = (1.0, 9.0)

HOW_TO_GET = (
    "Ask the authors for access at https://cvml.unige.ch/databases/emoMusic/ and unpack "
    "annotations.tar.gz and clips_45sec.tar.gz into one folder, which then holds "
    "annotations/songs_info.csv, annotations/static_annotations.csv and clips_45seconds/2.mp3 "
    "and so on."
)


@dataclass(frozen=True, slots=True)
class Song:
    """One row of ``songs_info.csv``: clip id, artist as written, MediaEval 2013 set."""

    id: str
    artist: str
    mediaeval_set: str


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the 744 clips in the order of ``songs_info.csv``.

    Parameters
    ----------
    root : Path
        Folder with the two tables, there or in ``annotations``, and the
        audio in ``clips_45seconds``; or with one folder that holds these.

    Yields
    ------
    Clip
        Labelled with arousal and valence; its group is the connected
        component of its artist.

    Raises
    ------
    DataError
        If a table is absent or malformed.
    """
    songs = read_songs(root)
    ratings_path = _find(root, "static_annotations.csv")
    ratings = _read_ratings(ratings_path)
    audio = _audio_folder(root, ratings_path.parent)
    groups = components(_names(song.artist) for song in songs)
    for song, group in zip(songs, groups, strict=True):
        if song.id not in ratings:
            raise DataError(f"{ratings_path}: no row for song {song.id}, which songs_info.csv has")
        yield Clip(
            song.id,
            audio / f"{song.id}.mp3",
            label=ratings[song.id],
            group=group or f"song {song.id}",
        )


def read_songs(root: Path) -> list[Song]:
    """Read ``songs_info.csv``.

    Raises
    ------
    DataError
        If it is absent or malformed.
    """
    path = _find(root, "songs_info.csv")
    songs: dict[str, Song] = {}
    for line, (song, artist, which) in read_table(
        path, ["song_id", "Artist", "Mediaeval 2013 set"]
    ):
        song_id = parse_id(song, path, line)
        if which not in SETS:
            raise DataError(
                f"{path}: line {line}: expected the Mediaeval 2013 set to be {' or '.join(SETS)}, "
                f"found {which[:50]!r}"
            )
        if song_id in songs:
            raise DataError(f"{path}: line {line}: song {song_id} stands there twice")
        songs[song_id] = Song(song_id, artist, which)
    return list(songs.values())


def feature_stem(row_id: str) -> str:
    """File stem of a clip in the published feature archives: its id, padded to four digits."""
    return row_id.zfill(4)


def _names(artist: str) -> list[str]:
    # Some artist cells go on with the title ("Circus Marcus-Aux puces nº1").
    return [*names_of(artist), *names_of(artist.split("-")[0])]


def _read_ratings(path: Path) -> dict[str, tuple[float, ...]]:
    ratings: dict[str, tuple[float, ...]] = {}
    columns = ["song_id", "mean_arousal", "mean_valence"]
    for line, (song, *cells) in read_table(path, columns):
        song_id = parse_id(song, path, line)
        if song_id in ratings:
            raise DataError(f"{path}: line {line}: song {song_id} stands there twice")
        ratings[song_id] = tuple(_parse_rating(cell, path, line) for cell in cells)
    return ratings


def _parse_rating(cell: str, path: Path, line: int) -> float:
    low, high = _RATINGS
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise DataError(
            f"{path}: line {line}: expected a rating from {low:g} to {high:g}, found {cell[:50]!r}"
        )
    return value


def _find(root: Path, name: str) -> Path:
    return find_file(root, [f"annotations/{name}", name], HOW_TO_GET)


def _audio_folder(root: Path, annotations: Path) -> Path:
    base = annotations.parent if annotations.name == "annotations" else annotations
    for folder in (base, root):
        for name in ("clips_45seconds", "clips_45sec/clips_45seconds", "clips_45sec"):
            if (folder / name).is_dir():
                return folder / name
    return base / "clips_45seconds"


TASK = Task(
    name="emomusic",
    title="Emomusic arousal and valence",
    version=1,
    kind="regression",
    labels=("arousal", "valence"),
    metrics=("r2",),
    read_clips=read_clips,
    folder="emomusic",
    group="artist",
    licence="research use, on request from the authors",
    citation=(
        "M. Soleymani, M. N. Caro, E. M. Schmidt, C.-Y. Sha and Y.-H. Yang, 1000 songs for "
        "emotional analysis of music, CrowdMM 2013"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        Download(
            filename="annotations.tar.gz",
            mirrors=(),
            sha256="e0cb0b06e1b0ce7f04b1572fc410937699b7fad9dae67ddaa745f06cda4b0b33",
            unpack="tar.gz",
        ),
        Download(
            filename="clips_45sec.tar.gz",
            mirrors=(),
            sha256="3994a5d5fefc27f9540d1a69cd7f1294c68e6cb311ce49765021e2e9c7a1057b",
            unpack="tar.gz",
        ),
    ),
    splits=("paper", "artist"),
    transposable=True,
    board="paper",
    stem=feature_stem,
)
