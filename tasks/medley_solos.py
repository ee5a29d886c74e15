"""Medley-solos-DB: which of eight instruments plays alone; mean recall.

21,571 clips of 2.97 s (44.1 kHz, mono, float32) by Lostanlen and Cella (2016,
corrected in 2019): train and valid are from MedleyDB, test is from another
collection, solosDB. In test an instrument has 325 to 3,167 clips, and their
shares differ between the splits, so the score is the mean of the recalls.

Clip ids are the publishers' UUIDs. Groups are songs. Songs 225 and 226, both
violin and both in valid, hold 157 pairs of identical clips: they are one group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.benchmark.api import Clip, DataError, Task
from mirbench.tasks._tables import files_below, find_file, has_column, read_table
from mirbench.tasks._zenodo import zenodo_file

#: The publishers' order, in which file names number them.
INSTRUMENTS = (
    "clarinet",
    "distorted electric guitar",
    "female singer",
    "flute",
    "piano",
    "tenor saxophone",
    "trumpet",
    "violin",
)

SUBSETS = ("training", "validation", "test")

#: Songs with the same clips, and the song that stands for both.
_SAME_SONGS = {"226": "225"}

#: Seconds below which a file is not the published one: those have 131,072 samples.
SHORTEST = 2.9

_TABLE = "Medley-solos-DB_metadata.csv"
_ARCHIVE = "Medley-solos-DB.tar.gz"
_RECORD = 3464194

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

HOW_TO_GET = (
    f"Download {_TABLE} and {_ARCHIVE} from https://zenodo.org/records/{_RECORD} into the folder "
    "medley_solos and unpack the archive there (11.3 GB of wav files)."
)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One row of the table: the clip, its subset, instrument and song, as published."""

    id: str
    subset: str
    instrument: str
    song: str

    @property
    def filename(self) -> str:
        """Name of its audio file."""
        number = INSTRUMENTS.index(self.instrument)
        return f"Medley-solos-DB_{self.subset}-{number}_{self.id}.wav"


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield all clips, in the order of the table.

    Parameters
    ----------
    root : Path
        Folder with the table, there or in ``annotation``, and the audio,
        there, in ``audio`` or in ``Medley-solos-DB``, all up to one folder
        deeper.

    Yields
    ------
    Clip
        Labelled with its instrument; its group is its song.

    Raises
    ------
    DataError
        If the table is absent or malformed.
    """
    excerpts = read_excerpts(root)
    audio = files_below(root, ("", "audio", "Medley-solos-DB"), ".wav")
    for excerpt in excerpts:
        song = _SAME_SONGS.get(excerpt.song, excerpt.song)
        yield Clip(
            excerpt.id,
            audio.get(excerpt.filename, root / excerpt.filename),
            label=excerpt.instrument,
            group=f"song {song}",
            min_duration=SHORTEST,
        )


def read_excerpts(root: Path) -> list[Excerpt]:
    """Read the table; older copies call the column of songs ``track_id``.

    Raises
    ------
    DataError
        If it is absent or malformed.
    """
    path = find_file(root, [_TABLE, f"annotation/{_TABLE}"], HOW_TO_GET)
    song_column = "song_id" if has_column(path, "song_id") else "track_id"
    columns = ["subset", "instrument", "instrument_id", song_column, "uuid4"]
    excerpts: dict[str, Excerpt] = {}
    for line, (subset, instrument, number, song, uuid) in read_table(path, columns):
        if subset not in SUBSETS:
            raise DataError(
                f"{path}: line {line}: expected the subset to be {', '.join(SUBSETS)}, "
                f"found {subset[:50]!r}"
            )
        if instrument not in INSTRUMENTS or number != str(INSTRUMENTS.index(instrument)):
            raise DataError(
                f"{path}: line {line}: expected an instrument with its number, such as clarinet "
                f"and 0, found {instrument[:50]!r} and {number[:50]!r}"
            )
        if not _UUID.fullmatch(uuid) or not song:
            raise DataError(f"{path}: line {line}: expected a song and a UUID, found {uuid[:50]!r}")
        if uuid in excerpts:
            raise DataError(f"{path}: line {line}: clip {uuid} stands there twice")
        excerpts[uuid] = Excerpt(uuid, subset, instrument, song)
    return list(excerpts.values())


TASK = Task(
    name="medley_solos",
    title="Medley-solos-DB instruments",
    version=1,
    kind="multiclass",
    labels=INSTRUMENTS,
    metrics=("mean_recall", "accuracy"),
    read_clips=read_clips,
    folder="medley_solos",
    group="song",
    licence="CC BY 4.0",
    citation=(
        "V. Lostanlen and C.-E. Cella, Deep convolutional networks on the pitch spiral for "
        "musical instrument recognition, ISMIR 2016; V. Lostanlen, C.-E. Cella, R. Bittner and "
        "S. Essid, Medley-solos-DB: a cross-collection dataset for musical instrument "
        "recognition, Zenodo, 2019, doi:10.5281/zenodo.3464194"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        zenodo_file(_RECORD, _TABLE, "fda6a589c56785f2195c9227809c521a"),
        zenodo_file(_RECORD, _ARCHIVE, "f5facf398793ef5c1f80c013afdf3e5f", "tar.gz"),
    ),
    splits=("paper", "artist"),
    transposable=True,
)
