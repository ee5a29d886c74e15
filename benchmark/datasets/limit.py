"""The first clips of each split, to try things: few, and yet with every label.

Ids often begin with a label or stand in the order of the values, so the first ones by name
would be of one class. Clips are taken in the order of the SHA-256 of their ids instead, after
those that it takes to have every label, the rarest first. The first 20 are among the first 30.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from mirbench.benchmark.api import SPLITS, Clip, Task, UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.progress import count


def limited_dataset(data: Dataset, limit: int) -> Dataset:
    """Take the first clips of each split; a split that has no more is taken as it is.

    Parameters
    ----------
    data : Dataset
        Its labels are known to be right.
    limit : int
        Clips per split.

    Raises
    ------
    UsageError
        If they are too few to have every label that the split has (of a multilabel task, a
        clip with and one without it; of a regression task, two values of each output).
    """
    task, of = data.task, data.split.of
    chosen, needed = set[str](), 0
    for name in SPLITS:
        ordered = sorted((clip for clip in data.clips if of[clip.id] == name), key=_order)
        first = _cover(task, ordered)
        needed = max(needed, len(first))
        taken = dict.fromkeys([*(clip.id for clip in first), *(clip.id for clip in ordered)])
        chosen.update(list(taken)[:limit])
    if needed > limit:
        raise UsageError(
            f"--limit {limit} is too few for task {task.name!r}: it takes {count(needed, 'clip')} "
            "to have all labels of each split"
        )
    members = {clip_id: name for clip_id, name in of.items() if clip_id in chosen}
    return replace(
        data,
        split=SplitTable(data.split.name, members, data.split.sha256),
        clips=tuple(clip for clip in data.clips if clip.id in chosen),
        limit=limit,
        complete=data.clips,
    )


def _order(clip: Clip) -> tuple[bytes, str]:
    return hashlib.sha256(clip.id.encode()).digest(), clip.id


def _cover(task: Task, ordered: Sequence[Clip]) -> list[Clip]:
    """Choose clips that together have everything that any of them has."""
    facts = {clip.id: set(_facts(task, clip, ordered[0])) for clip in ordered}
    frequency = Counter(fact for told in facts.values() for fact in told)
    chosen, covered = list[Clip](), set[Hashable]()
    for fact in sorted(frequency, key=lambda fact: (frequency[fact], str(fact))):
        if fact not in covered:
            clip = next(clip for clip in ordered if fact in facts[clip.id])
            chosen.append(clip)
            covered |= facts[clip.id]
    return chosen


def _facts(task: Task, clip: Clip, first: Clip) -> Iterator[Hashable]:
    """Say what a clip is an example of, for the scores of a task."""
    if not isinstance(clip.label, tuple):
        yield clip.label
    elif task.kind == "multilabel":
        for label in task.labels:
            if label not in clip.unobserved:
                yield label, label in clip.label
    else:
        assert isinstance(first.label, tuple)
        for name, value, usual in zip(task.labels, clip.label, first.label, strict=True):
            yield name, value == usual
