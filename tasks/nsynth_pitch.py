"""NSynth pitch, of the size of HEAR's 5 h: 88 pitches; accuracy.

`mirbench.tasks._nsynth` says which notes, and how they are split. Labels are
MIDI numbers from 21 to 108. Chroma accuracy counts octave errors as right, as
in HEAR 2021. Groups are instruments.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Split, Task
from mirbench.tasks._nsynth import (
    CITATION,
    DOWNLOADS,
    FOLDER,
    HOW_TO_GET,
    LICENCE,
    PIANO,
    read_notes,
    small_set,
    small_split,
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the notes of both splits, labelled with their pitch.

    Raises
    ------
    DataError
        If NSynth's tables are absent or malformed.
    """
    for note in small_set(root):
        yield note.clip(str(note.pitch))


def compute_split(root: Path, name: str) -> dict[str, Split]:
    """Compute the split ``paper`` or ``artist``; raises as `read_clips`."""
    return small_split(read_notes(root), name)


TASK = Task(
    name="nsynth_pitch",
    title="NSynth pitch",
    version=1,
    kind="multiclass",
    labels=tuple(str(pitch) for pitch in PIANO),
    metrics=("accuracy", "chroma_accuracy"),
    read_clips=read_clips,
    folder=FOLDER,
    licence=LICENCE,
    citation=CITATION,
    how_to_get=HOW_TO_GET,
    downloads=DOWNLOADS,
    splits=("paper", "artist"),
    compute_split=compute_split,
)
