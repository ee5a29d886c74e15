"""Clips × representation → embeddings in the store.

What the store has is read, the rest is computed by local workers and written
shard by shard; a run that is killed goes on where it was.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mirbench.benchmark.api import DataError, Task
from mirbench.benchmark.embedding.batches import (
    batch_size_of,
    batches_of,
    merge_batches,
    remember_batch_size,
)
from mirbench.benchmark.embedding.carried import carry_over
from mirbench.benchmark.embedding.complete import of_complete_split
from mirbench.benchmark.embedding.embeddings import Embeddings, join_shards, pick_clips
from mirbench.benchmark.embedding.first_use import announce, keep_compiled
from mirbench.benchmark.embedding.layers import leave_on_disk
from mirbench.benchmark.embedding.learn import learn_files
from mirbench.benchmark.embedding.look import look_before
from mirbench.benchmark.embedding.making import OtherBatches, ShardMaker
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.parts import remove_empty_parts
from mirbench.benchmark.embedding.shard_spec import ShardSpec
from mirbench.benchmark.embedding.store import Shard, Store, read_shard
from mirbench.benchmark.embedding.stored import stored_shard
from mirbench.benchmark.embedding.verdicts import what_was_found
from mirbench.benchmark.embedding.window_counts import windows_per_clip
from mirbench.benchmark.machine.share import Share
from mirbench.benchmark.progress import count, say
from mirbench.benchmark.registry import RepresentationSpec, task_argument


def embed_task(pair: Pair, settings: EmbeddingSettings) -> Embeddings:
    """Embed the clips of a split, or read their embeddings from the store.

    Raises
    ------
    PluginError
        If the representation breaks the contract.
    DataError
        If the files of many clips cannot be read, or a file changes all the time.
    """
    done = _embed_surely(pair, settings, None)
    assert done is not None
    return _with_facts(done, settings.store, pair.fingerprint, pair.task)


def _with_facts(done: Embeddings, store: Store, fingerprint: str, task: Task) -> Embeddings:
    """Add what is known of the model, and the name of the task."""
    devices = filter(None, done.made_with.get("device", "").split(", "))
    found = what_was_found(store, fingerprint, devices)
    return replace(done, checked=found, task=task.name)


def embed_share(pair: Pair, settings: EmbeddingSettings, share: Share) -> Embeddings | None:
    """Embed a share of the clips, whatever becomes of the others; what is left is said.

    Parameters
    ----------
    pair : Pair
    settings : EmbeddingSettings
    share : Share
        Of the parts into which shards are cut, or of the shards of a large task.

    Returns
    -------
    Embeddings or None
        Those of all clips, if all are in the store by now.

    Raises
    ------
    PluginError, DataError
        As `embed_task`.
    """
    done = _embed_surely(pair, settings, share)
    if done is None:
        return None
    return _with_facts(done, settings.store, pair.fingerprint, pair.task)


def _embed_surely(
    pair: Pair, settings: EmbeddingSettings, share: Share | None
) -> Embeddings | None:
    """Embed what is asked for; once more if the model says another size of its batches."""
    keep_compiled(settings.store.cache)
    learn_files(pair, settings)
    size = batch_size_of(pair, settings)
    try:
        return _embed(pair, settings, size, share)
    except OtherBatches as error:
        size = error.size
    say(f"{settings.store.model_facts(pair.fingerprint)} is damaged; it is written again")
    remember_batch_size(pair, settings.store, size)
    return _embed(pair, settings, size, share)


def _embed(
    pair: Pair, settings: EmbeddingSettings, size: int | None, share: Share | None
) -> Embeddings | None:
    if size is None:
        store, data = settings.store, pair.data
        found = of_complete_split(pair, settings) if data.limit is not None else None
        if found is not None:
            return found
        specs = store.shards_for(pair.fingerprint, data.task, data.clips, settings.full_hash)
    else:
        specs = batches_of(pair, settings, size, windows_per_clip(pair.data, settings))
        if pair.data.limit is not None:
            asked = {clip.id for clip in pair.data.clips}
            specs = [spec for spec in specs if not asked.isdisjoint(spec.clip_ids)]
    maker = ShardMaker(pair, settings, size, specs, share)
    carry_over(pair, settings, list(maker.own.values()))
    shards = _stored(maker.own)
    todo = {n: spec for n, spec in maker.own.items() if n not in shards}
    if todo:
        announce(pair.spec)
        look_before(pair, settings)
        shards |= maker.make(todo)
    if share is not None:
        others = {n: spec for n, spec in enumerate(specs) if n not in shards}
        if all(spec.path.exists() for spec in others.values()):
            shards |= _stored(others)
        _tell_what_is_left(pair, share, [s for n, s in enumerate(specs) if n not in shards])
        if len(shards) < len(specs):
            return None
        for folder in {spec.folder for spec in specs}:
            remove_empty_parts(folder)
    done = [shards[n] for n in range(len(specs))]
    if size is None:
        return join_shards(done, len(maker.computed))
    every = join_shards([merge_batches(done)], len(maker.computed))
    return pick_clips(every, [clip.id for clip in pair.data.clips])


def _stored(specs: Mapping[int, ShardSpec]) -> dict[int, Shard]:
    """Read the shards that are in the store."""
    found = ((n, stored_shard(spec)) for n, spec in specs.items())
    return {n: shard for n, shard in found if shard is not None}


def _tell_what_is_left(pair: Pair, share: Share, left: Sequence[ShardSpec]) -> None:
    """Say that a share is done, and of how many clips the shards are not whole."""
    clips = len({clip.id for spec in left for clip in spec.clips})
    of = f"part {share} of embedding {pair.task.name} with {pair.spec.label} is done"
    if not left:
        say(f"{of}, and all is in the store")
        return
    say(f"{of}; shards of {count(clips, 'clip')} wait for other parts")


def stored_embeddings(
    spec: RepresentationSpec, task: Task, clip_ids: Sequence[str], store: Store
) -> Embeddings:
    """Read the newest embeddings that the store has for clips, whatever their audio is now.

    Parameters
    ----------
    spec : RepresentationSpec
    task : Task
    clip_ids : sequence of str
        Those that the store lacks are missing from what is returned.
    store : Store

    Raises
    ------
    DataError
        If it has none at all.
    """
    paths = store.all_shards(spec.fingerprint(), task)
    shards = [
        replace(shard, embedding=leave_on_disk(path, shard.embedding))
        for path in paths
        if (shard := read_shard(path, say)) is not None
    ]
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
            f"{none}; run: mirbench embed --rep {shlex.quote(spec.text)} "
            f"--task {shlex.quote(task_argument(task))}"
        )
    done = pick_clips(join_shards(shards), clip_ids)
    return _with_facts(done, store, spec.fingerprint(), task)
