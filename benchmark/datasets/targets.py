"""Labels → the arrays that probes are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import UNOBSERVED, Clip, DataError, TargetArray, Task
from mirbench.benchmark.datasets.splits import SplitTable


def encode_targets(task: Task, clips: Sequence[Clip]) -> TargetArray:
    """Turn the labels of clips into the array that probes are trained on.

    Returns
    -------
    ndarray
        int64 ``[n_clips]`` (multiclass), int64 0/1 ``[n_clips, n_labels]``
        (multilabel; `UNOBSERVED` where nothing is known) or float32
        ``[n_clips, n_labels]`` (regression).

    Raises
    ------
    DataError
        If a label is not one of the task's, or one is unobserved that must not be.

    Examples
    --------
    >>> from mirbench.benchmark.api import Clip
    >>> from mirbench.benchmark.registry import load_task
    >>> clip = Clip("blues.00029", None, "blues", "B.B. King")
    >>> encode_targets(load_task("gtzan"), [clip])
    array([0])
    """
    index = {label: i for i, label in enumerate(task.labels)}
    for clip in clips:
        if clip.unobserved:
            _check_unobserved(task, clip)
    if task.kind == "regression":
        for clip in clips:
            numbers = isinstance(clip.label, tuple) and len(clip.label) == len(task.labels)
            if not numbers or not all(map(_is_finite, clip.label)):
                raise _wrong_label(task, clip)
        values = np.array([clip.label for clip in clips], dtype=np.float32)
        return values.reshape(len(clips), len(task.labels))
    if task.kind == "multiclass":
        classes = np.empty(len(clips), dtype=np.int64)
        for row, clip in enumerate(clips):
            if not isinstance(clip.label, str) or clip.label not in index:
                raise _wrong_label(task, clip)
            classes[row] = index[clip.label]
        return classes
    tags = np.zeros((len(clips), len(task.labels)), dtype=np.int64)
    for row, clip in enumerate(clips):
        if not isinstance(clip.label, tuple) or not all(tag in index for tag in clip.label):
            raise _wrong_label(task, clip)
        tags[row, [index[str(tag)] for tag in clip.label]] = 1
        tags[row, [index[tag] for tag in clip.unobserved]] = UNOBSERVED
    return tags


def _check_unobserved(task: Task, clip: Clip) -> None:
    if not task.partial:
        raise DataError(
            f"task {task.name!r}: clip {clip.id!r} has unobserved labels, but the task is not "
            "partial"
        )
    if not set(clip.unobserved) <= set(task.labels) - set(clip.label):
        raise DataError(
            f"task {task.name!r}: clip {clip.id!r} has the unobserved labels {clip.unobserved!r}; "
            "expected some of the task's labels that it is not labelled with"
        )


def _is_finite(value: object) -> bool:
    return isinstance(value, float | int | np.floating | np.integer) and bool(np.isfinite(value))


def _wrong_label(task: Task, clip: Clip) -> DataError:
    expected = {
        "multiclass": "one of its labels",
        "multilabel": "a tuple of its labels",
        "regression": f"a tuple of {len(task.labels)} finite numbers",
    }[task.kind]
    return DataError(
        f"task {task.name!r}: clip {clip.id!r} has the label {clip.label!r}; expected {expected} "
        f"({', '.join(task.labels[:6])}{', …' if len(task.labels) > 6 else ''})"
    )


def targets_by_clip(
    task: Task, split: SplitTable, clips: Sequence[Clip]
) -> dict[str, npt.NDArray[Any]]:
    """Targets of the clips of a split.

    Regression targets are z-scored per output with mean and population
    standard deviation of all clips that are not in the test split, unless the
    task says that its metrics need them as they are.
    """
    members = [clip for clip in clips if clip.id in split.of]
    targets = encode_targets(task, members)
    if task.kind == "regression" and task.z_score:
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
        rows = np.array(members).reshape(len(members), len(task.labels))
        positives, negatives = (rows == 1).sum(axis=0), (rows == 0).sum(axis=0)
        for label, yes, no in zip(task.labels, positives, negatives, strict=True):
            if yes == 0 or no == 0:
                which = "positive" if yes == 0 else "negative"
                raise DataError(
                    f"task {task.name!r}: the tag {label!r} has no {which} clip among the "
                    f"{yes + no} of the {name} split{' that have it observed' * task.partial}, "
                    "so it cannot be scored"
                )
