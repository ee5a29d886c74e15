"""Who is probed: embeddings of a file, and what their model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import DataError, Task, UsageError
from mirbench.benchmark.embedding.embeddings import Embeddings, not_finite, pick_clips
from mirbench.benchmark.evaluation.subject import Subject
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import base_name
from mirbench.benchmark.runs.live import check_free

#: Characters of a text in a row that the leaderboard takes.
_LONGEST = 1000


def subject_of_file(file: Path, label: str) -> Subject:
    """Describe embeddings of a file.

    Raises
    ------
    UsageError
        If `label` is the name of a representation.
    """
    # Its row would take the place of one that mirbench measured itself.
    if base_name(label) in {plugin.name for plugin in find_plugins("representation")}:
        raise UsageError(f"{label!r} is the name of a representation; give another by --name")
    return Subject(label, "precomputed", {}, file_sha256(file)[:16], None)


def given_embeddings(embeddings: Embeddings, task: Task, clip_ids: Sequence[str]) -> Embeddings:
    """Take the clips of a split from embeddings that are in memory.

    Parameters
    ----------
    embeddings : Embeddings
    task : Task
    clip_ids : sequence of str
        Of the split.

    Raises
    ------
    DataError
        If they are of another task, have no clip of the split, hold NaN or infinity, or have
        several rows of a clip where the task has no windows.
    """
    if embeddings.task not in ("", task.name):
        raise DataError(
            f"the embeddings are of task {embeddings.task!r}, not of {task.name!r}, whose clips "
            f"or windows may differ: probe them on {embeddings.task!r}, or embed {task.name!r}"
        )
    found = pick_clips(embeddings, clip_ids)
    if not len(found.clip):
        raise DataError(f"the embeddings have no clip of task {task.name!r} with this split")
    # Layers that are still in the store were looked at before they came there.
    bad = not_finite(found.embedding) if isinstance(found.embedding, np.ndarray) else None
    if bad is not None:
        clip_id = found.clip_ids[int(found.clip[bad])]
        raise DataError(f"the embeddings of clip {clip_id!r} hold NaN or infinity")
    if task.window is None and len(set(found.clip.tolist())) < len(found.clip):
        raise DataError(
            f"the embeddings have several rows of a clip, but task {task.name!r} has no windows"
        )
    return found


def subject_of_given(embeddings: Embeddings, name: str | None) -> Subject:
    """Describe embeddings that are in memory.

    Raises
    ------
    UsageError
        If they have no name, or one that they cannot have.
    """
    if name is None:
        raise UsageError("embeddings in memory have no name of their own: say name=")
    check_free(name)
    origin = "live" if embeddings.live else "precomputed"
    return Subject(name, origin, {}, embeddings.sha256[:16], None, live=embeddings.live)


def one_line(trained_on: str) -> str:
    """Check what ``--trained-on`` says, and write it with single spaces.

    Raises
    ------
    UsageError
        If it is empty, too long or not printable.
    """
    text = " ".join(trained_on.split())
    if not text or not text.isprintable() or len(text) > _LONGEST:
        raise UsageError(
            f"--trained-on {trained_on[:50]!r}: name the data sets in one line of at most "
            f"{_LONGEST:,} characters, or say none"
        )
    return text


def state_trained_on(subject: Subject, trained_on: str) -> Subject:
    """Add what the model was trained on.

    Raises
    ------
    UsageError
        If its card says something else.
    """
    if subject.trained_on not in (None, trained_on):
        raise UsageError(
            f"the card of {subject.name} says that it was trained on {subject.trained_on!r}; leave "
            "--trained-on out, or correct the card"
        )
    return replace(subject, trained_on=trained_on)
