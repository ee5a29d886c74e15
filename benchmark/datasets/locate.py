"""Where the datasets are: from a task to its clips on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mirbench.benchmark.api import Clip, DataError, MirbenchError, PluginError, Task
from mirbench.benchmark.datasets.splits import SplitTable, task_code
from mirbench.benchmark.files.atomic import check_writable
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.machine.process_state import kept_process
from mirbench.benchmark.progress import count, say

#: Bytes of the name of a file or folder, and of a path.
_LONGEST_NAME, _LONGEST_PATH = 255, 4096


def data_root(folder: Path | None = None) -> Path:
    """Folder of the datasets: the argument, ``MIRBENCH_DATA``, or ``./data``."""
    return folder or Path(os.environ.get("MIRBENCH_DATA") or "data").expanduser()


def dataset_folder(task: Task, data: Path | None, cache: CacheFolder) -> Path:
    """Folder of a dataset: below `data`, `data` itself, or in the cache if mirbench makes it."""
    if task.prepare is not None:
        return cache.data(task.folder)
    root = data_root(data)
    inside = root / task.folder
    return inside if inside.is_dir() or not root.is_dir() else root


def read_clips(task: Task, folder: Path, split: SplitTable | None = None) -> list[Clip]:
    """Read a task's clips, or those of one split, sorted by id.

    Raises
    ------
    DataError
        If files that the reader needs are absent, or clips of the split are not in them.
    PluginError
        If the reader fails otherwise, or yields a clip twice.
    """
    with task_code(task, f"reading {folder}"):
        clips = sorted(task.read_clips(folder), key=lambda clip: str(clip.id))
    for clip in clips:
        fields: tuple[object, ...] = (clip.id, clip.path or Path(), clip.group)
        if not all(isinstance(v, t) for v, t in zip(fields, (str, Path, str), strict=True)):
            raise PluginError(
                f"task {task.name!r}: read_clips yields {clip!r}, but id and group must be text "
                "and path a pathlib.Path or None"
            )
        if not _can_be_written(clip):
            raise DataError(
                f"task {task.name!r}: the clip {clip.id!r} has an id, a group or a path "
                f"{str(clip.path)!r} that no file can have; mend the annotation"
            )
    for clip, following in pairwise(clips):
        if clip.id == following.id:
            raise PluginError(
                f"task {task.name!r}: read_clips yields the clip {clip.id!r} twice, from "
                f"{clip.path} and {following.path}"
            )
    return clips if split is None else clips_of_split(task, folder, clips, split)


def _can_be_written(clip: Clip) -> bool:
    """Whether the texts of a clip stand in UTF-8, and its path is one that the system takes."""
    try:
        f"{clip.id}{clip.group}".encode()
        path = os.fsencode(clip.path or "")
    except UnicodeEncodeError:
        return False
    longest = max(map(len, path.split(b"/")))
    return b"\0" not in path and longest <= _LONGEST_NAME and len(path) < _LONGEST_PATH


def clips_of_split(
    task: Task, folder: Path, clips: Sequence[Clip], split: SplitTable
) -> list[Clip]:
    """Pick the clips of one split from those of the dataset, in their order.

    Parameters
    ----------
    task : Task
        Named in the message, with how to get its dataset.
    folder : Path
        Folder of the dataset, which the message names.
    clips : sequence of Clip
        All clips of the dataset.
    split : SplitTable
        The split.

    Raises
    ------
    DataError
        If clips of the split are not among them.
    """
    ids = {clip.id for clip in clips}
    unknown = [clip_id for clip_id in split.of if clip_id not in ids]
    if unknown:
        absent = count(len(unknown), "clip", "is", of=len(split.of))
        raise DataError(
            f"task {task.name!r}: of the split {split.name!r}, {absent} not in {folder}, the first "
            f"{unknown[0]!r}. {task.how_to_get}"
        )
    return [clip for clip in clips if clip.id in split.of]


def prepare(task: Task, folder: Path) -> None:
    """Make the dataset of a task whose dataset mirbench makes itself, and tell the user so."""
    if task.prepare is None:
        return
    if not folder.is_dir():
        check_writable(folder)
        say(f"making the dataset {task.folder!r} in {folder}, once")
    try:
        with kept_process():
            task.prepare(folder)
    except OSError as error:
        raise MirbenchError(f"cannot make the dataset in {folder}: {error}") from error


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a task can be run here, and if not, what is missing and how to get it."""

    ready: bool
    message: str


def readiness(task: Task, data: Path | None, cache: CacheFolder) -> Readiness:
    """Look whether a task's annotations and audio are on disk, without decoding anything."""
    if task.prepare is not None:
        return Readiness(True, "ready (made on first use)")
    folder = dataset_folder(task, data, cache)
    try:
        clips = read_clips(task, folder)
    except (DataError, PluginError) as error:
        return Readiness(False, str(error))
    present = _count_audio(clips)
    if present == 0:
        return Readiness(False, f"no audio in {folder}. {task.how_to_get}")
    if present < len(clips):
        audio = count(present, "clip", of=len(clips))
        return Readiness(True, f"ready: audio of {audio} in {folder}")
    return Readiness(True, f"ready: {folder}")


def _count_audio(clips: Iterable[Clip]) -> int:
    return sum(clip.path is not None and clip.path.is_file() for clip in clips)
