"""Train a grid on every layer, select one probe on validation, test it once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import Clip, FloatArray, Task
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.evaluation.arrange import Rows, probe_data
from mirbench.benchmark.progress import bar, duration
from mirbench.benchmark.protocol import Protocol
from mirbench.benchmark.result import LayerScore, Predictions, ProbeRow, Score
from mirbench.benchmark.scoring.bootstrap import intervals
from mirbench.benchmark.scoring.metrics import evaluate

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeRecord, Progress

Targets = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Selection:
    """What the validation set chose.

    Attributes
    ----------
    probe : ProbeRow
    outputs : ndarray of float32, shape [n_test_clips, n_outputs]
        Of that probe on the test set, in the order of `Rows.clip_ids`.
    curve : tuple of LayerScore
        The best of every layer; empty if there are none.
    """

    probe: ProbeRow
    outputs: FloatArray
    curve: tuple[LayerScore, ...]


def best_probe(
    task: Task,
    embeddings: Embeddings,
    rows: Rows,
    targets: Targets,
    protocol: Protocol,
    device: str = "cpu",
    memory: int | None = None,
    checkpoint: Path | None = None,
) -> Selection:
    """Find the probe of highest validation score over all layers; of equals, the first.

    Parameters
    ----------
    memory : int, optional
        Bytes that training may take; default: most of what is free.
    checkpoint : Path, optional
        Folder in which finished probes are kept, so that a killed grid goes on.
    """
    from mirbench.benchmark.probing import select, train_grid

    layers: list[int | None] = [*range(embeddings.n_layers)] or [None]
    best: tuple[int | None, ProbeRecord] | None = None
    curve = []
    total = len(protocol.grid()) * len(layers)
    with bar(f"probing {task.name}", total, "probe") as progress:
        pace = _Pace(len(layers))

        def show(state: Progress) -> None:
            progress.set_postfix_str(pace.words(state), refresh=False)

        for layer in layers:
            records = train_grid(
                probe_data(task, embeddings, rows, targets, layer),
                protocol,
                device=device,
                on_probe=lambda _: progress.update(1),
                memory=memory,
                checkpoint=checkpoint,
                on_progress=show,
            )
            pace.next_layer()
            record = select(records)
            if layer is not None:
                name = embeddings.layers[layer]
                curve.append(LayerScore(layer=name, index=record.index, valid=record.valid))
            if best is None or record.valid > best[1].valid:
                best = (layer, record)
    assert best is not None
    layer, record = best
    config = record.config
    row = ProbeRow(
        index=record.index,
        layer=None if layer is None else embeddings.layers[layer],
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
    assert record.test_outputs is not None
    return Selection(row, record.test_outputs, tuple(curve))


class _Pace:
    """Foretells the end of all layers: those to come take as long as those that are done."""

    def __init__(self, layers: int) -> None:
        self._layers, self._done = layers, 0
        self._began = self._layer_began = time.perf_counter()

    def next_layer(self) -> None:
        self._done += 1
        self._layer_began = time.perf_counter()

    def words(self, state: Progress) -> str:
        if self._done:
            usual = (self._layer_began - self._began) / self._done
        else:
            usual = time.perf_counter() - self._began + state.seconds_left
        left = state.seconds_left + (self._layers - self._done - 1) * usual
        layer = f"layer {self._done + 1} of {self._layers}, " if self._layers > 1 else ""
        best = state.best_valid
        score = "" if best is None else f", best on validation {100 * best:.1f}"
        return (
            f"{layer}{state.learning} learning, {state.updates_per_second:.0f} updates/s{score}, "
            f"about {duration(left)} left"
        )


def test_predictions(
    task: Task, clips: Sequence[Clip], rows: Rows, targets: Targets, outputs: FloatArray
) -> Predictions:
    """Put a probe's outputs on the test set beside targets and groups, sorted by clip id."""
    ids = rows.clip_ids("test", task.window is not None)
    order = np.argsort(np.array(ids), kind="stable")
    sorted_ids = tuple(ids[place] for place in order)
    group_of = {clip.id: clip.group for clip in clips}
    return Predictions(
        clip_ids=sorted_ids,
        groups=tuple(group_of[clip_id] for clip_id in sorted_ids),
        outputs=outputs[order],
        targets=np.stack([targets[clip_id] for clip_id in sorted_ids]),
    )


def test_scores(task: Task, predictions: Predictions) -> dict[str, Score]:
    """Score predictions, with 95 % intervals by bootstrap over groups."""
    arguments = (task.metrics, predictions.targets, predictions.outputs)
    values = evaluate(*arguments, labels=task.labels)
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
