"""OpenMIC-2018: which of 20 instruments play in a clip, from partial labels; AP and ROC-AUC.

20,000 clips of 10 s (44.1 kHz, stereo) of the Free Music Archive (Humphrey,
Durand and McFee, 2018). Of each clip, people were asked about two instruments
or so: 41,268 of the 400,000 labels are known. The others are unobserved, which
is neither present nor absent: they take no part in losses and scores.

Clip ids are the publishers' keys, such as ``000046_3840``. Groups are artists,
as the archive numbers them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, DataError, Split, Task
from mirbench.tasks._artists import number_of
from mirbench.tasks._tables import find_file, read_lines, read_table
from mirbench.tasks._zenodo import zenodo_file

#: The publishers' order.
INSTRUMENTS = (
    *("accordion", "banjo", "bass", "cello", "clarinet", "cymbals", "drums", "flute", "guitar"),
    *("mallet_percussion", "mandolin", "organ", "piano", "saxophone", "synthesizer", "trombone"),
    *("trumpet", "ukulele", "violin", "voice"),
)

#: Of the answers about an instrument, weighted by trust: from here on it is present.
PRESENT = 0.5

#: Seconds below which a file is not the published one: those have 10 s.
SHORTEST = 9.9

#: Of 20 parts of the artists of the published train, those that are for validation.
_VALID, _PARTS = 3, 20

_LABELS = "openmic-2018-aggregated-labels.csv"
_METADATA = "openmic-2018-metadata.csv"
_ARCHIVE = "openmic-2018-v1.0.0.tgz"
_RECORD = 1432913

_KEY = re.compile(r"[0-9]{6}_[0-9]{1,12}")

HOW_TO_GET = (
    f"Download {_ARCHIVE} (2.6 GB) from https://zenodo.org/records/{_RECORD} into the folder "
    "openmic and unpack it there, which makes the folder openmic-2018."
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the 20,000 clips, those of the published train first.

    Parameters
    ----------
    root : Path
        The folder ``openmic-2018`` of the archive, or one that holds it.

    Yields
    ------
    Clip
        Labelled with the instruments that are known to be present, with those
        unobserved of which nothing is known; its group is its artist.

    Raises
    ------
    DataError
        If a table is absent or malformed, or two of them do not fit together.
    """
    labels = find_file(root, [_LABELS], HOW_TO_GET)
    audio = labels.parent / "audio"
    known = _read_labels(labels)
    partition, artists = read_partition(root), read_artists(root)
    if strangers := known.keys() - partition.keys():
        raise DataError(f"{labels}: clip {min(strangers)} is in neither part of the partition")
    for key in partition:
        heard = known.get(key, {})
        yield Clip(
            key,
            audio / key[:3] / f"{key}.ogg",
            label=tuple(name for name in INSTRUMENTS if heard.get(name)),
            group=_group(key, artists, root),
            min_duration=SHORTEST,
            unobserved=tuple(name for name in INSTRUMENTS if name not in heard),
        )


def read_partition(root: Path) -> dict[str, str]:
    """Map the keys of all clips to the published part, ``train`` or ``test``.

    Raises
    ------
    DataError
        If a list is absent or malformed, or a clip stands in two places.
    """
    partition: dict[str, str] = {}
    for part in ("train", "test"):
        path = find_file(root, [f"partitions/split01_{part}.csv"], HOW_TO_GET)
        for line, key in read_lines(path):
            if key in partition:
                raise DataError(f"{path}: line {line}: clip {key} stands there twice")
            partition[_checked(key, path, line)] = part
    return partition


def read_artists(root: Path) -> dict[str, str]:
    """Map the keys of clips to the numbers of their artists, empty where there is none.

    Raises
    ------
    DataError
        If the table is absent or malformed.
    """
    path = find_file(root, [_METADATA], HOW_TO_GET)
    rows = read_table(path, ["sample_key", "artist_id"])
    return {_checked(key, path, line): artist for line, (key, artist) in rows}


def compute_split(root: Path, name: str) -> dict[str, Split]:
    """Compute the split ``paper`` or ``artist``.

    Both have the published test, and carve valid from the published train by
    artist. ``artist`` leaves out what shares an artist with test, if anything does.

    Raises
    ------
    DataError
        As `read_clips`.
    """
    partition, artists = read_partition(root), read_artists(root)
    groups = {key: _group(key, artists, root) for key in partition}
    tested = {groups[key] for key, part in partition.items() if part == "test"}
    split: dict[str, Split] = {}
    for key, part in partition.items():
        if part == "test":
            split[key] = "test"
        elif name == "paper" or groups[key] not in tested:
            split[key] = "valid" if number_of(groups[key]) % _PARTS < _VALID else "train"
    return split


def _read_labels(path: Path) -> dict[str, dict[str, bool]]:
    """Map the keys of clips to the instruments that were asked about: present, or absent."""
    known: dict[str, dict[str, bool]] = {}
    for line, (key, name, cell) in read_table(path, ["sample_key", "instrument", "relevance"]):
        heard = known.setdefault(_checked(key, path, line), {})
        if name not in INSTRUMENTS or name in heard:
            what = "a second time " if name in heard else ""
            raise DataError(
                f"{path}: line {line}: expected an instrument such as {INSTRUMENTS[0]}, once for "
                f"each clip, found {what}{name[:50]!r}"
            )
        heard[name] = _relevance(cell, path, line) >= PRESENT
    return known


def _relevance(cell: str, path: Path, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise DataError(
            f"{path}: line {line}: expected a relevance from 0 to 1, found {cell[:50]!r}"
        )
    return value


def _checked(key: str, path: Path, line: int) -> str:
    if not _KEY.fullmatch(key):
        raise DataError(
            f"{path}: line {line}: expected a key such as 000046_3840, found {key[:50]!r}"
        )
    return key


def _group(key: str, artists: dict[str, str], root: Path) -> str:
    if key not in artists:
        raise DataError(
            f"{_METADATA} below {root} has no clip {key}, which is in split01_train.csv or "
            "split01_test.csv: they are of different versions"
        )
    return f"artist {artists[key]}" if artists[key] else f"clip {key}"


TASK = Task(
    name="openmic",
    title="OpenMIC-2018 instruments",
    version=1,
    kind="multilabel",
    labels=INSTRUMENTS,
    metrics=("average_precision", "roc_auc"),
    read_clips=read_clips,
    folder="openmic",
    group="artist",
    licence="labels CC BY 4.0, audio per track (Creative Commons)",
    citation=(
        "E. J. Humphrey, S. Durand and B. McFee, OpenMIC-2018: an open dataset for multiple "
        "instrument recognition, ISMIR 2018"
    ),
    how_to_get=HOW_TO_GET,
    partial=True,
    downloads=(zenodo_file(_RECORD, _ARCHIVE, "e4ccf187e2bb5ab2e115416e8aafe7f4", "tar.gz"),),
    splits=("paper", "artist"),
    transposable=True,
    compute_split=compute_split,
)
