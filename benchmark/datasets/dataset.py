"""A task's clips on this machine, with one of its splits."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mirbench.benchmark.api import Clip, Task
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.datasets.targets import check_labels, targets_by_clip


@dataclass(frozen=True, eq=False)
class Dataset:
    """A task's clips on this machine, with one of its splits.

    Attributes
    ----------
    task : Task
    split : SplitTable
    clips : tuple of Clip
        Those of the split, sorted by id.
    every : tuple of Clip
        All of the dataset, whatever the split, sorted by id: fixed batches are made of them.
    origin : str
        Where the task is from: ``built-in``, ``file``, or the name of a distribution.
    fingerprint : str
        Digest of the source of a task that is not built in.
    limit : int or None
        So many clips of each split were taken; None: all.
    complete : tuple of Clip
        Those of the complete split, if not all were taken.
    """

    task: Task
    split: SplitTable
    clips: tuple[Clip, ...]
    every: tuple[Clip, ...]
    origin: str = "built-in"
    fingerprint: str = ""
    limit: int | None = None
    complete: tuple[Clip, ...] = ()

    @functools.cached_property
    def targets(self) -> dict[str, npt.NDArray[Any]]:
        """Targets of the clips of the split, by clip id, encoded and checked once.

        Raises
        ------
        DataError
            If a label is not one of the task's, or a tag cannot be scored.
        """
        targets = targets_by_clip(self.task, self.split, self.clips)
        check_labels(self.task, self.split, targets)
        return targets

    def counts_as_wrong(self, clip_id: str) -> bool:
        """Whether a clip is scored as wrong if it is missing: a test clip not known as faulty."""
        return self.split.of[clip_id] == "test" and clip_id not in self.task.faulty

    @property
    def groups(self) -> dict[str, str]:
        """What must not leak between splits, by clip id."""
        return {clip.id: clip.group for clip in self.clips}
