"""Shards in the making: cut into parts, which several runs share, and put together.

A part is stored as a small shard of its own, beside the shards, until its shard is whole.
So runs on one store share even a task of a few shards, and one that is killed has lost no
more than what its workers had at hand. The parts, and what a worker is given at once of
them, depend on nothing but the task: whoever computes them, the shard is the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import Clip, IntArray
from mirbench.benchmark.embedding.shard_spec import PARTS, ShardSpec
from mirbench.benchmark.embedding.store import (
    SHARD_CLIPS,
    Shard,
    add_notes,
    join_made_with,
    write_shard,
)
from mirbench.benchmark.embedding.stored import read_or_remove
from mirbench.benchmark.embedding.worker import Outcome
from mirbench.benchmark.files.atomic import remove_stale_temporaries
from mirbench.benchmark.files.contents import PART_LEFT_AFTER
from mirbench.benchmark.machine.share import Share

#: How many parts a task has at least, as long as workers are given whole ones.
PARTS_OF_A_TASK = 256


def clips_of_a_part(clips: int, at_once: int) -> int:
    """Say how many clips a part has: few in a small task, all of a shard in a large one.

    Parameters
    ----------
    clips : int
        Number of clips of the task.
    at_once : int
        How many a worker is given at once.
    """
    size = at_once
    while size < SHARD_CLIPS and size * PARTS_OF_A_TASK < clips:
        size *= 2
    return size


def parts_of_share(number: int, spec: ShardSpec, clips: int, share: Share | None) -> list[int]:
    """Say which parts of a shard belong to a share; None has all.

    Parameters
    ----------
    number : int
        Of the shard among those of the task.
    spec : ShardSpec
    clips : int
        Number of clips of a part.
    share : Share or None
    """
    whole = spec.rows is not None  # a batch, which is not cut
    count = 1 if whole else -(-len(spec.clips) // clips)
    if share is None:
        return list(range(count))
    return share.places(count, first=number if whole else number * (SHARD_CLIPS // clips))


@dataclass(eq=False)
class Part:
    """A part of a shard that this run computes.

    Attributes
    ----------
    shard : UnfinishedShard
    place : int
        Which part of it, from 0.
    waiting : int
        Number of clips that are not done.
    outcomes : list of Outcome
    """

    shard: UnfinishedShard
    place: int
    waiting: int
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def spec(self) -> ShardSpec:
        """What it should hold."""
        return self.shard.parts[self.place]

    def add(self, outcome: Outcome) -> int:
        """Take what became of some of its clips; returns their number."""
        self.outcomes.append(outcome)
        count = len(outcome.rows) + len(outcome.missing)
        self.waiting -= count
        self.shard.counted += count
        return count

    def finish(self) -> None:
        """Store it, now that all its clips are done, unless a file has changed meanwhile."""
        absent = frozenset[str]().union(*(outcome.absent for outcome in self.outcomes))
        changed = [clip for clip in self.spec.changed() if clip.id not in absent]
        spec = self.spec.without(absent)
        made = to_shard(spec, self.outcomes)
        self.shard.made[self.place] = made
        self.shard.absent |= absent
        self.shard.changed += changed
        if len(self.shard.parts) > 1 and not changed:
            write_shard(spec.path, made, durable=False)


class UnfinishedShard:
    """A shard that is not in the store, and what is there of it.

    Parameters
    ----------
    number : int
        Its number among those of the task.
    spec : ShardSpec
    clips : int
        Number of clips of a part.
    share : Share, optional
        Of all parts of the task, those that this run computes; default: all.

    Attributes
    ----------
    parts : list of ShardSpec
        The shard itself, where it is not cut.
    mine : list of int
        Places of those that this run computes.
    made : dict
        Place of a part to what this run has computed.
    absent : set of str
        Ids of the clips whose files could not be read meanwhile.
    changed : list of Clip
        Those whose files have changed meanwhile.
    counted : int
        Number of clips that progress was told of.
    """

    def __init__(
        self, number: int, spec: ShardSpec, clips: int, share: Share | None = None
    ) -> None:
        self.number, self.spec = number, spec
        self.parts = spec.parts(clips)
        self.mine = parts_of_share(number, spec, clips, share)
        self.made: dict[int, Shard] = {}
        self.absent: set[str] = set()
        self.changed: list[Clip] = []
        self.counted = 0

    @property
    def clips(self) -> int:
        """Number of clips of the parts that this run computes."""
        return sum(len(self.parts[place].clips) for place in self.mine)

    def lacks(self, place: int) -> bool:
        """Whether a part is neither here nor in the store, alone or with the whole shard."""
        stored = self.parts[place].path.exists() or self.spec.path.exists()
        return place not in self.made and not stored

    @property
    def lacks_mine(self) -> bool:
        """Whether a part is lacking that this run computes."""
        return any(map(self.lacks, self.mine))

    def collect(self) -> list[Shard] | None:
        """Read all parts; None if one is lacking or damaged, which is said."""
        if not all(n in self.made or part.path.exists() for n, part in enumerate(self.parts)):
            return None
        found = dict(self.made)
        for place, part in enumerate(self.parts):
            if place not in found:
                stored = read_or_remove(part)
                if stored is None:
                    return None
                found[place] = stored
        return [shard for _, shard in sorted(found.items())]

    def remove_parts(self) -> None:
        """Remove the parts from the store, now that they are put together."""
        if len(self.parts) == 1:
            return
        for part in self.parts:
            with contextlib.suppress(OSError):
                part.path.unlink(missing_ok=True)


def remove_leftovers(folder: Path, unfinished: Sequence[UnfinishedShard]) -> None:
    """Remove what killed runs have left in a folder of shards; whole parts after a month."""
    remove_stale_temporaries(folder)
    remove_stale_temporaries(folder / PARTS)
    wanted = {part.path for shard in unfinished for part in shard.parts}
    remove_stale_temporaries(folder / PARTS, PART_LEFT_AFTER, pattern="*", keep=wanted)


def remove_empty_parts(folder: Path) -> None:
    """Remove the folder of parts beside shards, unless there is anything in it."""
    with contextlib.suppress(OSError):
        (folder / PARTS).rmdir()


def to_shard(spec: ShardSpec, outcomes: Sequence[Outcome]) -> Shard:
    """Put what became of the clips of a shard, or of a part, into one."""
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
        made_with=join_made_with(outcome.made_with for outcome in outcomes),
        window=_window_numbers(spec, [place for place, _ in present]),
        notes=add_notes(outcome.notes for outcome in outcomes),
    )


def join_parts(spec: ShardSpec, parts: Sequence[Shard]) -> Shard:
    """Put the parts of a shard together, in their order."""
    if len(parts) == 1:
        return parts[0]
    firsts = np.cumsum([0, *(len(part.clip_ids) for part in parts)])
    rows = [np.asarray(part.embedding) for part in parts if len(part.embedding)]
    clips = [part.clip + first for part, first in zip(parts, firsts, strict=False)]
    return Shard(
        clip_ids=spec.clip_ids,
        embedding=np.concatenate(rows) if rows else np.zeros((0, 0), np.float32),
        clip=np.concatenate(clips),
        missing={clip_id: why for part in parts for clip_id, why in part.missing.items()},
        seconds=sum(part.seconds for part in parts),
        peak_bytes=max(part.peak_bytes for part in parts),
        layers=parts[0].layers,
        made_with=join_made_with(part.made_with for part in parts),
        notes=add_notes(part.notes for part in parts),
    )


def _window_numbers(spec: ShardSpec, places: Sequence[int]) -> IntArray | None:
    """Which window each row of a batch's shard is, where the clips at `places` have rows."""
    if spec.rows is None:
        return None
    ordered = [window for place in places for at, window in sorted(spec.rows) if at == place]
    return np.array(ordered, dtype=np.int64)
