"""NSynth: single notes of 1,006 instruments (Engel et al., 2017), and which of them a task takes.

305,979 notes of 4 s (16 kHz, mono) in three published parts, each a folder
``nsynth-<part>`` with ``examples.json`` and the folder ``audio``. A note is
called ``bass_synthetic_068-049-025``: instrument, MIDI pitch and velocity.

Tasks of the size of HEAR 2021's "5h" take 4,000 notes for train, 500 for valid
and 4,060 for test, which are all test notes on a piano's keys (MIDI 21 to 108).
HEAR drew its notes with a shuffle that nobody can repeat; here notes are
ordered by the SHA-1 of their names, so that the first of them are the same
everywhere. No list of NSynth is shipped: the splits are computed from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Clip, DataError, Download, Split
from mirbench.tasks._artists import number_of
from mirbench.tasks._tables import read_table_bytes, subfolders

FAMILIES = (
    "bass",
    "brass",
    "flute",
    "guitar",
    "keyboard",
    "mallet",
    "organ",
    "reed",
    "string",
    "synth_lead",
    "vocal",
)

#: Keys of a piano, as MIDI numbers.
PIANO = range(21, 109)

#: Notes of the small size.
N_TRAIN, N_VALID = 4000, 500

#: Of ten instruments of train, by the SHA-1 of their names, one is valid in the `artist` split.
_MODULUS = 10

#: Seconds below which a file is not the published one, whose notes have 4 s.
SHORTEST = 3.9

FOLDER = "nsynth"
LICENCE = "CC BY 4.0"
CITATION = (
    "J. Engel, C. Resnick, A. Roberts, S. Dieleman, D. Eck, K. Simonyan and M. Norouzi, Neural "
    "audio synthesis of musical notes with WaveNet autoencoders, ICML 2017"
)
HOW_TO_GET = (
    "Download nsynth-train.jsonwav.tar.gz, nsynth-valid.jsonwav.tar.gz and "
    "nsynth-test.jsonwav.tar.gz (25 GB together) from "
    "https://magenta.tensorflow.org/datasets/nsynth into the folder nsynth and unpack them there."
)

_MD5S: dict[Split, str] = {
    "train": "fde6665a93865503ba598b9fac388660",
    "valid": "87e94a00a19b6dbc99cf6d4c0c0cae87",
    "test": "5e6f8719bf7e16ad0a00d518b78af77d",
}

DOWNLOADS = tuple(
    Download(
        filename=f"nsynth-{part}.jsonwav.tar.gz",
        mirrors=(
            f"http://download.magenta.tensorflow.org/datasets/nsynth/nsynth-{part}.jsonwav.tar.gz",
        ),
        md5=md5,
        unpack="tar.gz",
    )
    for part, md5 in _MD5S.items()
)

_NAME = re.compile(
    rf"(?P<instrument>(?P<family>{'|'.join(FAMILIES)})_(?:acoustic|electronic|synthetic)_\d{{3}})"
    r"-(?P<pitch>\d{3})-\d{3}"
)

#: Bytes of ``examples.json``; that of train has some 200 MB.
_LARGEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its name, published part, pitch, family and instrument, and its audio."""

    id: str
    part: Split
    pitch: int
    family: str
    instrument: str
    audio: Path

    def clip(self, label: str) -> Clip:
        """Make a clip of it, whose group is its instrument."""
        return Clip(self.id, self.audio, label, self.instrument, min_duration=SHORTEST)


def read_notes(root: Path) -> list[Note]:
    """Read all notes, part by part, in the order of the files.

    Parameters
    ----------
    root : Path
        Folder that holds ``nsynth-train``, ``nsynth-valid`` and
        ``nsynth-test``, itself or one folder deeper.

    Raises
    ------
    DataError
        If a table is absent or malformed, or a note stands in two.
    """
    base = next((b for b in [root, *subfolders(root)] if (b / "nsynth-test").is_dir()), root)
    notes: dict[str, Note] = {}
    for part in _MD5S:
        folder = base / f"nsynth-{part}"
        path = folder / "examples.json"
        for name, facts in _read_examples(path).items():
            note = _note(name, facts, part, path)
            if name in notes:
                raise DataError(f"{path}: the note {name} is also in {notes[name].part}")
            notes[name] = note
    return list(notes.values())


def small_set(root: Path) -> list[Note]:
    """Read the notes of both small splits, in the order of the files; raises as `read_notes`."""
    notes = read_notes(root)
    members = {note for name in ("paper", "artist") for note in small_split(notes, name)}
    return [note for note in notes if note.id in members]


def small_split(notes: Iterable[Note], name: str) -> dict[str, Split]:
    """Compute a split of HEAR's size.

    Parameters
    ----------
    notes : iterable of Note
        All of them.
    name : {"paper", "artist"}
        ``paper`` takes train, valid and test from the published parts, of
        which the latter two share instruments. ``artist`` takes valid from
        train, too, from one instrument in ten, which then is not in train.

    Returns
    -------
    dict
        Note to part.
    """
    order = sorted((note for note in notes if note.pitch in PIANO), key=lambda n: number_of(n.id))
    parts: dict[Split, list[str]] = {"train": [], "valid": [], "test": []}
    for note in order:
        part = note.part
        if name == "artist" and part == "valid":
            continue
        if name == "artist" and part == "train" and number_of(note.instrument) % _MODULUS == 0:
            part = "valid"
        parts[part].append(note.id)
    taken = {
        "train": parts["train"][:N_TRAIN],
        "valid": parts["valid"][:N_VALID],
        "test": parts["test"],
    }
    return {note: part for part in parts for note in taken[part]}


def whole_split(notes: Iterable[Note]) -> dict[str, Split]:
    """Take the published parts whole."""
    return {note.id: note.part for note in notes}


def _read_examples(path: Path) -> Mapping[str, Any]:
    content = read_table_bytes(path, _LARGEST, HOW_TO_GET)
    try:
        examples = json.loads(content, object_hook=_needed)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON: {str(error)[:200]}") from error
    if not isinstance(examples, dict) or not examples:
        raise DataError(f"{path}: expected an object of notes by their names")
    return examples


def _needed(item: dict[str, Any]) -> dict[str, Any] | tuple[Any, ...]:
    """Keep of a note what is needed: there are hundreds of thousands of them."""
    if "pitch" not in item:
        return item
    return tuple(item.get(key) for key in ("pitch", "instrument_family_str", "instrument_str"))


def _note(name: str, facts: object, part: Split, path: Path) -> Note:
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataError(
            f"{path}: expected the name of a note such as bass_synthetic_068-049-025, "
            f"found {name[:80]!r}"
        )
    pitch, family, instrument = int(match["pitch"]), match["family"], match["instrument"]
    if facts != (pitch, family, instrument) or pitch > 127:
        raise DataError(f"{path}: note {name}: its pitch, family or instrument is not in its name")
    return Note(name, part, pitch, family, instrument, path.parent / "audio" / f"{name}.wav")
