"""NSynth instrument families, on the whole set: eleven families; accuracy.

The published parts, 289,205, 12,678 and 4,096 notes. Its split is called
``full``, so it is run only when it is asked for:
``--task nsynth_family_full --split full``. Valid and test share instruments;
`nsynth_family` has a split that keeps them apart.
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
    whole_split,
)


def read_clips(root: Path) -> Iterator[Clip]:
    """Yield the notes, labelled with their family.

    Raises
    ------
    DataError
        If NSynth's tables are absent or malformed.
    """
    for note in read_notes(root):
        yield note.clip(note.family)


def compute_split(root: Path, _name: str) -> dict[str, Split]:
    """Take the published parts; raises as `read_clips`."""
    return whole_split(read_notes(root))


TASK = Task(
    name="nsynth_family_full",
    title="NSynth families, whole set",
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
    splits=("full",),
    transposable=True,
    compute_split=compute_split,
)
