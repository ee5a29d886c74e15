"""How many windows the clips of a dataset have, counted by decoding and kept.

Headers only guess the length of some formats, and the fixed batches of a model must
not depend on guesses; see `mirbench.benchmark.embedding.batches`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import Clip
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.embedding.store import clip_identity, read_facts
from mirbench.benchmark.embedding.worker import windows_of
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import bar

#: Number of windows of a clip by its id, or the reason why it has none.
Counts = dict[str, int | str]


def known_counts(data: Dataset, settings: EmbeddingSettings) -> Counts:
    """Read the counts that the store has for the audio files as they are now."""
    stored = read_facts(settings.store.window_counts(data.task))
    keys = {clip.id: _key(clip, settings) for clip in data.every}
    return {clip_id: stored[key] for clip_id, key in keys.items() if key in stored}


def windows_per_clip(data: Dataset, settings: EmbeddingSettings) -> Counts:
    """Count the windows of every clip; what the store does not know is decoded by workers."""
    task = data.task
    counts = known_counts(data, settings)
    todo = [clip for clip in data.every if clip.id not in counts]
    if task.window is None or not todo:
        return counts
    new: Counts = {}
    work = [(clip, task.window, Path.cwd()) for clip in todo]
    try:
        with (
            bar(f"counting windows of {task.folder}", len(todo), "clip") as progress,
            Workers(settings.workers) as workers,
        ):
            for clip_id, count in workers.unordered(_count, work):
                new[clip_id] = count
                progress.update(1)
    finally:
        path = settings.store.window_counts(task)
        added = {_key(clip, settings): new[clip.id] for clip in todo if clip.id in new}
        write_atomic(path, json.dumps(read_facts(path) | added, sort_keys=True).encode())
    return counts | new


def _key(clip: Clip, settings: EmbeddingSettings) -> str:
    return digest(clip_identity(clip, settings.full_hash))


def _count(work: tuple[Clip, float, Path]) -> tuple[str, int | str]:
    """Count the windows of one clip; runs in a worker, which may have been started elsewhere."""
    clip, window, folder = work
    if clip.path is not None:
        clip = replace(clip, path=folder / clip.path)
    return clip.id, windows_of(clip, window)
