"""Embeddings + labels + split → what a grid of probes is trained on.

The rows of a split stand in the order of the paper's code: sorted by the
names of its feature files (`Task.stem`), then shuffled with seed 0. The order
decides which rows share a batch, so it is part of reproducing its numbers.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import (
    SPLITS,
    Clip,
    DataError,
    FloatArray,
    IntArray,
    Split,
    Task,
    encode_targets,
)
from mirbench.benchmark.embedding import Embeddings
from mirbench.benchmark.splits import SplitTable

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeData


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a split, in the order in which probes see them.

    Attributes
    ----------
    places : dict
        Split to the rows' places in the array of embeddings.
    clips : dict
        Split to the rows' clip ids.
    """

    places: dict[Split, list[int]]
    clips: dict[Split, list[str]]

    def clip_ids(self, split: Split, windowed: bool) -> list[str]:
        """Clips in the order of a probe's test outputs: sorted where windows are merged."""
        return sorted(set(self.clips[split])) if windowed else self.clips[split]


def arrange_rows(task: Task, split: SplitTable, embeddings: Embeddings) -> Rows:
    """Put the rows of every split in order.

    Raises
    ------
    DataError
        If a split has no embedded clip.
    """
    members: dict[Split, list[tuple[str, int, str]]] = {name: [] for name in SPLITS}
    window = 0
    for place, number in enumerate(embeddings.clip):
        clip_id = embeddings.clip_ids[number]
        same = place > 0 and embeddings.clip[place - 1] == number
        window = window + 1 if same else 0
        if clip_id in split.of:
            row_id = f"{clip_id}-{window}" if task.window else clip_id
            members[split.of[clip_id]].append((task.stem(row_id), place, clip_id))
    for name, rows in members.items():
        if not rows:
            raise DataError(f"task {task.name!r}: no clip of the {name} split has an embedding")
        rows.sort()
        random.Random(0).shuffle(rows)
    return Rows(
        {name: [place for _, place, _ in rows] for name, rows in members.items()},
        {name: [clip_id for _, _, clip_id in rows] for name, rows in members.items()},
    )


def targets_by_clip(
    task: Task, split: SplitTable, clips: Sequence[Clip]
) -> dict[str, npt.NDArray[Any]]:
    """Targets of the clips of a split.

    Regression targets are z-scored per output with mean and population
    standard deviation of all clips that are not in the test split.
    """
    members = [clip for clip in clips if clip.id in split.of]
    targets = encode_targets(task, members)
    if task.kind == "regression":
        known = np.array([split.of[clip.id] != "test" for clip in members])
        values = targets.astype(np.float64)
        deviation = values[known].std(axis=0)
        deviation[deviation == 0] = 1
        targets = ((values - values[known].mean(axis=0)) / deviation).astype(np.float32)
    return {clip.id: np.asarray(target) for clip, target in zip(members, targets, strict=True)}


def check_labels(task: Task, split: SplitTable, targets: Mapping[str, npt.NDArray[Any]]) -> None:
    """Check that every tag can be scored in every split that is scored.

    Raises
    ------
    DataError
        If a tag has no positive, or no negative, clip for validation or test.
    """
    if task.kind != "multilabel":
        return
    for name in ("valid", "test"):
        members = [targets[clip_id] for clip_id in targets if split.of[clip_id] == name]
        counts = np.sum(members, axis=0) if members else np.zeros(len(task.labels))
        for label, count in zip(task.labels, counts, strict=True):
            if count in (0, len(members)):
                which = "positive" if count == 0 else "negative"
                raise DataError(
                    f"task {task.name!r}: the tag {label!r} has no {which} clip among the "
                    f"{len(members)} of the {name} split, so it cannot be scored"
                )


def probe_data(
    task: Task,
    embeddings: Embeddings,
    rows: Rows,
    targets: Mapping[str, npt.NDArray[Any]],
    layer: int | None = None,
) -> ProbeData:
    """Assemble the arrays of one layer; `targets` are those of `targets_by_clip`."""
    from mirbench.benchmark.probing import ProbeData

    matrix = embeddings.matrix(layer)
    X: dict[Split, FloatArray] = {name: matrix[rows.places[name]] for name in SPLITS}
    y = {name: np.stack([targets[i] for i in rows.clips[name]]) for name in SPLITS}

    def numbers(name: Split) -> IntArray | None:
        if task.window is None:
            return None
        order = {clip_id: n for n, clip_id in enumerate(rows.clip_ids(name, True))}
        return np.array([order[clip_id] for clip_id in rows.clips[name]], dtype=np.int64)

    return ProbeData(
        kind=task.kind,
        X_train=X["train"],
        y_train=y["train"],
        X_valid=X["valid"],
        y_valid=y["valid"],
        X_test=X["test"],
        y_test=y["test"],
        metrics=task.metrics,
        clips_valid=numbers("valid"),
        clips_test=numbers("test"),
        labels=task.labels,
        n_outputs=len(task.labels),
    )
