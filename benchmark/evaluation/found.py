"""The row that is there already: whether it can stay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.progress import say
from mirbench.benchmark.result import RepresentationRecord, Result, read_predictions, read_result


def read_whole(path: Path) -> Result | None:
    """Read the row that is there, if there is a whole one."""
    if not path.exists():
        return None
    try:
        result = read_result(path)
        read_predictions(path)
    except DataError:
        return None
    return result


def has_groups(path: Path, groups: Mapping[str, str]) -> bool:
    """Whether the intervals of a row are over the groups that its test clips have now.

    They may depend on the files that a task's reader finds, at one version.
    """
    predictions = read_predictions(path)
    return [groups.get(clip_id) for clip_id in predictions.clip_ids] == list(predictions.groups)


def announce_replacement(old: RepresentationRecord, new: RepresentationRecord, path: Path) -> None:
    """Say that a row will be replaced.

    Raises
    ------
    UsageError
        If it is of another representation of that name.
    """
    check_origin(old, new.origin, path)
    say(f"{path} is of another version of {old.name!r} or of its data; it will be replaced")


def check_origin(old: RepresentationRecord, origin: str, path: Path) -> None:
    """Check that a row that is there is of the same representation as what has this origin.

    Raises
    ------
    UsageError
        If it is of another one of that name.
    """
    if old.origin != origin:
        raise UsageError(
            f"{path} is the row of another {old.name!r} (origin: {old.origin}); name this one "
            "otherwise, choose another --out, or replace it with --force"
        )
