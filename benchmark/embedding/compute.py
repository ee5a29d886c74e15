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

from mirbench.benchmark.api import DataError, IntArray, Task
from mirbench.benchmark.embedding.batches import batch_size_of, batches_of, merge_batches
from mirbench.benchmark.embedding.carried import carry_over
from mirbench.benchmark.embedding.embeddings import Embeddings, join_shards, pick_clips
from mirbench.benchmark.embedding.layers import leave_on_disk
from mirbench.benchmark.embedding.learn import learn_files, remember_files
from mirbench.benchmark.embedding.look import look_before
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.store import (
    Shard,
    ShardSpec,
    Store,
    add_notes,
    read_shard,
    write_shard,
)
from mirbench.benchmark.embedding.window_counts import windows_per_clip
from mirbench.benchmark.embedding.worker import (
    Chunk,
    Outcome,
    decode_chunk,
    embed_chunk,
    model_info,
)
from mirbench.benchmark.files.atomic import remove_stale_temporaries
from mirbench.benchmark.machine.workers import Workers
from mirbench.benchmark.progress import bar, say
from mirbench.benchmark.registry import RepresentationSpec

#: Clips that a worker is given at once.
CHUNK_CLIPS = 4

#: Clips that a GPU is given at once.
GPU_CHUNK_CLIPS = 8


def embed_task(pair: Pair, settings: EmbeddingSettings) -> Embeddings:
    """Embed the clips of a split, or read their embeddings from the store.

    Raises
    ------
    PluginError
        If the representation breaks the contract.
    """
    learn_files(pair, settings)
    size = batch_size_of(pair, settings)
    if size is None:
        store, data = settings.store, pair.data
        specs = store.shards_for(pair.fingerprint, data.task, data.clips, settings.full_hash)
    else:
        specs = batches_of(pair, settings, size, windows_per_clip(pair.data, settings))
    carry_over(pair, settings, specs)
    shards = [_stored(spec.path, leave=spec.rows is None) for spec in specs]
    absent = [spec for spec, shard in zip(specs, shards, strict=True) if shard is None]
    if absent:
        _announce(pair.spec)
        remove_stale_temporaries(absent[0].path.parent)
        look_before(pair, settings)
        new = dict(_compute(pair, settings, absent, sum(len(spec.clips) for spec in specs)))
        shards = [shard or new[spec.path] for spec, shard in zip(specs, shards, strict=True)]
    done = [shard for shard in shards if shard is not None]
    computed = len({clip.id for spec in absent for clip in spec.clips})
    if size is None:
        return join_shards(done, computed)
    every = join_shards([merge_batches(done)], computed)
    return pick_clips(every, [clip.id for clip in pair.data.clips])


def _compute(
    pair: Pair, settings: EmbeddingSettings, absent: Sequence[ShardSpec], total: int
) -> Iterator[tuple[Path, Shard]]:
    """Compute shards, and write each as soon as its last clip is done."""
    chunks = list(_chunks(pair, settings, absent))
    waiting = [len(spec.clips) for spec in absent]
    outcomes: list[list[Outcome]] = [[] for _ in absent]
    done = total - sum(waiting)
    files: set[Path] = set()
    title = f"embedding {pair.task.folder} with {pair.spec.label}"
    with bar(title, total, "clip", done) as progress:
        for outcome in _outcomes(chunks, settings):
            files |= outcome.files
            number = outcome.shard
            outcomes[number].append(outcome)
            count = len(outcome.rows) + len(outcome.missing)
            waiting[number] -= count
            progress.update(count)
            if waiting[number] == 0:
                spec = absent[number]
                shard = _to_shard(spec, outcomes[number])
                outcomes[number] = []
                write_shard(spec.path, shard)
                yield spec.path, _let_go(shard, spec.path, leave=spec.rows is None)
    remember_files(pair, files)


def _chunks(
    pair: Pair, settings: EmbeddingSettings, absent: Sequence[ShardSpec]
) -> Iterator[Chunk]:
    """Cut shards into what a worker is given at once; a batch is one piece."""
    model = pair.model(settings.device)
    at_once = CHUNK_CLIPS if settings.on_cpu else GPU_CHUNK_CLIPS
    for number, spec in enumerate(absent):
        clips, pieces = spec.clips, [spec.clips]
        if spec.rows is None:
            starts = range(0, len(clips), at_once)
            pieces = [clips[start : start + at_once] for start in starts]
        for piece in pieces:
            yield Chunk(model, pair.task.window, piece, shard=number, rows=spec.rows)


def _outcomes(chunks: Sequence[Chunk], settings: EmbeddingSettings) -> Iterator[Outcome]:
    """Embed chunks, by workers each with its own model; or by one model, with audio decoded ahead.

    The second is for a GPU, whose memory has room for one model.
    """
    with Workers(settings.workers) as workers:
        if settings.on_cpu:
            yield from workers.unordered(embed_chunk, chunks)
            return
        info = model_info((chunks[0].model, chunks[0].folder))
        work = [(chunk, info) for chunk in chunks]
        audio = workers.ahead(decode_chunk, work, settings.workers + 1)
        for chunk, decoded in zip(chunks, audio, strict=True):
            yield embed_chunk(chunk, decoded)


def _stored(path: Path, leave: bool = True) -> Shard | None:
    shard = read_shard(path, say)
    return None if shard is None else _let_go(shard, path, leave)


def _let_go(shard: Shard, path: Path, leave: bool) -> Shard:
    """Leave layers on disk; but the rows of batches have yet to be put together."""
    if not leave:
        return shard
    return replace(shard, embedding=leave_on_disk(path, shard.embedding))


def _to_shard(spec: ShardSpec, outcomes: Sequence[Outcome]) -> Shard:
    rows = {clip_id: row for outcome in outcomes for clip_id, row in outcome.rows.items()}
    missing = {clip_id: why for outcome in outcomes for clip_id, why in outcome.missing.items()}
    missing |= spec.missing
    ids = (*(clip.id for clip in spec.clips), *spec.missing)
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
        window=_window_numbers(spec, [place for place, _ in present]),
        notes=add_notes(outcome.notes for outcome in outcomes),
    )


def _window_numbers(spec: ShardSpec, places: Sequence[int]) -> IntArray | None:
    """Which window each row of a batch's shard is, where the clips at `places` have rows."""
    if spec.rows is None:
        return None
    ordered = [window for place in places for at, window in sorted(spec.rows) if at == place]
    return np.array(ordered, dtype=np.int64)


def stored_embeddings(
    spec: RepresentationSpec, task: Task, clip_ids: Sequence[str], store: Store
) -> Embeddings:
    """Read the newest embeddings that the store has for clips, whatever their audio is now.

    Parameters
    ----------
    spec : RepresentationSpec
    task : Task
    clip_ids : sequence of str
        The clips, in any order.
    store : Store

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
