"""Examine the audio files of clips: headers quickly, or everything to the end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mirbench.benchmark.api import Clip, DataError, Download, Task, UnusableClip
from mirbench.benchmark.datasets.audio import audio_info, quiet_decoders, read_audio, read_windows
from mirbench.benchmark.files.checksums import what_is_wrong
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import bar

Problem = Literal["absent", "empty", "undecodable", "too short", "wrong checksum"]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)

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


def find_faults(
    task: Task, folder: Path, clips: Sequence[Clip], deep: bool, workers: int | None
) -> list[Fault]:
    """Find the clips that cannot be used.

    Parameters
    ----------
    task : Task
        Its window is the least that a clip must have.
    folder : Path
        Folder of the dataset, to which the names of `Task.list_files` are relative.
    clips : sequence of Clip
        Those to examine.
    deep : bool
        Decode every clip to its end; else read headers only.
    workers : int, optional
        Processes that decode; default: one per processor.

    Returns
    -------
    list of Fault
        In the order of clip ids.
    """
    sums = _checksums(task, folder) if clips else {}
    work = [_Work(tuple(clips[k : k + _CHUNK]), task.window) for k in range(0, len(clips), _CHUNK)]
    faults: dict[str, Fault] = {}
    with (
        quiet_decoders(),
        bar(f"reading headers of {task.folder}", len(clips), "clip") as progress,
        ThreadPoolExecutor(_READERS) as pool,
    ):
        for done, found in pool.map(lambda one: _check_headers(one, sums), work):
            faults |= {fault.clip_id: fault for fault in found}
            progress.update(done)
    if deep:
        sound = [clip for clip in clips if clip.id not in faults]
        work = [
            _Work(tuple(sound[k : k + _CHUNK]), task.window) for k in range(0, len(sound), _CHUNK)
        ]
        with (
            bar(f"decoding {task.folder}", len(sound), "clip") as progress,
            Workers(workers or free_cpus()) as processes,
        ):
            for done, found in processes.unordered(_decode, work):
                faults |= {fault.clip_id: fault for fault in found}
                progress.update(done)
    return sorted(faults.values(), key=lambda fault: fault.clip_id)


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


#: How many clips were looked at, and what is wrong with them.
_Done = tuple[int, list[Fault]]


def _check_headers(work: _Work, sums: dict[Path, Download]) -> _Done:
    found = (_check_header(clip, work.window, sums) for clip in work.clips)
    return len(work.clips), [fault for fault in found if fault is not None]


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
    if short := what_is_short(clip, window, info.duration):
        return Fault(clip.id, "too short", path, f"{path.name} {short}")
    wrong = what_is_wrong(path, sums[path]) if path in sums else None
    return Fault(clip.id, "wrong checksum", path, f"{path.name}: {wrong}") if wrong else None


def what_is_short(clip: Clip, window: float | None, seconds: float) -> str | None:
    """Say by how much a file of so many seconds is too short for a clip, if it is."""
    needed = clip.start + max(clip.duration or window or 0.0, clip.min_duration)
    if seconds >= needed - 1e-6:
        return None
    return f"is {seconds:.1f} s long, {needed:g} s are needed"


def _decode(work: _Work) -> _Done:
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
    return len(work.clips), faults
