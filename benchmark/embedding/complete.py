"""Embeddings of a few clips, read from the shards of the complete split if those are there."""

from __future__ import annotations

from dataclasses import replace

from mirbench.benchmark.embedding.embeddings import Embeddings, join_shards, pick_clips
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.stored import stored_shard


def of_complete_split(pair: Pair, settings: EmbeddingSettings) -> Embeddings | None:
    """Read what a run on the complete split has stored; None if some of it is not there.

    Also None where the representation remarked on rows: whether on these is not known.

    Parameters
    ----------
    pair : Pair
        With a limited dataset, on a representation without fixed batches.
    settings : EmbeddingSettings
    """
    store, data = settings.store, pair.data
    if not store.all_shards(pair.fingerprint, data.task):
        return None
    wanted = [clip.id for clip in data.clips]
    every = store.shards_for(pair.fingerprint, data.task, data.complete, settings.full_hash)
    specs = [spec for spec in every if not set(wanted).isdisjoint(spec.clip_ids)]
    if not all(spec.path.exists() for spec in specs):
        return None
    shards = [shard for spec in specs if (shard := stored_shard(spec)) is not None]
    if len(shards) < len(specs) or any(shard.notes for shard in shards):
        return None
    joined = join_shards(shards)
    share = len(wanted) / len(joined.clip_ids)
    return replace(pick_clips(joined, wanted), seconds=joined.seconds * share)
