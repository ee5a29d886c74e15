"""From the notes of NSynth to a task on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mirbench.benchmark.api import Clip, Split, Task
from mirbench.tasks._nsynth import (
    CITATION,
    DOWNLOADS,
    FOLDER,
    HOW_TO_GET,
    LICENCE,
    Note,
    read_notes,
    small_set,
    small_split,
    whole_split,
)


def nsynth_task(
    *,
    name: str,
    title: str,
    labels: tuple[str, ...],
    second_metric: str,
    label: Callable[[Note], str],
    whole: bool = False,
    transposable: bool = False,
) -> Task:
    """Make a task whose groups are instruments, and whose splits are computed from NSynth.

    Parameters
    ----------
    name, title : str
        As for `Task`.
    labels : tuple of str
        Class names in frozen order.
    second_metric : str
        Behind accuracy.
    label : callable
        ``label(note)`` is one of `labels`.
    whole : bool
        The published parts whole, as the split ``full``; else HEAR's size, as ``paper`` and
        ``artist``.
    transposable : bool
        As for `Task`.
    """

    def read_clips(root: Path) -> Iterator[Clip]:
        for note in read_notes(root) if whole else small_set(root):
            yield note.clip(label(note))

    def compute_split(root: Path, split: str) -> dict[str, Split]:
        notes = read_notes(root)
        return whole_split(notes) if whole else small_split(notes, split)

    return Task(
        name=name,
        title=title,
        version=1,
        kind="multiclass",
        labels=labels,
        metrics=("accuracy", second_metric),
        read_clips=read_clips,
        folder=FOLDER,
        group="instrument",
        licence=LICENCE,
        citation=CITATION,
        how_to_get=HOW_TO_GET,
        downloads=DOWNLOADS,
        splits=("full",) if whole else ("paper", "artist"),
        transposable=transposable,
        compute_split=compute_split,
    )
