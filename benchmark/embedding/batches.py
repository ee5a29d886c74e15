"""Fixed batches, for models whose embeddings depend on the other clips of a batch.

Such a model (CHOI, whose batch normalisation takes the statistics of the
batch) would give other embeddings with other batches. So they are fixed, as
in Castellon et al. (ISMIR 2021): all clips of the dataset, whatever the split,
sorted by name (`Task.stem`) and shuffled with Python's seed 0, then cut into
consecutive batches of the model's ``batch_size``. In a task with windows every
window is a clip of its own. One batch is one shard and is computed in one
piece, so that neither workers nor a run that is killed can change it.

A batch is made of names, before anything is decoded. A clip that cannot be
decoded leaves its batch smaller and all others as they are; the same clip
mended changes that one batch again. A shard is named by the audio files of
its whole batch, and lies in a folder named by all batches, so that it is never
taken for that of other company. Windows must be counted first, by decoding;
the counts are kept, and where one changes, every batch does.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import Clip, Task
from mirbench.benchmark.embedding.store import Shard, ShardPlan, Store, add_notes, clip_identity
from mirbench.benchmark.embedding.worker import Chunk, model_info, windows_of
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import bar

#: Number of windows of a clip by its id, or the reason why it has none.
Counts = dict[str, int | str]

#: A row of a batch: its clip and which window of it.
Row = tuple[Clip, int]


def batch_size_of(model: Chunk, store: Store, jobs: int) -> int | None:
    """Give the size of a model's fixed batches; None if it embeds every clip by itself.

    Parameters
    ----------
    model : Chunk
        Work for the model, as the workers get it. Where the store does not
        know the size, the workers load the model, and keep it, to find out.
    """
    known, size = known_batch_size(model.fingerprint, store)
    if not known:
        with Workers(jobs) as workers:
            info, *_ = workers.unordered(model_info, [model] * jobs)
        size = info.batch_size if info.batch_dependent else None
        facts = json.dumps({"batch_size": size})
        write_atomic(store.model_facts(model.fingerprint), facts.encode())
    return size


def known_batch_size(fingerprint: str, store: Store) -> tuple[bool, int | None]:
    """Say whether the store knows the size of a model's fixed batches, and that size."""
    facts = _read_json(store.model_facts(fingerprint))
    return "batch_size" in facts, facts.get("batch_size")


def plan_batches(
    fingerprint: str,
    task: Task,
    dataset: Sequence[Clip],
    store: Store,
    size: int,
    counts: Counts,
    full_hash: bool = False,
) -> list[ShardPlan]:
    """Say which shards hold the batches of a dataset.

    Parameters
    ----------
    counts : dict
        Those of `count_windows`; not looked at for a task without windows.
    """
    ordered, missing = _order(task, dataset, counts)
    names = [f"{clip.id}-{window}" for clip, window in ordered]
    folder = store.batches(fingerprint, task, digest([size, names, sorted(missing)]))
    batches = [ordered[first : first + size] for first in range(0, len(ordered), size)]
    if missing and not batches:
        batches = [[]]
    plans = []
    for number, rows in enumerate(batches):
        clips = {clip.id: clip for clip, _ in rows}
        places = {clip_id: place for place, clip_id in enumerate(clips)}
        without = missing if number == 0 else {}
        files = {clip.id: clip_identity(clip, full_hash) for clip in clips.values()}
        key = digest([[[*files[clip.id], window] for clip, window in rows], without])
        plans.append(
            ShardPlan(
                folder / f"{number:05d}-{key}.safetensors",
                tuple(clips.values()),
                tuple((places[clip.id], window) for clip, window in rows),
                without,
            )
        )
    return plans


def _order(task: Task, dataset: Sequence[Clip], counts: Counts) -> tuple[list[Row], dict[str, str]]:
    """Give all rows in the order of the batches, and the clips that have none."""
    named: list[tuple[str, str, int, Clip]] = []
    missing: dict[str, str] = {}
    for clip in sorted(dataset, key=lambda clip: clip.id):
        count = counts[clip.id] if task.window is not None else 1
        if isinstance(count, str):
            missing[clip.id] = count
            continue
        for window in range(count):
            row_id = clip.id if task.window is None else f"{clip.id}-{window}"
            named.append((task.stem(row_id), clip.id, window, clip))
    named.sort(key=lambda row: row[:3])
    random.Random(0).shuffle(named)
    return [(clip, window) for _, _, window, clip in named], missing


def known_counts(task: Task, dataset: Sequence[Clip], store: Store, full_hash: bool) -> Counts:
    """Give the counts of windows that the store has for the audio files as they are now."""
    stored = _read_json(store.window_counts(task))
    keys = {clip.id: digest(clip_identity(clip, full_hash)) for clip in dataset}
    return {clip_id: stored[key] for clip_id, key in keys.items() if key in stored}


def count_windows(
    task: Task, dataset: Sequence[Clip], store: Store, jobs: int, full_hash: bool = False
) -> Counts:
    """Count the windows of every clip; what the store does not know is decoded by workers."""
    counts = known_counts(task, dataset, store, full_hash)
    todo = [clip for clip in dataset if clip.id not in counts]
    if task.window is None or not todo:
        return counts
    found: Counts = {}
    work = [(clip, task.window, Path.cwd()) for clip in todo]
    try:
        with (
            bar(f"counting windows of {task.folder}", len(todo), "clip") as progress,
            Workers(jobs) as workers,
        ):
            for clip_id, count in workers.unordered(_count, work):
                found[clip_id] = count
                progress.update(1)
    finally:
        path = store.window_counts(task)
        new = {
            digest(clip_identity(clip, full_hash)): found[clip.id]
            for clip in todo
            if clip.id in found
        }
        write_atomic(path, json.dumps(_read_json(path) | new, sort_keys=True).encode())
    return counts | found


def _count(work: tuple[Clip, float, Path]) -> tuple[str, int | str]:
    """Count the windows of one clip; runs in a worker, which may have been started elsewhere."""
    clip, window, folder = work
    if clip.path is not None:
        clip = replace(clip, path=folder / clip.path)
    return clip.id, windows_of(clip, window)


def merge_batches(shards: Sequence[Shard]) -> Shard:
    """Put the rows of batches together by clip and window; a clip lacking any row has none."""
    missing = {clip_id: why for shard in shards for clip_id, why in shard.missing.items()}
    ids = sorted({clip_id for shard in shards for clip_id in shard.clip_ids})
    rank = {clip_id: number for number, clip_id in enumerate(ids)}
    rows = [
        (rank[shard.clip_ids[number]], int(window), embedding[place])
        for shard in shards
        if shard.window is not None
        for embedding in [np.asarray(shard.embedding)]
        for place, (number, window) in enumerate(zip(shard.clip, shard.window, strict=True))
        if shard.clip_ids[number] not in missing
    ]
    rows.sort(key=lambda row: row[:2])
    facts = sorted({pair for shard in shards for pair in shard.made_with.items()})
    return Shard(
        clip_ids=tuple(ids),
        embedding=np.stack([row for *_, row in rows]) if rows else np.zeros((0, 0), np.float32),
        clip=np.array([number for number, *_ in rows], dtype=np.int64),
        missing=missing,
        seconds=sum(shard.seconds for shard in shards),
        peak_bytes=max((shard.peak_bytes for shard in shards), default=0),
        layers=next((shard.layers for shard in shards if shard.layers), ()),
        made_with={
            key: ", ".join(value for _, value in pairs)
            for key, pairs in itertools.groupby(facts, key=lambda pair: pair[0])
        },
        window=np.array([window for _, window, _ in rows], dtype=np.int64),
        notes=add_notes(shard.notes for shard in shards),
    )


def _read_json(path: Path) -> dict[str, Any]:
    """Read what is remembered; a file that is absent or damaged is as good as empty."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
