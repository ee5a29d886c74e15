"""NSynth instrument families, on the notes of `nsynth_pitch`: eleven families; accuracy.

`mirbench.tasks._nsynth` says which notes, and how they are split. Groups are
instruments. Synth leads are in train only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Split, Task
from mirbench.tasks._nsynth import (
    CITATION,
    DOWNLOADS,
    FAMILIES,
    FOLDER,
    HOW_TO_GET,
    LICENCE,
    read_notes,
    small_set,
    small_split,
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the notes of both splits, labelled with their family.

    Raises
    ------
    DataError
        If NSynth's tables are absent or malformed.
    """
    for note in small_set(root):
        yield note.clip(note.family)


def compute_split(root: Path, name: str) -> dict[str, Split]:
    """Compute the split ``paper`` or ``artist``; raises as `read_clips`."""
    return small_split(read_notes(root), name)


TASK = Task(
    name="nsynth_family",
    title="NSynth families",
    version=1,
    kind="multiclass",
    labels=FAMILIES,
    metrics=("accuracy", "mean_recall"),
    read_clips=read_clips,
    folder=FOLDER,
    licence=LICENCE,
    citation=CITATION,
    how_to_get=HOW_TO_GET,
    downloads=DOWNLOADS,
    splits=("paper", "artist"),
    transposable=True,
    compute_split=compute_split,
)
