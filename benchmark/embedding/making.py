"""Shards that are computed now: by workers, part by part, together with other runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import Clip, DataError, PluginError
from mirbench.benchmark.embedding.absent import check_absent, describe
from mirbench.benchmark.embedding.learn import remember_files
from mirbench.benchmark.embedding.outcomes import outcomes_of
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.parts import (
    Part,
    UnfinishedShard,
    clips_of_a_part,
    join_parts,
    parts_of_share,
    remove_empty_parts,
    remove_leftovers,
)
from mirbench.benchmark.embedding.shard_spec import ShardSpec
from mirbench.benchmark.embedding.store import Shard, write_shard
from mirbench.benchmark.embedding.stored import let_go, stored_shard
from mirbench.benchmark.embedding.taking import take_parts, tell_who_is_at_it
from mirbench.benchmark.embedding.worker import Chunk
from mirbench.benchmark.files.claims import LOOKED_AT_EVERY, Claims
from mirbench.benchmark.machine.share import Share
from mirbench.benchmark.progress import bar, say

#: Clips that a worker is given at once.
CHUNK_CLIPS = 4

#: Clips that a GPU is given at once.
GPU_CHUNK_CLIPS = 8


class OtherBatches(Exception):
    """The model says another size of its batches than the store."""

    def __init__(self, size: int | None) -> None:
        self.size = size


class ShardMaker:
    """Shards being computed, and what is seen of their audio files meanwhile.

    A shard is stored under a name that says which of its clips' files could be read. So one
    with an absent file is found again only while that is absent; and one of which a file
    changed while it was computed is not stored, but computed once more.

    Parameters
    ----------
    pair : Pair
    settings : EmbeddingSettings
    size : int or None
        What the model should say of its fixed batches.
    specs : sequence of ShardSpec
        All shards of the task, those in the store included.
    share : Share, optional
        What this run computes of them; default: all that is lacking.

    Attributes
    ----------
    own : dict
        The shards of which parts belong to the share, by their numbers.
    computed : set of str
        Ids of the clips that were embedded.
    """

    def __init__(
        self,
        pair: Pair,
        settings: EmbeddingSettings,
        size: int | None,
        specs: Sequence[ShardSpec],
        share: Share | None = None,
    ) -> None:
        self._pair, self._settings, self._size, self._share = pair, settings, size, share
        self._absent: dict[str, Clip] = {}
        self._changed: list[Clip] = []
        self._files: set[Path] = set()
        self._at_once = CHUNK_CLIPS if settings.on_cpu else GPU_CHUNK_CLIPS
        every = {clip.id for spec in specs for clip in spec.clips}
        self._every = len(every)
        self._part_clips = clips_of_a_part(len(every), CHUNK_CLIPS)
        parts = ((n, spec, self._part_clips) for n, spec in enumerate(specs))
        self.own = {part[0]: part[1] for part in parts if parts_of_share(*part, share)}
        self._clips = len({clip.id for spec in self.own.values() for clip in spec.clips})
        self.computed: set[str] = set()

    def make(self, specs: Mapping[int, ShardSpec]) -> dict[int, Shard]:
        """Compute shards, by their numbers among those of the task.

        Of a share only those come that are whole by its end, by the doing of others too.

        Raises
        ------
        OtherBatches
            If the model says another size of its batches.
        DataError
            If the files of many clips cannot be read, or a file changes all the time.
        """
        made: dict[int, Shard] = {}
        again = self._make(specs, made)
        if again:
            say(f"{len(again)} shards are computed once more, since audio files changed meanwhile")
            self._changed = []
            self._make(again, made)
            if self._changed and not made.keys() >= again.keys():
                raise DataError(
                    f"{self._changed[0].path} was changed while it was embedded, and so was a file "
                    "of the same shard when it was embedded again; run the same command when "
                    "nothing writes there any more"
                )
        if self._absent:
            say(
                f"{describe(self._absent, self._every)}: these clips are missing now, and are "
                "looked for again by the next run"
            )
        return made

    def _make(self, specs: Mapping[int, ShardSpec], made: dict[int, Shard]) -> dict[int, ShardSpec]:
        """Compute shards into `made`; returns those to compute again, as their files are now."""
        todo: dict[int, ShardSpec] = {}
        for number, spec in specs.items():
            for clip in spec.clips:
                self._absent.pop(clip.id, None)
            readable = spec.without_unreadable()
            shard = stored_shard(readable) if readable.path != spec.path else None
            self._absent |= {clip.id: clip for clip in readable.absent}
            if shard is None:
                todo[number] = readable
            else:
                made[number] = shard
        check_absent(self._absent, self._every, self._settings.max_missing)
        if not todo:
            return {}
        changed: dict[int, ShardSpec] = {}
        for number, spec, shard in self._compute(todo):
            if shard is None:
                changed[number] = spec
            else:
                made[number] = shard
                if spec.path != todo[number].path:
                    changed[number] = spec
        now = {n: spec.look_again(self._settings.full_hash) for n, spec in changed.items()}
        return {
            n: spec
            for n, spec in now.items()
            if n not in made or spec.without_unreadable().path != changed[n].path
        }

    def _compute(
        self, specs: Mapping[int, ShardSpec]
    ) -> Iterator[tuple[int, ShardSpec, Shard | None]]:
        """Compute shards together with other runs, and write each as soon as all of it is there.

        Each comes with its name by what could be read, or is None if that changed meanwhile.
        """
        pair, settings = self._pair, self._settings
        size, share = self._part_clips, self._share
        left = {n: UnfinishedShard(n, spec, size, share) for n, spec in specs.items()}
        folder = next(iter(specs.values())).folder
        if share is None:  # which knows all parts that are wanted
            remove_leftovers(folder, list(left.values()))
        title = f"embedding {pair.task.folder} with {pair.spec.label}{settings.elsewhere}"
        todo = sum(shard.clips for shard in left.values())
        # A clip whose windows lie in two batches is in both of their shards.
        clips, told = max(self._clips, todo) if share is None else todo, False
        with (
            bar(title, clips, "clip", max(0, clips - todo)) as progress,
            Claims() as claims,
        ):
            while left:
                yield from self._settled(left, list(left.values()), progress)
                taken = 0
                for part in self._embedded(take_parts(left, claims), progress):
                    taken += 1
                    part.finish()
                    mine = [shard for shard in left.values() if shard.made]
                    yield from self._settled(left, mine, progress)
                    claims.release(part.spec.path)
                if share is not None and not any(shard.lacks_mine for shard in left.values()):
                    break
                if left and not taken:
                    told = told or tell_who_is_at_it(left, claims)
                    time.sleep(LOOKED_AT_EVERY)
            progress.update(sum(shard.clips - shard.counted for shard in left.values()))
        if share is None:
            remove_empty_parts(folder)
        remember_files(pair, self._files)

    def _embedded(self, parts: Iterator[Part], progress: Any) -> Iterator[Part]:
        """Embed parts, as many at once as there are models; each comes when it is done."""
        begun: dict[int, Part] = {}
        chunks = self._chunks(parts, begun)
        with contextlib.closing(outcomes_of(chunks, self._settings)) as outcomes:
            for outcome in outcomes:
                if outcome.batch_size != self._size:
                    raise OtherBatches(outcome.batch_size)
                self._files |= outcome.files
                part = begun.get(outcome.shard)
                if part is None:
                    raise PluginError(
                        f"{self._pair.spec.label} sent embeddings that it was not asked for (of "
                        f"part {outcome.shard!r}): its code tampers with what mirbench sends "
                        "between processes, so do not use it"
                    )
                clips = part.spec.clips
                self._absent |= {clip.id: clip for clip in clips if clip.id in outcome.absent}
                check_absent(self._absent, self._every, self._settings.max_missing)
                progress.update(part.add(outcome))
                if part.waiting == 0:
                    self.computed |= {clip.id for clip in clips}
                    yield begun.pop(outcome.shard)

    def _chunks(self, parts: Iterator[Part], begun: dict[int, Part]) -> Iterator[Chunk]:
        """Cut parts into what a worker is given at once, under numbers; a batch is one piece."""
        settings, window = self._settings, self._pair.task.window
        model, patience = self._pair.model(settings.device), settings.clip_timeout
        for number, part in enumerate(parts):
            begun[number] = part
            clips, rows = part.spec.clips, part.spec.rows
            step = self._at_once if rows is None else max(1, len(clips))
            for first in range(0, max(1, len(clips)), step):
                piece = clips[first : first + step]
                yield Chunk(model, window, piece, shard=number, rows=rows, clip_timeout=patience)

    def _settled(
        self, left: dict[int, UnfinishedShard], some: Sequence[UnfinishedShard], progress: Any
    ) -> Iterator[tuple[int, ShardSpec, Shard | None]]:
        """Take shards that are whole by now, by this run's doing or another's, from those left."""
        for shard in some:
            settled = self._settle(shard)
            if settled is not None:
                del left[shard.number]
                progress.update(shard.clips - shard.counted)
                yield shard.number, *settled

    def _settle(self, shard: UnfinishedShard) -> tuple[ShardSpec, Shard | None] | None:
        spec = shard.spec
        if spec.path.exists():
            stored = stored_shard(spec)
            if stored is not None:
                shard.remove_parts()
                return spec, stored
        parts = shard.collect() if shard.made or len(shard.parts) > 1 else None
        if parts is None:
            return None
        changed = [clip for clip in spec.changed() if clip.id not in shard.absent]
        if changed or shard.changed:
            self._changed += changed + shard.changed
            return spec, None
        spec = spec.without(shard.absent)
        whole = join_parts(spec, parts)
        write_shard(spec.path, whole)
        shard.remove_parts()
        return spec, let_go(whole, spec)
