"""Clips × representation → embeddings in the store.

What the store has is read, the rest is computed by local workers and written
shard by shard; a run that is killed goes on where it was.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import (
    Clip,
    DataError,
    IntArray,
    Task,
)
from mirbench.benchmark.embedding.batches import (
    batch_size_of,
    count_windows,
    merge_batches,
    plan_batches,
)
from mirbench.benchmark.embedding.embeddings import Embeddings, join_shards, pick_clips
from mirbench.benchmark.embedding.layers import leave_on_disk
from mirbench.benchmark.embedding.store import (
    Shard,
    ShardPlan,
    Store,
    add_notes,
    read_shard,
    write_shard,
)
from mirbench.benchmark.embedding.worker import (
    Chunk,
    Outcome,
    decode_chunk,
    embed_chunk,
    model_info,
)
from mirbench.benchmark.files.atomic import remove_stale_temporaries
from mirbench.benchmark.machine.device import free_cpus
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import bar, say
from mirbench.benchmark.registry import RepresentationSpec

#: Clips that a worker is given at once.
CHUNK_CLIPS = 4

#: Clips that a GPU is given at once.
GPU_CHUNK_CLIPS = 8

#: Most processes that decode ahead of a GPU by default.
DECODERS = 8


def embed_task(
    spec: RepresentationSpec,
    task: Task,
    clips: Sequence[Clip],
    store: Store,
    device: str = "cpu",
    jobs: int | None = None,
    full_hash: bool = False,
    dataset: Sequence[Clip] | None = None,
) -> Embeddings:
    """Embed clips of a task, or read their embeddings from the store.

    Parameters
    ----------
    jobs : int, optional
        Worker processes; default: one a processor. On a GPU, which this
        process alone uses, they decode ahead of it.
    full_hash : bool
        Know audio files by content instead of size and time of modification.
    dataset : sequence of Clip, optional
        All clips of the dataset, over which the batches of a model that
        depends on them are formed; default: `clips`.

    Raises
    ------
    PluginError
        If the representation breaks the contract.
    """
    fingerprint = spec.fingerprint()
    jobs = jobs or (free_cpus() if device == "cpu" else min(DECODERS, free_cpus()))
    every = clips if dataset is None else dataset
    model = Chunk(spec.text, fingerprint, device, task.window, (), 0, cache=spec.cache)
    size = batch_size_of(model, store, jobs if device == "cpu" else 1)
    if size is None:
        plans = store.plan(fingerprint, task, clips, full_hash)
    else:
        counts = count_windows(task, every, store, jobs, full_hash)
        plans = plan_batches(fingerprint, task, every, store, size, counts, full_hash)
    shards = {number: _stored(plan.path, plan.rows is None) for number, plan in enumerate(plans)}
    todo = [number for number, shard in shards.items() if shard is None]
    if todo:
        _announce(spec)
        remove_stale_temporaries(plans[0].path.parent)
        _compute(spec, fingerprint, task, plans, todo, shards, device, jobs)
    done = [shard for shard in shards.values() if shard is not None]
    computed = len({clip.id for number in todo for clip in plans[number].clips})
    if size is None:
        return join_shards(done, computed)
    return pick_clips(join_shards([merge_batches(done)], computed), [clip.id for clip in clips])


def _compute(
    spec: RepresentationSpec,
    fingerprint: str,
    task: Task,
    plans: Sequence[ShardPlan],
    todo: Sequence[int],
    shards: dict[int, Shard | None],
    device: str,
    jobs: int,
) -> None:
    chunks = [
        Chunk(
            representation=spec.text,
            fingerprint=fingerprint,
            device=device,
            window=task.window,
            clips=clips,
            shard=number,
            rows=plans[number].rows,
            cache=spec.cache,
        )
        for number in todo
        for clips in _pieces(plans[number], CHUNK_CLIPS if device == "cpu" else GPU_CHUNK_CLIPS)
    ]
    waiting = {number: len(plans[number].clips) for number in todo}
    outcomes: dict[int, list[Outcome]] = {number: [] for number in todo}
    total = sum(len(plan.clips) for plan in plans)
    done = total - sum(waiting.values())
    with bar(f"embedding {task.folder} with {spec.label}", total, "clip", done) as progress:
        for outcome in _outcomes(chunks, device, jobs):
            number = outcome.shard
            outcomes[number].append(outcome)
            count = len(outcome.rows) + len(outcome.missing)
            waiting[number] -= count
            progress.update(count)
            if waiting[number] == 0:
                shard = _to_shard(plans[number], outcomes.pop(number))
                write_shard(plans[number].path, shard)
                shards[number] = _let_go(shard, plans[number].path, plans[number].rows is None)


def _stored(path: Path, leave: bool = True) -> Shard | None:
    shard = read_shard(path, say)
    return None if shard is None else _let_go(shard, path, leave)


def _let_go(shard: Shard, path: Path, leave: bool) -> Shard:
    """Leave layers on disk; but the rows of batches have yet to be put together."""
    if not leave:
        return shard
    return replace(shard, embedding=leave_on_disk(path, shard.embedding))


def _outcomes(chunks: Sequence[Chunk], device: str, jobs: int) -> Iterator[Outcome]:
    """Embed chunks, by workers each with its own model; or by one model, with audio decoded ahead.

    The second is for a GPU, whose memory has room for one model.
    """
    if device == "cpu":
        with Workers(jobs) as workers:
            yield from workers.unordered(embed_chunk, chunks)
        return
    info = model_info(chunks[0])
    work = [(chunk, info) for chunk in chunks]
    with Workers(jobs) as workers:
        ahead = workers.ahead(decode_chunk, work, jobs + 1)
        for chunk, decoded in zip(chunks, ahead, strict=True):
            yield embed_chunk(chunk, decoded)


def _pieces(plan: ShardPlan, count: int) -> Iterator[tuple[Clip, ...]]:
    """Cut the clips of a shard into what a worker is given at once; a batch is one piece."""
    if plan.rows is not None:
        yield plan.clips
        return
    for first in range(0, len(plan.clips), count):
        yield plan.clips[first : first + count]


def _to_shard(plan: ShardPlan, outcomes: Sequence[Outcome]) -> Shard:
    rows = {clip_id: row for outcome in outcomes for clip_id, row in outcome.rows.items()}
    missing = {clip_id: why for outcome in outcomes for clip_id, why in outcome.missing.items()}
    missing |= plan.missing
    ids = (*(clip.id for clip in plan.clips), *plan.missing)
    present = [(place, rows[clip_id]) for place, clip_id in enumerate(ids) if clip_id in rows]
    embedding = np.concatenate([row for _, row in present]) if present else np.zeros((0, 0))
    return Shard(
        clip_ids=ids,
        embedding=embedding.astype(np.float32, copy=False),
        clip=np.repeat([place for place, _ in present], [len(row) for _, row in present]).astype(
            np.int64
        ),
        missing={clip_id: missing[clip_id] for clip_id in ids if clip_id in missing},
        seconds=sum(outcome.seconds for outcome in outcomes),
        peak_bytes=max(outcome.peak_bytes for outcome in outcomes),
        layers=outcomes[0].layers,
        made_with=outcomes[0].made_with,
        window=_window_numbers(plan, [place for place, _ in present]),
        notes=add_notes(outcome.notes for outcome in outcomes),
    )


def _window_numbers(plan: ShardPlan, places: Sequence[int]) -> IntArray | None:
    """Which window each row of a batch's shard is, where the clips at `places` have rows."""
    if plan.rows is None:
        return None
    ordered = [window for place in places for at, window in sorted(plan.rows) if at == place]
    return np.array(ordered, dtype=np.int64)


def stored_embeddings(
    spec: RepresentationSpec, task: Task, clip_ids: Sequence[str], store: Store
) -> Embeddings:
    """Give the newest embeddings that the store has for clips, whatever their audio is now.

    Raises
    ------
    DataError
        If it has none at all.
    """
    paths = store.all_shards(spec.fingerprint(), task)
    shards = [shard for path in paths if (shard := _stored(path)) is not None]
    paths = store.newest_batches(spec.fingerprint(), task)
    batches = [shard for path in paths if (shard := read_shard(path, say)) is not None]
    if batches:
        shards.append(merge_batches(batches))
    if not shards:
        none = f"the store has no embeddings of {spec.label!r} for task {task.name!r}"
        if spec.weights is not None and not spec.weights_sha256:
            raise DataError(
                f"{none}, and finds none without {spec.weights.note}, which says what its weights "
                "were made from: copy that from where the embeddings were computed, or run: "
                f"{spec.weights.command('fetch')}"
            )
        raise DataError(
            f"{none}; run: mirbench embed --rep {shlex.quote(spec.text)} --task {task.name}"
        )
    return pick_clips(join_shards(shards), clip_ids)


def _announce(spec: RepresentationSpec) -> None:
    if "librosa" in spec.requires and not _librosa_is_compiled():
        say(
            "librosa compiles its functions on first use in a new environment: about a minute, once"
        )


def _librosa_is_compiled() -> bool:
    found = importlib.util.find_spec("librosa")
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    if os.environ.get("NUMBA_CACHE_DIR"):
        folders.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    return any(next(folder.rglob("*.nbi"), None) is not None for folder in folders)
