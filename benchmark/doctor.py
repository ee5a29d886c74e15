"""Examine a dataset on disk: what is there, what is wrong, and whether the task can run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mirbench.benchmark.api import (
    SPLITS,
    Clip,
    DataError,
    Download,
    PluginError,
    Split,
    Task,
    UnusableClip,
)
from mirbench.benchmark.audio import audio_info, quiet_decoders, read_audio, read_windows
from mirbench.benchmark.checksums import has_checksum, what_is_wrong
from mirbench.benchmark.datasets import dataset_folder, read_clips
from mirbench.benchmark.engine import free_cpus, map_unordered
from mirbench.benchmark.fetching import fetch_folder
from mirbench.benchmark.progress import bar
from mirbench.benchmark.registry import load_task, split_folder
from mirbench.benchmark.splits import SplitTable, load_split
from mirbench.benchmark.store import Store

Problem = Literal["absent", "empty", "undecodable", "too short", "wrong checksum"]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
State = Literal["absent", "part", "wrong", "right", "unchecked"]

#: Files whose headers are read at once: more than processors, since disks and networks wait.
_READERS = 8

#: Clips that a worker decodes at once.
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Fault:
    """A clip that cannot be used, and why."""

    clip_id: str
    problem: Problem
    path: Path | None
    reason: str


@dataclass(frozen=True, slots=True)
class FileState:
    """A file that the dataset is downloaded as: absent, partly there, wrong (and how), or right."""

    name: str
    state: State
    detail: str = ""
    bytes: int = 0


@dataclass(frozen=True)
class Checkup:
    """What an examination found.

    Attributes
    ----------
    looked_in : Path
        Folder in which the dataset was looked for.
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
    task: str,
    data: Path | None = None,
    cache: Path | None = None,
    deep: bool = False,
    jobs: int | None = None,
    max_missing: float = 0.05,
) -> Checkup:
    """Examine the dataset of a task.

    Parameters
    ----------
    deep : bool
        Decode every clip to its end, in `jobs` processes; else only headers
        are read.

    Raises
    ------
    UsageError
        If there is no such task.
    """
    spec = load_task(task)
    folder = dataset_folder(spec, data, Store(cache))
    tables = [load_split(spec, name, split_folder(spec.name)) for name in spec.splits]
    members = {clip_id for table in tables for clip_id in table.of}
    files = tuple(_file_states(spec, folder))
    problem, clips = None, []
    try:
        if spec.prepare is None or folder.is_dir():
            clips = [clip for clip in read_clips(spec, folder) if clip.id in members]
            unknown = members - {clip.id for clip in clips}
            if unknown:
                problem = f"{len(unknown):,} clips of the splits are not in the annotations, such "
                problem += f"as {min(unknown)!r}: they are incomplete, or of another version"
    except (DataError, PluginError) as error:
        problem = str(error)
    faults = sorted(_find_faults(spec, folder, clips, deep, jobs), key=lambda fault: fault.clip_id)
    return Checkup(
        task=spec,
        data=data,
        looked_in=folder,
        fetch_into=fetch_folder(spec, data),
        problem=problem,
        files=files,
        clips=len(clips),
        faults=tuple(faults),
        usable=_count(tables, clips, faults) if clips else {},
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


def _find_faults(
    task: Task, folder: Path, clips: Sequence[Clip], deep: bool, jobs: int | None
) -> list[Fault]:
    sums = _checksums(task, folder) if clips else {}
    work = [_Work(tuple(clips[k : k + _CHUNK]), task.window) for k in range(0, len(clips), _CHUNK)]
    faults: dict[str, Fault] = {}
    with (
        quiet_decoders(),
        bar(f"reading headers of {task.folder}", len(clips), "clip") as progress,
        ThreadPoolExecutor(_READERS) as pool,
    ):
        for found in pool.map(lambda one: _check_headers(one, sums), work):
            faults |= {fault.clip_id: fault for fault in found}
            progress.update(_CHUNK)
    if deep:
        sound = [clip for clip in clips if clip.id not in faults]
        work = [
            _Work(tuple(sound[k : k + _CHUNK]), task.window) for k in range(0, len(sound), _CHUNK)
        ]
        with bar(f"decoding {task.folder}", len(sound), "clip") as progress:
            for found in map_unordered(_decode, work, jobs or free_cpus()):
                faults |= {fault.clip_id: fault for fault in found}
                progress.update(_CHUNK)
    return list(faults.values())


def _checksums(task: Task, folder: Path) -> dict[Path, Download]:
    if task.list_files is None:
        return {}
    try:
        return {folder / item.filename: item for item in task.list_files(folder)}
    except DataError:
        return {}


@dataclass(frozen=True, slots=True)
class _Work:
    clips: tuple[Clip, ...]
    window: float | None


def _check_headers(work: _Work, sums: dict[Path, Download]) -> list[Fault]:
    found = (_check_header(clip, work.window, sums) for clip in work.clips)
    return [fault for fault in found if fault is not None]


def _check_header(clip: Clip, window: float | None, sums: dict[Path, Download]) -> Fault | None:
    path = clip.path
    if path is None or not path.is_file():
        return Fault(clip.id, "absent", path, "there is no such file")
    if path.stat().st_size == 0:
        return Fault(clip.id, "empty", path, f"{path.name} is empty (0 bytes)")
    try:
        info = audio_info(path)
    except UnusableClip as error:
        return Fault(clip.id, "undecodable", path, str(error))
    needed = clip.start + (clip.duration or window or 0.0)
    if info.duration < needed - 1e-6:
        return Fault(
            clip.id,
            "too short",
            path,
            f"{path.name} is {info.duration:.1f} s long, {needed:g} s are needed",
        )
    wrong = what_is_wrong(path, sums[path]) if path in sums else None
    return Fault(clip.id, "wrong checksum", path, f"{path.name}: {wrong}") if wrong else None


def _decode(work: _Work) -> list[Fault]:
    """Decode clips to their ends, as a run would, but at their own rate; runs in a worker."""
    faults = []
    for clip in work.clips:
        assert clip.path is not None
        try:
            with quiet_decoders():
                rate = audio_info(clip.path).sample_rate
                if work.window is None:
                    read_audio(clip.path, rate, clip.start, clip.duration)
                else:
                    read_windows(clip.path, rate, work.window, clip.start, clip.duration)
        except UnusableClip as error:
            faults.append(Fault(clip.id, "undecodable", clip.path, str(error)))
    return faults


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
