"""GiantSteps key: the global key of electronic dance tracks; weighted key score.

1,763 two-minute previews (44.1 kHz): 604 of the GiantSteps key set (Knees et
al., 2015) and the 1,159 of the GiantSteps MTG key set (Faraldo, 2016) that one
key was given to with full confidence. A track is cut into 30 s windows.

Clip ids are the shop's track numbers, such as ``5061``. Labels are
`mirbench.benchmark.api.KEYS`, written with flats: ``C major``, ``Db major``, ….
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import (
    KEYS,
    Clip,
    DataError,
    Download,
    Task,
    clip_and_window,
    window_id,
)
from mirbench.tasks._artists import components, names_of
from mirbench.tasks._tables import parse_id, read_table
from mirbench.tasks._track_files import (
    annotation_files,
    audio_files,
    download_of,
    find_repository,
    published_audio,
    read_line,
)
from mirbench.tasks._xlsx import read_sheet

MTG_FOLDER = "giantsteps-mtg-key-dataset"
TEST_FOLDER = "giantsteps-key-dataset"

_FLATS = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}

#: Where the audio of each set is; the links of the shop itself are dead.
BACKUPS = {
    MTG_FOLDER: "https://www.cp.jku.at/datasets/giantsteps/mtg_key_backup/",
    TEST_FOLDER: "https://www.cp.jku.at/datasets/giantsteps/backup/",
}

HOW_TO_GET = (
    f"Put https://github.com/GiantSteps/{TEST_FOLDER} and https://github.com/GiantSteps/"
    f"{MTG_FOLDER} side by side into one folder, and the audio into the folder audio of each; "
    "it is at https://www.cp.jku.at/datasets/giantsteps/backup/ and "
    "https://www.cp.jku.at/datasets/giantsteps/mtg_key_backup/ as <track>.LOFI.mp3."
)


@dataclass(frozen=True, slots=True)
class Track:
    """One track: its number, key (None: not one key, or in doubt), artists and audio file."""

    id: str
    key: str | None
    artists: tuple[str, ...]
    audio: Path


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the MTG tracks that are kept, in the order of their table, then the test tracks.

    Parameters
    ----------
    root : Path
        Folder that holds ``giantsteps-mtg-key-dataset`` and
        ``giantsteps-key-dataset``, itself or one folder deeper.

    Yields
    ------
    Clip
        Labelled with its key; its group is the connected component of its
        artists over all tracks with known artists, else the track itself.

    Raises
    ------
    DataError
        If an annotation file is absent or malformed, or a track has two.
    """
    tracks = [*read_mtg_tracks(root), *read_test_tracks(root)]
    groups = components(
        [name for artist in track.artists for name in names_of(artist)] for track in tracks
    )
    for track, group in zip(tracks, groups, strict=True):
        if track.key is not None:
            yield Clip(track.id, track.audio, track.key, group=group or f"track {track.id}")


def read_mtg_tracks(root: Path) -> list[Track]:
    """Read all 1,486 tracks of the MTG set, in the order of ``beatport_metadata.txt``.

    A track has a key only if the annotator's confidence (column C) is 2 and
    one key is given.

    Raises
    ------
    DataError
        If a table is absent or malformed, or they do not list the same tracks.
    """
    base = find_repository(root, MTG_FOLDER, HOW_TO_GET)
    keys = _read_mtg_keys(_need(base / "annotations" / "annotations.txt"))
    metadata = _need(base / "annotations" / "beatport_metadata.txt")
    audio = audio_files(base / "audio")
    tracks: dict[str, Track] = {}
    for line, (cell, artist) in read_table(metadata, ["ID", "ARTIST"]):
        track = parse_id(cell, metadata, line)
        if track in tracks or track not in keys:
            wrong = "stands there twice" if track in tracks else "is not in annotations.txt"
            raise DataError(f"{metadata}: line {line}: track {track} {wrong}")
        path = audio.get(track, published_audio(base, track))
        tracks[track] = Track(track, keys[track], _split_artists(artist), path)
    if len(tracks) < len(keys):
        missing = next(track for track in keys if track not in tracks)
        raise DataError(f"{metadata}: no row for track {missing}, which annotations.txt has")
    return list(tracks.values())


def read_test_tracks(root: Path) -> list[Track]:
    """Read the 604 tracks of the test set, by number.

    Artists are known for 243 of them, from ``sources.xlsx``; for none where
    that file is absent.

    Raises
    ------
    DataError
        If there is no key file, one does not hold a key, or a track has two.
    """
    base = find_repository(root, TEST_FOLDER, HOW_TO_GET)
    artists = _read_test_artists(base / "sources.xlsx")
    audio = audio_files(base / "audio")
    folder = base / "annotations" / "key"
    tracks = []
    for track, path in annotation_files(folder, "key").items():
        key = parse_key(read_line(path))
        if key is None:
            raise DataError(f"{path}: line 1: expected one key such as 'D major'")
        file = audio.get(track, published_audio(base, track))
        tracks.append(Track(track, key, artists.get(track, ()), file))
    if not tracks:
        raise DataError(f"no <track>.LOFI.key in {folder}. {HOW_TO_GET}")
    return sorted(tracks, key=lambda track: int(track.id))


def list_files(root: Path) -> Iterator[Download]:
    """Yield the audio file of every track that the task uses, with its published MD5.

    A track whose audio lies there under another name is left out.

    Raises
    ------
    DataError
        If the annotations are not there, or an MD5 file holds none.
    """
    tracks = {MTG_FOLDER: read_mtg_tracks(root), TEST_FOLDER: read_test_tracks(root)}
    for folder, members in tracks.items():
        base = find_repository(root, folder, HOW_TO_GET)
        for track in members:
            if track.key is not None and track.audio == published_audio(base, track.id):
                yield download_of(track.id, base, root, BACKUPS[folder])


def parse_key(text: str) -> str | None:
    """Write a key such as ``C# minor`` as the label ``Db minor``; None if it is not one key."""
    words = text.split()
    if len(words) != 2:
        return None
    tonic = words[0][:1].upper() + words[0][1:]
    key = f"{_FLATS.get(tonic, tonic)} {words[1].lower()}"
    return key if key in KEYS else None


def feature_stem(row_id: str) -> str:
    """File stem of a window in the published feature archives: ``0005061-0`` for ``5061-0``."""
    track, window = clip_and_window(row_id)
    return window_id(track.zfill(7), window)


def _read_mtg_keys(path: Path) -> dict[str, str | None]:
    keys: dict[str, str | None] = {}
    for line, (cell, key, confidence) in read_table(path, ["ID", "MANUAL KEY", "C"]):
        track = parse_id(cell, path, line)
        if track in keys:
            raise DataError(f"{path}: line {line}: track {track} stands there twice")
        if confidence not in ("0", "1", "2"):
            raise DataError(
                f"{path}: line {line}: expected a confidence C of 0, 1 or 2, "
                f"found {confidence[:50]!r}"
            )
        keys[track] = None
        if confidence == "2" and "/" not in key:
            keys[track] = parse_key(key)
            if keys[track] is None:
                raise DataError(
                    f"{path}: line {line}: expected a key such as C# minor, found {key[:50]!r}"
                )
    return keys


def _read_test_artists(sources: Path) -> dict[str, tuple[str, ...]]:
    """Map tracks to artists; the first column named TRACK holds the number, the second a title."""
    if not sources.is_file():
        return {}
    rows = read_sheet(sources)
    columns: dict[str, str] = {}
    for column, name in rows[0].items() if rows else ():
        columns.setdefault(name.strip().upper(), column)
    if "TRACK" not in columns or "ARTIST" not in columns:
        raise DataError(f"{sources}: row 1: expected the columns TRACK and ARTIST")
    artists: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if artist := row.get(columns["ARTIST"], "").strip():
            track = parse_id(row.get(columns["TRACK"], ""), sources, number)
            artists[track] = _split_artists(artist)
    return artists


def _split_artists(cell: str) -> tuple[str, ...]:
    return tuple(artist.strip() for artist in cell.split(","))


def _need(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path} is missing. {HOW_TO_GET}")
    return path


TASK = Task(
    name="giantsteps",
    title="GiantSteps key detection",
    version=1,
    kind="multiclass",
    labels=KEYS,
    metrics=("weighted_key_score", "accuracy"),
    read_clips=read_clips,
    folder="giantsteps",
    group="artist",
    licence="not stated; the audio are previews of a record shop",
    citation=(
        "P. Knees, Á. Faraldo, P. Herrera, R. Vogl, S. Böck, F. Hörschläger and M. Le Goff, Two "
        "data sets for tempo estimation and key detection in electronic dance music annotated "
        "from user corrections, ISMIR 2015; Á. Faraldo, GiantSteps MTG key dataset, 2016"
    ),
    how_to_get=HOW_TO_GET,
    downloads=tuple(
        Download(
            filename=f"{name}-master.zip",
            mirrors=(f"https://github.com/GiantSteps/{name}/archive/refs/heads/master.zip",),
            unpack="zip",
        )
        for name in (MTG_FOLDER, TEST_FOLDER)
    ),
    list_files=list_files,
    splits=("paper", "artist"),
    board="paper",
    window=30.0,
    stem=feature_stem,
)
