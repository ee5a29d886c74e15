"""How many windows the clips of a dataset have, counted by decoding and kept.

Headers only guess the length of some formats, and the fixed batches of a model must
not depend on guesses; see `mirbench.benchmark.embedding.batches`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import Clip, UnusableClip
from mirbench.benchmark.datasets.audio import count_windows, quiet_decoders
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.absent import AbsentClip, check_absent, read_surely
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.shard_spec import Audio, look_at
from mirbench.benchmark.embedding.worker import audio_path
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.sealed import content_digest
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import bar

#: Of a file of counts: some ten million clips.
_MOST_BYTES = 256 * 2**20

#: No clip has more windows.
_MOST = 10**7

#: Number of windows of a clip by its id, or the reason why it has none.
Counts = dict[str, int | str]


def known_counts(data: Dataset, settings: EmbeddingSettings) -> Counts:
    """Read the counts that the store has for the audio files as they are now."""
    return _known(settings.store.window_counts(data.task), _look(data, settings))


def windows_per_clip(data: Dataset, settings: EmbeddingSettings) -> Counts:
    """Count the windows of every clip; what the store does not know is decoded by workers.

    Raises
    ------
    DataError
        If the files of many clips cannot be read.
    """
    task = data.task
    path, audio = settings.store.window_counts(task), _look(data, settings)
    counts = _known(path, audio)
    todo = {clip.id: clip for clip in data.every if clip.id not in counts}
    if task.window is None or not todo:
        return counts
    new: Counts = {}
    absent: dict[str, Clip] = {}
    work = [(clip, task.window, Path.cwd()) for clip in todo.values()]
    try:
        with (
            bar(f"counting windows of {task.folder}", len(todo), "clip") as progress,
            Workers(settings.workers) as workers,
        ):
            for clip_id, count, is_absent in workers.unordered(_count, work):
                new[clip_id] = count
                if is_absent:
                    absent[clip_id] = todo[clip_id]
                    check_absent(absent, len(data.every), settings.max_missing)
                progress.update(1)
    finally:
        sure = {
            _key(audio[clip_id]): count
            for clip_id, count in new.items()
            if clip_id not in absent and look_at(todo[clip_id]).stamp == audio[clip_id].stamp
        }
        _write(path, _read(path) | sure)
    return counts | new


def _look(data: Dataset, settings: EmbeddingSettings) -> dict[str, Audio]:
    return {clip.id: look_at(clip, settings.full_hash) for clip in data.every}


def _key(audio: Audio) -> str:
    return digest(audio.identity)


def _known(path: Path, audio: dict[str, Audio]) -> Counts:
    stored = _read(path)
    keys = {clip_id: _key(one) for clip_id, one in audio.items() if not one.absent}
    return {clip_id: stored[key] for clip_id, key in keys.items() if key in stored}


def _read(path: Path) -> Counts:
    """Read counts by digests of clips; of a file that is damaged, or has no digest, none."""
    try:
        content = read_note(path, _MOST_BYTES)
        counts: Counts = content["counts"]
        whole = content["digest"] == content_digest(counts, {})
        return counts if whole and all(map(_is_count, counts.values())) else {}
    except (OSError, *DAMAGES):
        return {}


def _is_count(count: object) -> bool:
    """Whether it is a number of windows, or the reason why there is none."""
    return isinstance(count, str) or (type(count) is int and 0 < count < _MOST)


def _write(path: Path, counts: Counts) -> None:
    content = {"counts": counts, "digest": content_digest(counts, {})}
    write_atomic(path, json.dumps(content, sort_keys=True).encode())


def _count(work: tuple[Clip, float, Path]) -> tuple[str, int | str, bool]:
    """Count the windows of one clip; runs in a worker, which may have been started elsewhere."""
    clip, window, folder = work
    if clip.path is not None:
        clip = replace(clip, path=folder / clip.path)
    return clip.id, *windows_of(clip, window)


def windows_of(clip: Clip, window: float) -> tuple[int | str, bool]:
    """Count the windows of a clip by decoding it, or say why there is none.

    Returns
    -------
    int or str, bool
        The number or the reason; and whether the reason is that the file cannot be read.
    """
    try:
        path = audio_path(clip)
        with quiet_decoders():
            return read_surely(
                path, lambda: count_windows(path, window, clip.start, clip.duration)
            ), False
    except UnusableClip as error:
        return str(error), isinstance(error, AbsentClip)
