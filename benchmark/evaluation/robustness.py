"""The probe of a row, on deformed test clips: what its scores lose.

A row keeps the outputs of its probe, not its weights. So the selected probe is trained once more,
alone, on the same clean clips, and tested on the clean and on the deformed test clips at once: what
is compared comes from one set of weights.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray, Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.deform import DEFORM_VERSION, deformed_dataset, get_deformation
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.embeddings import Embeddings, check_missing
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.evaluation.arrange import Rows, arrange_rows, probe_data
from mirbench.benchmark.evaluation.environment import describe_environment
from mirbench.benchmark.evaluation.select import missing_clip, test_predictions, test_scores
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.evaluation.without_grid import FixedProbe
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import Protocol
from mirbench.benchmark.result import (
    DeformationRecord,
    Drop,
    Predictions,
    ProbeRow,
    Result,
    Row,
    read_predictions,
    read_result,
    write_result,
)
from mirbench.benchmark.scoring.bootstrap import paired_intervals
from mirbench.benchmark.scoring.repeated import mean_scores

if TYPE_CHECKING:
    from mirbench.benchmark.probing import ProbeData

#: Between scores of a probe trained in a grid and alone, before it is said.
_ALIKE = 1e-6


def evaluate_deformed(pair: Pair, settings: Settings, clean: Row, name: str) -> Row:
    """Test the probe of a row on deformed test clips, and write a row of that.

    If the identical row is already there, it is read instead.

    Parameters
    ----------
    pair : Pair
    settings : Settings
    clean : Row
        Of the pair, by the same settings.
    name : str
        Of the deformation.

    Raises
    ------
    DataError
        If too many of the deformed clips have no embedding.
    """
    data = pair.data
    embeddings = embed_task(pair, settings)
    deformed = embed_task(Pair(pair.spec, deformed_dataset(data, name)), settings)
    check_missing(deformed, deformed.clip_ids, settings.max_missing, data.task.never_missing)
    rows = arrange_rows(data, embeddings)
    heard = _heard(rows, deformed)
    draft = _draft(data, clean.result, name, heard, embeddings, deformed)
    path = settings.out / draft.place
    if path.exists() and not settings.force:
        found = _found(path, draft, data.groups)
        if found is not None:
            return Row(path, found)
    started = time.perf_counter()
    outputs = _outputs(data, embeddings, deformed, (rows, heard), clean.result, settings)
    predictions = _predictions(data, rows, heard, outputs, clean)
    cost = draft.cost.model_copy(
        update={
            "embedding_seconds": round(deformed.seconds, 3),
            "probing_seconds": round(time.perf_counter() - started, 3),
            "device": settings.device,
        }
    )
    result = draft.model_copy(
        update={
            "scores": test_scores(data.task, predictions),
            "deformation": _deformation(name, score_drops(data.task, predictions)),
            "cost": cost,
            "environment": describe_environment(deformed.made_with),
        }
    )
    return Row(write_result(settings.out, result, predictions), result, found=False)


def score_drops(task: Task, predictions: Predictions) -> dict[str, Drop]:
    """Compute what scores lose from clean to deformed clips, with paired 95 % intervals."""
    clean, targets = predictions.clean, predictions.targets
    assert clean is not None
    before = mean_scores(task.metrics, targets, clean, labels=task.labels)
    after = mean_scores(task.metrics, targets, predictions.outputs, labels=task.labels)
    ranges = paired_intervals(
        task.metrics, targets, clean, predictions.outputs, predictions.groups, labels=task.labels
    )
    return {
        name: Drop(value=before[name] - after[name], low=ranges[name][0], high=ranges[name][1])
        for name in before
    }


def _deformation(name: str, drops: dict[str, Drop]) -> DeformationRecord:
    title = get_deformation(name).title
    return DeformationRecord(name=name, version=DEFORM_VERSION, title=title, drops=drops)


def _heard(rows: Rows, deformed: Embeddings) -> Rows:
    """Leave out test clips that have no embedding once they are deformed."""
    kept = [n for n, clip in enumerate(rows.clips["test"]) if clip not in deformed.missing]
    return Rows(
        rows.places | {"test": [rows.places["test"][n] for n in kept]},
        rows.clips | {"test": [rows.clips["test"][n] for n in kept]},
    )


def _draft(
    data: Dataset,
    clean: Result,
    name: str,
    rows: Rows,
    embeddings: Embeddings,
    deformed: Embeddings,
) -> Result:
    """Make the row as it is before anything is trained; its scores are not yet its own."""
    task = clean.task
    lost = {clip.clip_id: clip for clip in task.missing}
    for clip_id, reason in deformed.missing.items():
        lost.setdefault(clip_id, missing_clip(data, clip_id, reason))
    both = f"{embeddings.sha256} {deformed.sha256}"
    record = task.model_copy(
        update={
            "counts": task.counts | {"test": len(set(rows.clips["test"]))},
            "rows": task.rows | {"test": len(rows.clips["test"])},
            "missing": tuple(lost[clip_id] for clip_id in sorted(lost)),
            "embeddings_sha256": hashlib.sha256(both.encode()).hexdigest(),
        }
    )
    return clean.model_copy(
        update={
            "task": record,
            "protocol": clean.protocol.model_copy(update={"main_board": False}),
            "deformation": _deformation(name, {}),
            "curve": (),
            "commitment": None,
        }
    )


def _found(path: Path, draft: Result, groups: Mapping[str, str]) -> Result | None:
    """Read the row that is there, if it answers the same question."""
    try:
        found, predictions = read_result(path), read_predictions(path)
    except DataError:
        return None
    same = [groups.get(clip_id) for clip_id in predictions.clip_ids] == list(predictions.groups)
    return found if same and found.identity == draft.identity else None


def _predictions(
    data: Dataset, rows: Rows, heard: Rows, outputs: FloatArray, clean: Row
) -> Predictions:
    """Put the outputs on deformed test clips beside those on clean ones, of the same clips.

    A clip that has no embedding once it is deformed is wrong there, and only there.
    """
    n_clean = len(rows.clip_ids("test", data.task.window is not None))
    before = test_predictions(data, rows, outputs[:n_clean])
    _compare(data.task, clean, before)
    after = test_predictions(data, heard, outputs[n_clean:])
    place = {clip_id: n for n, clip_id in enumerate(before.clip_ids)}
    return replace(after, clean=before.outputs[[place[clip_id] for clip_id in after.clip_ids]])


def _places(rows: Rows, embeddings: Embeddings, deformed: Embeddings) -> list[int]:
    """Find the deformed rows of the same clips and windows as the rows of the test split."""
    first, other = _first_places(embeddings), _first_places(deformed)
    of = deformed.clip
    places = []
    for place, clip in zip(rows.places["test"], rows.clips["test"], strict=True):
        moved = other[clip] + place - first[clip]
        if moved >= len(of) or deformed.clip_ids[of[moved]] != clip:
            raise DataError(f"clip {clip!r} has fewer windows once it is deformed")
        places.append(moved)
    return places


def _first_places(embeddings: Embeddings) -> dict[str, int]:
    numbers, first = np.unique(embeddings.clip, return_index=True)
    ids = embeddings.clip_ids
    return {ids[n]: int(place) for n, place in zip(numbers, first, strict=True)}


def _outputs(
    data: Dataset,
    embeddings: Embeddings,
    deformed: Embeddings,
    rows: tuple[Rows, Rows],
    clean: Result,
    settings: Settings,
) -> FloatArray:
    """Compute the outputs of the selected probe on clean test clips, and on deformed ones behind.

    Parameters
    ----------
    data : Dataset
    embeddings, deformed : Embeddings
    rows : tuple of Rows
        Clean ones, and those that are heard when they are deformed.
    clean : Result
        Names the probe.
    settings : Settings

    Returns
    -------
    ndarray of float32, shape [n_clean + n_heard, n_outputs], or with draws in between
    """
    from mirbench.benchmark.probing import train_grid

    name = clean.probe.layer
    layer = None if name is None else embeddings.layers.index(name)
    changed = deformed.matrix(layer)[_places(rows[1], embeddings, deformed)]
    both = _both(data, probe_data(data, embeddings, rows[0], layer), rows[1], changed)
    protocol = settings.protocol
    if not isinstance(protocol, Protocol):
        return FixedProbe(data, rows[0], protocol)(both).test_outputs
    assert isinstance(clean.probe, ProbeRow)
    (record,) = train_grid(
        both, protocol, [clean.probe.index], settings.device, memory=settings.memory
    )
    assert record.test_outputs is not None
    return record.test_outputs


def _both(data: Dataset, arrays: ProbeData, heard: Rows, changed: FloatArray) -> ProbeData:
    """Let the deformed test rows follow the clean ones."""
    clips = arrays.clips_test
    if clips is not None:
        clips = np.concatenate([clips, clips.max() + 1 + heard.clip_numbers("test")])
    targets = np.stack([data.targets[clip_id] for clip_id in heard.clips["test"]])
    return replace(
        arrays,
        X_test=np.concatenate([arrays.X_test, changed]),
        y_test=np.concatenate([arrays.y_test, targets]),
        clips_test=clips,
    )


def _compare(task: Task, clean: Row, again: Predictions) -> None:
    """Say so if the probe, trained alone, is not quite that of the clean row."""
    known = read_predictions(clean.path)
    if known.clip_ids != again.clip_ids:
        return
    metric = task.metrics[0]
    found = mean_scores([metric], again.targets, again.outputs, task.labels)[metric]
    stated = clean.result.scores[metric].value
    if abs(found - stated) > _ALIKE:
        say(
            f"the selected probe, trained again by itself, has a {metric} of {100 * found:z.1f} on "
            f"the clean clips of {task.name}, where its row has {100 * stated:z.1f}; drops are "
            "from the former"
        )
