"""Who is probed: embeddings of a file, and what their model was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.evaluation.evaluate import Subject
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import base_name

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
