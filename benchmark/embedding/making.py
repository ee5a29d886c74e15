"""Shards that are computed now: by workers, and written one by one."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import Clip, DataError, IntArray
from mirbench.benchmark.embedding.absent import check_absent, describe
from mirbench.benchmark.embedding.layers import leave_on_disk
from mirbench.benchmark.embedding.learn import remember_files
from mirbench.benchmark.embedding.pair import EmbeddingSettings, Pair
from mirbench.benchmark.embedding.shard_spec import ShardSpec
from mirbench.benchmark.embedding.store import Shard, add_notes, read_shard, write_shard
from mirbench.benchmark.embedding.worker import (
    Chunk,
    Decoded,
    Outcome,
    decode_chunk,
    embed_chunk,
    model_info,
)
from mirbench.benchmark.files.atomic import remove_stale_temporaries
from mirbench.benchmark.machine.device import give_back_memory
from mirbench.benchmark.machine.workers import Workers
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
    clips : int
        Number of clips of all shards, those in the store included.

    Attributes
    ----------
    computed : set of str
        Ids of the clips that were embedded.
    """

    def __init__(
        self, pair: Pair, settings: EmbeddingSettings, size: int | None, clips: int
    ) -> None:
        self._pair, self._settings, self._size, self._clips = pair, settings, size, clips
        self._absent: dict[str, Clip] = {}
        self._changed: list[Clip] = []
        self.computed: set[str] = set()

    def make(self, specs: Mapping[int, ShardSpec]) -> dict[int, Shard]:
        """Compute shards, by their numbers among those of the task.

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
            if not made.keys() >= specs.keys():
                raise DataError(
                    f"{self._changed[0].path} was changed while it was embedded, and so was a file "
                    "of the same shard when it was embedded again; run the same command when "
                    "nothing writes there any more"
                )
        if self._absent:
            say(
                f"{describe(self._absent, self._clips)}: these clips are missing now, and are "
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
        check_absent(self._absent, self._clips, self._settings.max_missing)
        if not todo:
            return {}
        remove_stale_temporaries(next(iter(todo.values())).folder)
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
        """Compute shards, and write each as soon as its last clip is done.

        Each comes with its name by what could be read, or is None if that changed meanwhile.
        """
        pair, settings = self._pair, self._settings
        waiting = {n: len(spec.clips) for n, spec in specs.items()}
        outcomes: dict[int, list[Outcome]] = {n: [] for n in specs}
        title = f"embedding {pair.task.folder} with {pair.spec.label}"
        done = max(0, self._clips - sum(waiting.values()))
        files: set[Path] = set()
        work = list(_chunks(pair, settings, specs))
        with (
            bar(title, self._clips, "clip", done) as progress,
            contextlib.closing(_outcomes(work, settings)) as results,
        ):
            for outcome in results:
                if outcome.batch_size != self._size:
                    raise OtherBatches(outcome.batch_size)
                files |= outcome.files
                number, spec = outcome.shard, specs[outcome.shard]
                self._absent |= {clip.id: clip for clip in spec.clips if clip.id in outcome.absent}
                check_absent(self._absent, self._clips, self._settings.max_missing)
                outcomes[number].append(outcome)
                count = len(outcome.rows) + len(outcome.missing)
                waiting[number] -= count
                progress.update(count)
                if waiting[number] == 0:
                    yield number, *self._finish(spec, outcomes.pop(number))
        remember_files(pair, files)

    def _finish(
        self, spec: ShardSpec, outcomes: Sequence[Outcome]
    ) -> tuple[ShardSpec, Shard | None]:
        self.computed |= {clip.id for clip in spec.clips}
        absent = frozenset[str]().union(*(outcome.absent for outcome in outcomes))
        changed = [clip for clip in spec.changed() if clip.id not in absent]
        if changed:
            self._changed += changed
            return spec, None
        spec = spec.without(absent)
        shard = _to_shard(spec, outcomes)
        write_shard(spec.path, shard)
        return spec, _let_go(shard, spec)


def _chunks(
    pair: Pair, settings: EmbeddingSettings, specs: Mapping[int, ShardSpec]
) -> Iterator[Chunk]:
    """Cut shards into what a worker is given at once; a batch is one piece."""
    model = pair.model(settings.device)
    at_once = CHUNK_CLIPS if settings.on_cpu else GPU_CHUNK_CLIPS
    for number, spec in specs.items():
        clips, pieces = spec.clips, [spec.clips]
        if spec.rows is None:
            starts = range(0, len(clips), at_once)
            pieces = [clips[start : start + at_once] for start in starts]
        for piece in pieces:
            yield Chunk(
                model,
                pair.task.window,
                piece,
                shard=number,
                rows=spec.rows,
                clip_timeout=settings.clip_timeout,
            )


def _outcomes(
    chunks: Sequence[Chunk], settings: EmbeddingSettings
) -> Generator[Outcome, None, None]:
    """Embed chunks, by workers each with its own model; or by one model, with audio decoded ahead.

    The second is for a GPU, whose memory has room for one model.
    """
    if settings.on_cpu:
        with settings.model_workers() as workers:
            yield from workers.unordered(embed_chunk, chunks)
        return
    with settings.model_workers() as one, Workers(settings.workers) as workers:
        (info,) = one.unordered(model_info, [(chunks[0].model, chunks[0].folder)])
        work = [(chunk, info) for chunk in chunks]
        audio = workers.ahead(decode_chunk, work, settings.workers + 1)
        # One that waits, so that the next is there as soon as the model is done with one.
        yield from one.ahead(embed_decoded, zip(chunks, audio, strict=True), 2)
        list(one.unordered(give_back_memory, [settings.device]))


def embed_decoded(work: tuple[Chunk, Decoded]) -> Outcome:
    """Embed clips that were decoded elsewhere; runs in the process that has a GPU."""
    return embed_chunk(*work)


def stored_shard(spec: ShardSpec) -> Shard | None:
    """Read a shard; None if there is none, or if it is damaged, which is said."""
    shard = read_shard(spec.path, say, spec)
    return None if shard is None else _let_go(shard, spec)


def _let_go(shard: Shard, spec: ShardSpec) -> Shard:
    """Leave layers on disk; but the rows of batches have yet to be put together."""
    if spec.rows is not None:
        return shard
    return replace(shard, embedding=leave_on_disk(spec.path, shard.embedding))


def _to_shard(spec: ShardSpec, outcomes: Sequence[Outcome]) -> Shard:
    rows = {clip_id: row for outcome in outcomes for clip_id, row in outcome.rows.items()}
    missing = {clip_id: why for outcome in outcomes for clip_id, why in outcome.missing.items()}
    missing |= spec.missing
    ids = spec.clip_ids
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
