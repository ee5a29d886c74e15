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

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import Clip, window_id
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.shard_spec import ShardSpec, look_at
from mirbench.benchmark.embedding.store import (
    Shard,
    Store,
    add_notes,
    join_made_with,
)
from mirbench.benchmark.embedding.window_counts import Counts
from mirbench.benchmark.embedding.worker import model_info
from mirbench.benchmark.files.atomic import write_atomic
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.files.foreign import DAMAGES
from mirbench.benchmark.files.strict_json import read_note
from mirbench.benchmark.machine.collector import without_collecting

#: A row of a batch: its clip and which window of it.
BatchRow = tuple[Clip, int]


def batch_size_of(pair: Pair, settings: EmbeddingSettings) -> int | None:
    """Find the size of a model's fixed batches; None if it embeds every clip by itself.

    Where the store does not know the size, the workers load the model, and keep it, to
    find out.
    """
    known, size = known_batch_size(pair.fingerprint, settings.store)
    if not known:
        with settings.model_workers() as workers:
            work = [(pair.model(settings.device), str(Path.cwd()))] * workers.count
            info, *_ = workers.unordered(model_info, work)
        size = info.fixed_batch
        remember_batch_size(pair, settings.store, size)
    return size


def remember_batch_size(pair: Pair, store: Store, size: int | None) -> None:
    """Keep the size of a model's fixed batches; None if it embeds every clip by itself.

    Beside it stands what the representation is called, for people.
    """
    facts = {"batch_size": size, "label": pair.spec.label}
    write_atomic(store.model_facts(pair.fingerprint), json.dumps(facts).encode())


def known_batch_size(fingerprint: str, store: Store) -> tuple[bool, int | None]:
    """Say whether the store knows the size of a model's fixed batches, and that size.

    Nothing is computed by what it says alone: see `mirbench.benchmark.embedding.compute`.
    """
    try:
        size = read_note(store.model_facts(fingerprint))["batch_size"]
    except (OSError, *DAMAGES):
        return False, None
    if size is not None and (type(size) is not int or size < 1):
        return False, None
    return True, size


@without_collecting()
def batches_of(
    pair: Pair, settings: EmbeddingSettings, size: int, counts: Counts
) -> list[ShardSpec]:
    """Say which shards hold the batches of a dataset.

    Parameters
    ----------
    pair : Pair
        Its whole dataset is divided into batches, whatever the split.
    settings : EmbeddingSettings
    size : int
        Rows of a batch; the last may have fewer.
    counts : dict
        Those of `windows_per_clip`; not looked at for a task without windows.
    """
    ordered, missing = _order(pair.data, counts)
    names = [window_id(clip.id, window) for clip, window in ordered]
    partition = digest([size, names, sorted(missing)])
    folder = settings.store.batches(pair.fingerprint, pair.task, partition)
    batches = [ordered[first : first + size] for first in range(0, len(ordered), size)]
    if missing and not batches:
        batches = [[]]
    shards = []
    for number, rows in enumerate(batches):
        clips = {clip.id: clip for clip, _ in rows}
        places = {clip_id: place for place, clip_id in enumerate(clips)}
        without = missing if number == 0 else {}
        shards.append(
            ShardSpec(
                folder,
                number,
                tuple(clips.values()),
                tuple(look_at(clip, settings.full_hash) for clip in clips.values()),
                tuple((places[clip.id], window) for clip, window in rows),
                without,
            )
        )
    return shards


def _order(data: Dataset, counts: Counts) -> tuple[list[BatchRow], dict[str, str]]:
    """Put all rows into the order of the batches; and name the clips that have none."""
    task = data.task
    named: list[tuple[str, str, int, Clip]] = []
    missing: dict[str, str] = {}
    for clip in sorted(data.every, key=lambda clip: clip.id):
        count = counts[clip.id] if task.window is not None else 1
        if isinstance(count, str):
            missing[clip.id] = count
            continue
        for window in range(count):
            row_id = window_id(clip.id, window if task.window else None)
            named.append((task.stem(row_id), clip.id, window, clip))
    named.sort(key=lambda row: row[:3])
    random.Random(0).shuffle(named)
    return [(clip, window) for _, _, window, clip in named], missing


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
    return Shard(
        clip_ids=tuple(ids),
        embedding=np.stack([row for *_, row in rows]) if rows else np.zeros((0, 0), np.float32),
        clip=np.array([number for number, *_ in rows], dtype=np.int64),
        missing=missing,
        seconds=sum(shard.seconds for shard in shards),
        peak_bytes=max((shard.peak_bytes for shard in shards), default=0),
        layers=next((shard.layers for shard in shards if shard.layers), ()),
        made_with=join_made_with(shard.made_with for shard in shards),
        window=np.array([window for _, window, _ in rows], dtype=np.int64),
        notes=add_notes(shard.notes for shard in shards),
    )
