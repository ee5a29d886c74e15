"""Train a grid on every layer, select one probe on validation, test it once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirbench.benchmark.api import FloatArray, Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.evaluation.arrange import Rows, probe_data
from mirbench.benchmark.evaluation.layers import train_layers
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.result import (
    FewShotRow,
    LayerScore,
    MissingClip,
    NeighboursRow,
    Predictions,
    ProbeRow,
    Score,
)
from mirbench.benchmark.scoring.bootstrap import intervals
from mirbench.benchmark.scoring.repeated import mean_scores
from mirbench.benchmark.scoring.worst import worst_outputs

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeRecord


@dataclass(frozen=True, eq=False)
class Selection:
    """What the validation set chose.

    Attributes
    ----------
    probe : ProbeRow, FewShotRow or NeighboursRow
    outputs : ndarray of float32, shape [n_clips, n_outputs] or [n_clips, draws, n_outputs]
        Of that probe on the test set, in the order of `Rows.clip_ids`.
    curve : tuple of LayerScore
        The best of every layer; empty if there are none.
    """

    probe: ProbeRow | FewShotRow | NeighboursRow
    outputs: FloatArray
    curve: tuple[LayerScore, ...]


def best_probe(
    data: Dataset, embeddings: Embeddings, rows: Rows, settings: Settings, checkpoint: Path
) -> Selection:
    """Find the probe of highest validation score over all layers; of equals, the first.

    Parameters
    ----------
    data : Dataset
    embeddings : Embeddings
    rows : Rows
        Those of `arrange_rows`.
    settings : Settings
    checkpoint : Path
        Folder in which finished probes are kept, so that a killed grid goes on.
    """
    from mirbench.benchmark.probing import select

    layers: list[int | None] = [*range(embeddings.n_layers)] or [None]
    best: tuple[int | None, ProbeRecord] | None = None
    curve = []
    of = functools.partial(probe_data, data, embeddings, rows)
    grids = train_layers(f"probing {data.task.name}", layers, of, settings, checkpoint)
    for layer, records in zip(layers, grids, strict=True):
        record = select(records)
        if layer is not None:
            title = embeddings.layers[layer]
            curve.append(LayerScore(layer=title, index=record.index, valid=record.valid))
        if best is None or record.valid > best[1].valid:
            best = (layer, record)
    assert best is not None
    layer, record = best
    assert record.test_outputs is not None
    name = None if layer is None else embeddings.layers[layer]
    return Selection(_probe_row(record, name), record.test_outputs, tuple(curve))


def _probe_row(record: ProbeRecord, layer: str | None) -> ProbeRow:
    config = record.config
    return ProbeRow(
        index=record.index,
        layer=layer,
        standardise=config.standardise,
        hidden=config.hidden,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        dropout=config.dropout,
        l2=config.l2,
        updates=record.updates,
        best_update=record.best_update,
        valid=record.valid,
        way=record.way,
    )


def missing_clip(data: Dataset, clip_id: str, reason: str) -> MissingClip:
    """Record a clip without an embedding, and whether the scores count it as wrong."""
    return MissingClip(clip_id=clip_id, reason=reason, wrong=data.counts_as_wrong(clip_id))


def test_predictions(data: Dataset, rows: Rows, outputs: FloatArray) -> Predictions:
    """Put a probe's outputs on the test set beside targets and groups, sorted by clip id.

    Clips without an embedding get the worst outputs, but for those that are known to be faulty.
    """
    task, ids = data.task, rows.clip_ids("test", data.task.window is not None)
    present = set(ids)
    lacking = [
        clip_id
        for clip_id in data.split.ids("test")
        if clip_id not in present and data.counts_as_wrong(clip_id)
    ]
    if lacking:
        targets = np.stack([data.targets[clip_id] for clip_id in lacking])
        worst = worst_outputs(task.kind, task.metrics, task.labels, outputs, targets)
        ids, outputs = [*ids, *lacking], np.concatenate([outputs, worst])
    order = np.argsort(np.array(ids), kind="stable")
    sorted_ids = tuple(ids[place] for place in order)
    groups = data.groups
    return Predictions(
        clip_ids=sorted_ids,
        groups=tuple(groups[clip_id] for clip_id in sorted_ids),
        outputs=outputs[order],
        targets=np.stack([data.targets[clip_id] for clip_id in sorted_ids]),
    )


def test_scores(task: Task, predictions: Predictions) -> dict[str, Score]:
    """Score predictions, with 95 % intervals by bootstrap over groups, and over draws if any."""
    arguments = (task.metrics, predictions.targets, predictions.outputs)
    values = mean_scores(*arguments, labels=task.labels)
    ranges = intervals(*arguments, predictions.groups, labels=task.labels)
    return {
        name: Score(
            value=value,
            low=ranges[name][0],
            high=ranges[name][1],
            n=len(predictions.clip_ids),
            groups=len(set(predictions.groups)),
        )
        for name, value in values.items()
    }
