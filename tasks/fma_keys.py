"""FMA keys: the global key of songs of the Free Music Archive; weighted key score.

5,489 songs of 17 genres (Wong and Hernandez, 2023), labelled by one musician. A
song is cut into 30 s windows, as in `mirbench.tasks.giantsteps`.

Clip ids are FMA's track numbers, such as ``10``. Labels are
`mirbench.benchmark.api.KEYS`. Groups are artists, from the table ``tracks.csv``
of the Free Music Archive (Defferrard et al., 2017), taken apart as in
`mirbench.tasks._artists`. ``fma_keys_identical.csv`` lists 47 tracks whose file
is that of another track; these belong to one group, whoever their artists are.

No split was published, and no list of the keys is shipped: `compute_split`
draws whole groups by the SHA-1 of their names.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import KEYS, Clip, DataError, Download, Split, Task
from mirbench.tasks._artists import components, names_of, number_of
from mirbench.tasks._tables import find_file, parse_id, read_table, subfolders
from mirbench.tasks._zenodo import zenodo_file
from mirbench.tasks.giantsteps import parse_key

_IDENTICAL = Path(__file__).with_name("fma_keys_identical.csv")

_PAIR = ("track_id", "same_audio_as")

_TABLE = "fma_keys_metadata.csv"
_RECORD = 10719860

#: Groups whose number modulo the first is 0 or 1 are test, 2 valid.
_MODULUS, _TEST, _VALID = 10, (0, 1), 2

#: Characters of a cell of ``tracks.csv``, which has whole biographies.
_LONGEST_CELL = 1_000_000

_ARCHIVES = {
    "000-019.zip": "b86f6414820c1422b2c6cdf87be1ef3a",
    "020-039.zip": "a2da8377fdbc1d3a1f54dd60aa7b8f9b",
    "040-049.zip": "d70babe5f66bdf3e821c42a8b8aafb9b",
    "050-059.zip": "f53fcba704fce27e5c7f3ec2532dcb44",
    "060-069.zip": "1520f067d7caaf0813780ff69bc4ba85",
    "070-079.zip": "186643746fcb1f4722a28d3eb9c6b99c",
    "080-089.zip": "8cf882609fc2f301621c2e9f9da03214",
    "090-099.zip": "84f0f036e3778ffd97c10b591f803d06",
    "100-109.zip": "4a307f019d3354064814f05d1dffa1e2",
    "110-124.zip": "88d7dbcca82189ed75b7baa5aa132fc1",
}

HOW_TO_GET = (
    f"Download {_TABLE} and {', '.join(_ARCHIVES)} from https://zenodo.org/records/{_RECORD} into "
    "the folder fma_keys and unpack them there (000/000010.mp3 and so on); and fma_metadata.zip "
    "from https://github.com/mdeff/fma, which holds fma_metadata/tracks.csv with the artists."
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield all songs, in the order of the table of keys.

    Parameters
    ----------
    root : Path
        Folder with the table of keys, the folder ``fma_metadata`` with
        ``tracks.csv`` (or that file), and the audio; or with one folder that
        holds some of these.

    Yields
    ------
    Clip
        Labelled with its key; its group is the connected component of its
        artist, or of the track itself where FMA has none.

    Raises
    ------
    DataError
        If a table is absent or malformed.
    """
    path = find_file(root, [_TABLE], HOW_TO_GET)
    keys = _read_keys(path)
    groups = _groups(root, keys)
    base = next((b for b in [root, *subfolders(root)] if (b / "000").is_dir()), root)
    for track, key in keys.items():
        name = f"{int(track):06d}"
        yield Clip(track, base / name[:3] / f"{name}.mp3", key, group=groups[track])


def compute_split(root: Path, _name: str) -> dict[str, Split]:
    """Split by group, the same for ``paper`` and ``artist``; raises as `read_clips`."""
    return {clip.id: _side(clip.group) for clip in read_clips(root)}


def _side(group: str) -> Split:
    number = number_of(group) % _MODULUS
    return "test" if number in _TEST else "valid" if number == _VALID else "train"


def _read_keys(path: Path) -> dict[str, str]:
    keys: dict[str, str] = {}
    for line, (cell, text) in read_table(path, ["track_id", "key_and_mode"]):
        track, key = parse_id(cell, path, line), parse_key(text)
        if key is None:
            raise DataError(
                f"{path}: line {line}: expected a key such as F# Major, found {text[:50]!r}"
            )
        if track in keys:
            raise DataError(f"{path}: line {line}: track {track} stands there twice")
        keys[track] = key
    return keys


def _groups(root: Path, keys: dict[str, str]) -> dict[str, str]:
    artists = _read_artists(find_file(root, ["fma_metadata/tracks.csv", "tracks.csv"], HOW_TO_GET))
    same = {track: f"track {other}" for _, (track, other) in read_table(_IDENTICAL, _PAIR)}
    names = []
    for track in keys:
        known = names_of(artists[track]) if artists.get(track) else []
        names.append([*known, f"track {track}", *([same[track]] if track in same else [])])
    found = components(names)
    return {track: group or track for track, group in zip(keys, found, strict=True)}


def _read_artists(path: Path) -> dict[str, str]:
    """Map tracks to artists; the table has three lines of header: part, column, ``track_id``."""
    artists: dict[str, str] = {}
    usual = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.reader(file)
            header = list(zip(next(rows, []), next(rows, []), strict=False))
            if ("artist", "name") not in header:
                raise DataError(f"{path}: lines 1 and 2: there is no column artist, name")
            column = header.index(("artist", "name"))
            next(rows, None)
            for row in rows:
                if len(row) > column:
                    artists[parse_id(row[0], path, rows.line_num)] = row[column].strip()
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: not a readable table: {error}") from error
    finally:
        csv.field_size_limit(usual)
    return artists


TASK = Task(
    name="fma_keys",
    title="FMA keys",
    version=1,
    kind="multiclass",
    labels=KEYS,
    metrics=("weighted_key_score", "accuracy"),
    read_clips=read_clips,
    folder="fma_keys",
    group="artist",
    licence="keys CC BY 4.0; audio under the licence that each artist chose",
    citation=(
        "S. Wong and G. Hernandez, FMAK: a dataset of key and mode annotations for the Free Music "
        "Archive, late-breaking demo, ISMIR 2023; M. Defferrard, K. Benzi, P. Vandergheynst and "
        "X. Bresson, FMA: a dataset for music analysis, ISMIR 2017"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        zenodo_file(_RECORD, _TABLE, "d80a03bc8659edc60e335bd7f6bdf12a"),
        Download(
            filename="fma_metadata.zip",
            mirrors=("https://os.unil.cloud.switch.ch/fma/fma_metadata.zip",),
            unpack="zip",
        ),
        *(zenodo_file(_RECORD, name, md5, "zip") for name, md5 in _ARCHIVES.items()),
    ),
    splits=("paper", "artist"),
    window=30.0,
    compute_split=compute_split,
)
