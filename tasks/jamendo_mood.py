"""MTG-Jamendo moods and themes: which of 56 tags apply to a track; ROC-AUC and AP.

17,982 tracks under Creative Commons licences, tagged by those who uploaded them
(Bogdanov et al., 2019): split 0 of the ``moodtheme`` subset. Tracks last from 30 s
to more than an hour; the clip is the middle 30 s, of the low-bitrate mono files.

The publishers' tables are CC BY-NC-SA 4.0, so mirbench has no list of the tracks: splits
are computed from the tables themselves. 116 sets of tracks are byte-identical. Four pairs
of them, under two artists each, cross split 0; groups are artists, joined where they
share a file.

Clip ids are the publishers', such as ``track_0000948``.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import SPLITS, Clip, DataError, Download, Split, Task
from mirbench.tasks._artists import components
from mirbench.tasks._jamendo_tars import TARS
from mirbench.tasks._tables import find_file, read_lines, subfolders

#: Alphabetical, as in the publishers' list of the tags of the splits.
TAGS = (
    *("action", "adventure", "advertising", "background", "ballad", "calm", "children"),
    *("christmas", "commercial", "cool", "corporate", "dark", "deep", "documentary", "drama"),
    *("dramatic", "dream", "emotional", "energetic", "epic", "fast", "film", "fun", "funny"),
    *("game", "groovy", "happy", "heavy", "holiday", "hopeful", "inspiring", "love"),
    *("meditative", "melancholic", "melodic", "motivational", "movie", "nature", "party"),
    *("positive", "powerful", "relaxing", "retro", "romantic", "sad", "sexy", "slow", "soft"),
    *("soundscape", "space", "sport", "summer", "trailer", "travel", "upbeat", "uplifting"),
)

#: The publishers' names of the parts.
_PARTS: Mapping[Split, str] = {"train": "train", "valid": "validation", "test": "test"}

#: Seconds of a clip, from the middle of its track.
CLIP = 30.0

#: Seconds up to which a track is one clip: the tables round, so a file may be a bit shorter.
WHOLE = 30.5

#: Seconds below which a clip is not whole; the shortest track has 30.0.
SHORTEST = 29.5

_COLUMNS = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
_TRACK, _ARTIST = re.compile(r"track_[0-9]{7}"), re.compile(r"artist_[0-9]{6}")
_PATH = re.compile(r"([0-9]{2}/[0-9]{1,7})\.mp3")
_SUM = re.compile(r"([0-9a-f]{64}) +([0-9]{2}/[0-9]{1,7}\.low\.mp3)")
_PREFIX = "mood/theme---"

_SUMS = "autotagging_moodtheme_audio-low_sha256_tracks.txt"
_TABLES = "https://raw.githubusercontent.com/MTG/mtg-jamendo-dataset/master/data"
_TARS = "https://cdn.freesound.org/mtg-jamendo/autotagging_moodtheme/audio-low"

_SHA256 = {
    "splits/split-0/autotagging_moodtheme-train.tsv": (
        "e5e9e798364b34bd241b773e5011809b24429edf471f27cf21dd8181077ba2d4"
    ),
    "splits/split-0/autotagging_moodtheme-validation.tsv": (
        "ecaa279367153476884d84d686479e566234cef1814bd6892a8755ba0a550dbf"
    ),
    "splits/split-0/autotagging_moodtheme-test.tsv": (
        "4341b5586bb3e5a80a882ce9ef33cb8b1bdaa7df856246ecc5de188dfe1cf394"
    ),
    f"download/{_SUMS}": "5c5af02cdf5092ab5e86ff767a144ebec3815d71d834461795f73b128ffe4846",
}

HOW_TO_GET = (
    "Run mirbench data fetch jamendo_mood (46 GB), or clone "
    "https://github.com/MTG/mtg-jamendo-dataset into the folder jamendo and let its "
    "scripts/download/download.py get and unpack autotagging_moodtheme, audio-low, into "
    "jamendo/audio-low."
)


@dataclass(frozen=True, slots=True)
class Track:
    """One row of a table."""

    id: str
    artist: str
    path: str
    duration: float
    tags: tuple[str, ...]


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the 17,982 clips of split 0.

    Parameters
    ----------
    root : Path
        Folder with the tables (``splits/split-0`` and ``download``, also below ``data`` or one
        folder deeper) and the folders ``00`` to ``99`` of audio (also below ``audio-low``).

    Yields
    ------
    Clip
        The middle 30 s, labelled with its tags in alphabetical order; its group is the
        connected component of its artist.

    Raises
    ------
    DataError
        If a table is absent or malformed.
    """
    parts = read_parts(root)
    groups = read_groups(root, parts)
    audio = _audio_folder(root)
    for tracks in parts.values():
        for track in tracks:
            long = track.duration > WHOLE
            yield Clip(
                track.id,
                audio / track.path,
                label=track.tags,
                group=groups[track.id],
                start=(track.duration - CLIP) / 2 if long else 0.0,
                duration=CLIP if long else None,
                min_duration=SHORTEST,
            )


def read_parts(root: Path) -> dict[Split, list[Track]]:
    """Read the three tables of split 0.

    Raises
    ------
    DataError
        If one is absent or malformed, or a track stands in two places.
    """
    seen: set[str] = set()
    parts: dict[Split, list[Track]] = {}
    for part, name in _PARTS.items():
        path = _find(root, f"splits/split-0/autotagging_moodtheme-{name}.tsv")
        parts[part] = []
        lines = read_lines(path)
        if next(lines, (1, ""))[1].split("\t") != _COLUMNS:
            raise DataError(f"{path}: line 1: expected the columns {', '.join(_COLUMNS)}")
        for line, text in lines:
            track = _parse(text, path, line)
            if track.id in seen:
                raise DataError(f"{path}: line {line}: {track.id} stands there twice")
            seen.add(track.id)
            parts[part].append(track)
    return parts


def read_groups(root: Path, parts: Mapping[Split, list[Track]]) -> dict[str, str]:
    """Map the ids of tracks to their artists, joined where they share a file.

    Raises
    ------
    DataError
        If the list of SHA-256 is absent or malformed, or lacks a track.
    """
    path = _find(root, f"download/{_SUMS}")
    sums: dict[str, str] = {}
    for line, text in read_lines(path):
        match = _SUM.fullmatch(text)
        if match is None:
            raise DataError(
                f"{path}: line {line}: expected a SHA-256 and a file such as "
                f"00/1009600.low.mp3, found {text[:90]!r}"
            )
        sums[match[2]] = match[1]
    tracks = [track for those in parts.values() for track in those]
    if absent := [track.path for track in tracks if track.path not in sums]:
        raise DataError(f"{path}: has no {absent[0]}, which is in split 0")
    # Names of files sort behind those of artists, which so give their names to the groups.
    joined = components([track.artist, f"file {sums[track.path]}"] for track in tracks)
    return {track.id: str(group) for track, group in zip(tracks, joined, strict=True)}


def compute_split(root: Path, name: str) -> dict[str, Split]:
    """Compute the split ``paper`` (split 0) or ``artist``.

    In ``artist``, a group that is on two sides of split 0 goes to the one that has most of its
    tracks; of sides that have equally many to the later.

    Raises
    ------
    DataError
        As `read_clips`.
    """
    parts = read_parts(root)
    paper: dict[str, Split] = {track.id: part for part in parts for track in parts[part]}
    if name == "paper":
        return paper
    groups = read_groups(root, parts)
    sides: defaultdict[str, Counter[Split]] = defaultdict(Counter)
    for track, part in paper.items():
        sides[groups[track]][part] += 1
    side = {group: max(reversed(SPLITS), key=counts.__getitem__) for group, counts in sides.items()}
    return {track: side[groups[track]] for track in paper}


def _parse(text: str, path: Path, line: int) -> Track:
    cells = [cell.strip() for cell in text.split("\t")]
    if len(cells) < len(_COLUMNS):
        raise DataError(f"{path}: line {line}: ends after cell {len(cells)}")
    track, artist, _, mp3, seconds, *tags = cells
    names = [tag.removeprefix(_PREFIX) for tag in tags]
    for pattern, cell, what in (
        (_TRACK, track, "a track such as track_0000948"),
        (_ARTIST, artist, "an artist such as artist_000087"),
        (_PATH, mp3, "a path such as 48/948.mp3"),
        (re.compile(r"[0-9]{1,6}(\.[0-9]+)?"), seconds, "a duration in seconds"),
    ):
        if not pattern.fullmatch(cell):
            raise DataError(f"{path}: line {line}: expected {what}, found {cell[:50]!r}")
    wrong = [tag for tag, name in zip(tags, names, strict=True) if tag == name or name not in TAGS]
    if wrong:
        raise DataError(
            f"{path}: line {line}: expected tags such as {_PREFIX}{TAGS[0]}, "
            f"found {wrong[0][:50]!r}"
        )
    low = mp3.removesuffix(".mp3") + ".low.mp3"
    return Track(track, artist, low, float(seconds), tuple(sorted(set(names))))


def _find(root: Path, place: str) -> Path:
    name = Path(place).name
    places = [place, f"data/{place}", f"split-0/{name}", name]
    return find_file(root, places, HOW_TO_GET)


def _audio_folder(root: Path) -> Path:
    for base in [root, *subfolders(root)]:
        for folder in (base, base / "audio-low"):
            if any((folder / f"{number:02d}").is_dir() for number in range(100)):
                return folder
    return root


TASK = Task(
    name="jamendo_mood",
    title="MTG-Jamendo moods and themes, 56 tags",
    version=1,
    kind="multilabel",
    labels=TAGS,
    metrics=("roc_auc", "average_precision"),
    read_clips=read_clips,
    folder="jamendo",
    group="artist",
    licence="metadata CC BY-NC-SA 4.0, audio per track (Creative Commons)",
    citation=(
        "D. Bogdanov, M. Won, P. Tovstogan, A. Porter and X. Serra, The MTG-Jamendo dataset for "
        "automatic music tagging, Machine Learning for Music Discovery Workshop, ICML 2019"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        *(
            Download(filename=name, mirrors=(f"{_TABLES}/{name}",), sha256=sha256)
            for name, sha256 in _SHA256.items()
        ),
        *(
            Download(
                filename=name,
                mirrors=(f"{_TARS}/{name}",),
                sha256=sha256,
                unpack="tar",
            )
            for number, sha256 in enumerate(TARS)
            for name in [f"autotagging_moodtheme_audio-low-{number:02d}.tar"]
        ),
    ),
    splits=("paper", "artist"),
    transposable=True,
    compute_split=compute_split,
)
