"""Embeddings + labels + split → what a grid of probes is trained on.

The rows of a split stand in the order of the paper's code: sorted by the
names of its feature files (`Task.stem`), then shuffled with seed 0. The order
decides which rows share a batch, so it is part of reproducing its numbers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirbench.benchmark.api import SPLITS, DataError, FloatArray, IntArray, Split, window_id
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.machine.collector import without_collecting

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

    def clip_numbers(self, split: Split) -> IntArray:
        """Place of each row's clip among the clips of a split, which are sorted."""
        order = {clip_id: n for n, clip_id in enumerate(self.clip_ids(split, windowed=True))}
        return np.array([order[clip_id] for clip_id in self.clips[split]], dtype=np.int64)


@without_collecting()
def arrange_rows(data: Dataset, embeddings: Embeddings) -> Rows:
    """Put the rows of every split in order.

    Raises
    ------
    DataError
        If a split has no embedded clip.
    """
    task, split = data.task, data.split
    members: dict[Split, list[tuple[str, int, str]]] = {name: [] for name in SPLITS}
    window = 0
    for place, number in enumerate(embeddings.clip):
        clip_id = embeddings.clip_ids[number]
        same = place > 0 and embeddings.clip[place - 1] == number
        window = window + 1 if same else 0
        if clip_id in split.of:
            row_id = window_id(clip_id, window if task.window else None)
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


def probe_data(
    data: Dataset, embeddings: Embeddings, rows: Rows, layer: int | None = None
) -> ProbeData:
    """Assemble the arrays of one layer that a grid of probes is trained on.

    Parameters
    ----------
    data : Dataset
    embeddings : Embeddings
    rows : Rows
        Those of `arrange_rows`.
    layer : int, optional
        Number of the layer, where there are several.
    """
    from mirbench.benchmark.probing import ProbeData

    task, matrix = data.task, embeddings.matrix(layer)
    X: dict[Split, FloatArray] = {name: matrix[rows.places[name]] for name in SPLITS}
    y = {name: np.stack([data.targets[i] for i in rows.clips[name]]) for name in SPLITS}
    windowed = task.window is not None
    return ProbeData(
        kind=task.kind,
        X_train=X["train"],
        y_train=y["train"],
        X_valid=X["valid"],
        y_valid=y["valid"],
        X_test=X["test"],
        y_test=y["test"],
        metrics=task.metrics,
        clips_valid=rows.clip_numbers("valid") if windowed else None,
        clips_test=rows.clip_numbers("test") if windowed else None,
        labels=task.labels,
        n_outputs=len(task.labels),
    )
