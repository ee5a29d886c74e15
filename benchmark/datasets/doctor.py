"""Examine a dataset on disk: what is there, what is wrong, and whether the task can run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mirbench.benchmark.api import (
    SPLITS,
    Clip,
    DataError,
    PluginError,
    Split,
    Task,
)
from mirbench.benchmark.datasets.clip_checks import Fault, find_faults
from mirbench.benchmark.datasets.fetch import fetch_folder
from mirbench.benchmark.datasets.locate import dataset_folder, read_clips
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.progress import count

State = Literal["absent", "part", "wrong", "right", "unchecked"]


@dataclass(frozen=True, slots=True)
class FileState:
    """What is on disk of a file that the dataset is downloaded as.

    Attributes
    ----------
    name : str
        File name below the dataset's folder.
    state : {"absent", "part", "wrong", "right", "unchecked"}
        ``part``: not yet downloaded to its end; ``unchecked``: no checksum is known.
    detail : str
        What is wrong with it.
    bytes : int
        Its size.
    """

    name: str
    state: State
    detail: str = ""
    bytes: int = 0


@dataclass(frozen=True)
class Checkup:
    """What an examination found.

    Attributes
    ----------
    task : Task
        The task.
    data : Path or None
        Folder of the datasets, if it was named.
    looked_in : Path
        Folder in which the dataset was looked for.
    fetch_into : Path
        Folder that the dataset would be downloaded into.
    problem : str or None
        Why the annotations cannot be read; None if they were.
    files : tuple of FileState
        The dataset's archives and tables.
    clips : int
        Clips of all splits.
    faults : tuple of Fault
        In the order of clip ids.
    usable : dict
        Split name to train, valid and test to (usable, all) clips.
    deep : bool
        Whether everything was decoded.
    max_missing : float
        Share of clips that may be unusable.
    """

    task: Task
    data: Path | None
    looked_in: Path
    fetch_into: Path
    problem: str | None
    files: tuple[FileState, ...]
    clips: int
    faults: tuple[Fault, ...]
    usable: dict[str, dict[Split, tuple[int, int]]]
    deep: bool
    max_missing: float

    @property
    def made(self) -> bool:
        """Whether mirbench makes the dataset itself, on first use."""
        return self.task.prepare is not None

    def can_run(self, split: str) -> bool:
        """Whether few enough clips of a split are unusable, and none of its parts is empty."""
        if split not in self.usable:
            return self.made and not self.looked_in.is_dir()
        parts = self.usable[split].values()
        usable, total = sum(n for n, _ in parts), sum(n for _, n in parts)
        if self.problem is not None:
            return False
        return total - usable <= self.max_missing * total and all(n > 0 for n, _ in parts)

    @property
    def ready(self) -> bool:
        """Whether the task can run on its first split, the paper's."""
        return self.can_run(self.task.splits[0])


def check_dataset(
    task: Task,
    splits: Sequence[SplitTable],
    data: Path | None = None,
    *,
    cache: CacheFolder | None = None,
    deep: bool = False,
    workers: int | None = None,
    max_missing: float = 0.05,
) -> Checkup:
    """Examine the dataset of a task.

    Parameters
    ----------
    task : Task
        The task.
    splits : sequence of SplitTable
        Every split of the task.
    data : Path, optional
        Folder of the datasets; default: ``MIRBENCH_DATA`` or ``./data``.
    cache : CacheFolder, optional
        Where a dataset lies that mirbench makes itself; default: the usual one.
    deep : bool
        Decode every clip to its end; else only headers are read.
    workers : int, optional
        Processes that decode; default: one per processor.
    max_missing : float
        Share of clips that may be unusable.
    """
    folder = dataset_folder(task, data, cache or CacheFolder.find())
    members = {clip_id for table in splits for clip_id in table.of}
    files = tuple(_file_states(task, folder))
    problem, clips = None, []
    try:
        if task.prepare is None or folder.is_dir():
            clips = [clip for clip in read_clips(task, folder) if clip.id in members]
            unknown = members - {clip.id for clip in clips}
            if unknown:
                problem = (
                    f"{count(len(unknown), 'clip', 'is')} in the splits but not in the "
                    f"annotations, such as {min(unknown)!r}: these are incomplete, or of another "
                    "version"
                )
    except (DataError, PluginError) as error:
        problem = str(error)
    faults = find_faults(task, folder, clips, deep, workers)
    return Checkup(
        task=task,
        data=data,
        looked_in=folder,
        fetch_into=fetch_folder(task, data),
        problem=problem,
        files=files,
        clips=len(clips),
        faults=tuple(faults),
        usable=_count(splits, clips, faults) if clips else {},
        deep=deep,
        max_missing=max_missing,
    )


def _file_states(task: Task, folder: Path) -> Iterator[FileState]:
    for item in task.downloads:
        path = folder / item.filename
        part = path.with_name(path.name + ".part")
        if path.is_file():
            wrong = what_is_wrong(path, item)
            state: State = "wrong" if wrong else "right" if has_checksum(item) else "unchecked"
            yield FileState(item.filename, state, wrong or "", path.stat().st_size)
        elif part.is_file():
            yield FileState(item.filename, "part", bytes=part.stat().st_size)
        else:
            yield FileState(item.filename, "absent")


def _count(
    tables: Sequence[SplitTable], clips: Sequence[Clip], faults: Sequence[Fault]
) -> dict[str, dict[Split, tuple[int, int]]]:
    usable = {clip.id for clip in clips} - {fault.clip_id for fault in faults}
    return {
        table.name: {
            part: (len(usable.intersection(table.ids(part))), len(table.ids(part)))
            for part in SPLITS
        }
        for table in tables
    }
