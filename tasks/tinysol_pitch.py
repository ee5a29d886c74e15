"""TinySOL pitch: the pitch of single notes, on instruments never heard; accuracy.

TinySOL (Cella et al., 2020) has 2,913 notes of 14 instruments, each played by
one musician (44.1 kHz). 640 of them were made from a neighbouring note by
changing its pitch digitally: they are copies of others, and in no split.

The five published folds have the same instrument and pitch in several folds
(589 of 619 such pairs), so they are not used. Here whole instruments are held
out (see ``splits/README.md``). Which instrument it is has no fair split, since
each was played by one musician, and so there is no such task.

Labels are MIDI numbers from 28 to 109 (60 is middle C). Chroma accuracy counts
octave errors as right. Clip ids are file names without ending, such as
``BTb-ord-F#1-pp-N-N``. Groups are instruments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mirbench.benchmark.api import Clip, DataError, Task
from mirbench.tasks._tables import files_below, find_file, read_table
from mirbench.tasks._zenodo import zenodo_file

#: MIDI numbers.
PITCHES = tuple(str(pitch) for pitch in range(28, 110))

INSTRUMENTS = (
    "Accordion",
    "Alto Saxophone",
    "Bass Tuba",
    "Bassoon",
    "Cello",
    "Clarinet in Bb",
    "Contrabass",
    "Flute",
    "French Horn",
    "Oboe",
    "Trombone",
    "Trumpet in C",
    "Viola",
    "Violin",
)

_TABLE = "TinySOL_metadata.csv"
_ARCHIVE = "TinySOL.tar.gz"
_RECORD = 3685367

_COLUMNS = ("Path", "Instrument (in full)", "Pitch ID", "Needed digital retuning")

HOW_TO_GET = (
    f"Download {_TABLE} and {_ARCHIVE} from https://zenodo.org/records/{_RECORD} into the folder "
    "tinysol and unpack the archive there."
)


@dataclass(frozen=True, slots=True)
class Note:
    """One row of the table: its file, instrument, pitch, and whether it was retuned digitally."""

    id: str
    place: PurePosixPath
    instrument: str
    pitch: str
    retuned: bool


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield all notes, in the order of the table.

    Parameters
    ----------
    root : Path
        Folder with the table, there or in ``annotation``, and the audio in
        the publishers' folders of families (``Brass/Bass_Tuba/ordinario``),
        there or one folder deeper.

    Yields
    ------
    Clip
        Labelled with its pitch; its group is its instrument.

    Raises
    ------
    DataError
        If the table is absent or malformed.
    """
    notes = read_notes(root)
    audio = files_below(root, sorted({str(note.place.parent) for note in notes}), ".wav")
    for note in notes:
        path = audio.get(note.place.name, root / note.place)
        yield Clip(note.id, path, label=note.pitch, group=note.instrument)


def read_notes(root: Path) -> list[Note]:
    """Read the table.

    Raises
    ------
    DataError
        If it is absent or malformed.
    """
    path = find_file(root, [_TABLE, f"annotation/{_TABLE}"], HOW_TO_GET)
    notes: dict[str, Note] = {}
    for line, (cell, instrument, pitch, retuned) in read_table(path, _COLUMNS):
        place = PurePosixPath(cell)
        if place.suffix != ".wav" or place.is_absolute() or ".." in place.parts:
            raise DataError(
                f"{path}: line {line}: expected the path of a wav file, found {cell[:80]!r}"
            )
        if instrument not in INSTRUMENTS:
            raise DataError(
                f"{path}: line {line}: expected an instrument such as Oboe, "
                f"found {instrument[:50]!r}"
            )
        if pitch not in PITCHES:
            raise DataError(
                f"{path}: line {line}: expected a pitch from {PITCHES[0]} to {PITCHES[-1]}, "
                f"found {pitch[:50]!r}"
            )
        if retuned.upper() not in ("TRUE", "FALSE"):
            raise DataError(
                f"{path}: line {line}: expected TRUE or FALSE for digital retuning, "
                f"found {retuned[:50]!r}"
            )
        if place.stem in notes:
            raise DataError(f"{path}: line {line}: the note {place.stem!r} stands there twice")
        notes[place.stem] = Note(place.stem, place, instrument, pitch, retuned.upper() == "TRUE")
    return list(notes.values())


TASK = Task(
    name="tinysol_pitch",
    title="TinySOL pitch",
    version=1,
    kind="multiclass",
    labels=PITCHES,
    metrics=("accuracy", "chroma_accuracy"),
    read_clips=read_clips,
    folder="tinysol",
    group="instrument",
    licence="CC BY 4.0",
    citation=(
        "C.-E. Cella, D. Ghisi, V. Lostanlen, F. Lévy, J. Fineberg and Y. Maresz, OrchideaSOL: a "
        "dataset of extended instrumental techniques for computer-aided orchestration, ICMC 2020"
    ),
    how_to_get=HOW_TO_GET,
    downloads=(
        zenodo_file(_RECORD, _TABLE, "a86c9bb115f69e61f2f25872e397fc4a"),
        zenodo_file(_RECORD, _ARCHIVE, "36030a7fe389da86c3419e5ee48e3b7f", "tar.gz"),
    ),
    splits=("paper", "artist"),
)
