"""Scores of the benchmark, through scikit-learn and mir_eval.

Conventions: `targets` are as `mirbench.benchmark.datasets.targets.encode_targets`
makes them; what is `UNOBSERVED` in them does not count; `outputs` are a probe's
real-valued outputs before any sigmoid or softmax, shape ``[n, n_outputs]``;
every score is a float whose best value is 1. A key is a class index 0–23, its
place in `mirbench.benchmark.api.KEYS`.

Clips are ranked by the sigmoids of their outputs (`probabilities`), as the
authors' code of the protocol ranks them: where outputs are so large that
their sigmoids are equal in single precision, they tie.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import (
    KEYS,
    UNOBSERVED,
    DataError,
    FloatArray,
    IntArray,
    Kind,
    UsageError,
)
from mirbench.benchmark.scoring.tempo import acc1, acc2

Array = npt.NDArray[np.floating]
Way = Literal["vote", "max", "gmean", "mean"]

#: Ways from the outputs of a track's windows to one decision, in the protocol's order.
WAYS: tuple[Way, ...] = ("vote", "max", "gmean", "mean")

#: Those that there are for each kind of task: of tags and values, the mean of the windows' outputs.
WAYS_OF: dict[Kind, tuple[Way, ...]] = {
    "multiclass": WAYS,
    "multilabel": ("gmean",),
    "regression": ("gmean",),
}

DEFAULT_METRICS: dict[Kind, tuple[str, ...]] = {
    "multiclass": ("accuracy",),
    "multilabel": ("roc_auc", "average_precision"),
    "regression": ("r2",),
}

#: Metrics that make sense for each kind of task.
METRICS_OF: dict[Kind, tuple[str, ...]] = {
    "multiclass": ("accuracy", "mean_recall", "chroma_accuracy", "weighted_key_score"),
    "multilabel": ("roc_auc", "average_precision"),
    "regression": ("r2", "acc1", "acc2"),
}


def accuracy(targets: IntArray, outputs: Array) -> float:
    """Share of rows whose largest output is the target class."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(targets, outputs.argmax(axis=1)))


def mean_recall(targets: IntArray, outputs: Array) -> float:
    """Recall of each class that has rows, averaged: the balanced accuracy."""
    n_classes = outputs.shape[1]
    there = np.bincount(targets, minlength=n_classes)
    found = np.bincount(targets[outputs.argmax(axis=1) == targets], minlength=n_classes)
    return float((found[there > 0] / there[there > 0]).mean())


def chroma_accuracy(targets: IntArray, outputs: Array) -> float:
    """Share of rows whose largest output is the target pitch or one octaves away from it.

    Classes are semitones in a row.
    """
    return float(((outputs.argmax(axis=1) - targets) % 12 == 0).mean())


#: Numbers that PyTorch computes in one go: whole vectors of every processor (what is left over
#: takes another exponential), and too few to be divided among threads.
_VECTORS, _BLOCK = 32, 16384


def probabilities(outputs: Array) -> FloatArray:
    """Sigmoids in single precision, as PyTorch computes them on a CPU.

    Equal outputs have equal sigmoids, wherever they stand in the array and
    whatever stands beside them. Outputs of 16.64 and more are all 1, those of
    -88.73 and less all 0. The original code differs in the last bit of up to
    15 numbers, the last of an array, whose ties depend on the order of clips.

    Parameters
    ----------
    outputs : ndarray of any shape

    Returns
    -------
    ndarray of float32, shape of `outputs`
        NaN where an output is NaN.
    """
    import torch

    filled = np.zeros(-(-outputs.size // _VECTORS) * _VECTORS, dtype=np.float32)
    values = filled[: outputs.size].reshape(outputs.shape)
    values[...] = outputs
    numbers = torch.from_numpy(filled)
    for start in range(0, len(filled), _BLOCK):
        numbers[start : start + _BLOCK].sigmoid_()
    return values


def roc_auc(targets: IntArray, outputs: Array) -> float:
    """Area under the ROC curve of `probabilities`, macro-averaged over labels.

    Of each label, the rows that have it observed count.

    Raises
    ------
    DataError
        If a label has no positive or no negative row: its curve is not defined.
    """
    from sklearn.metrics import roc_auc_score

    check_both_classes(targets)
    return _macro(roc_auc_score, targets, probabilities(outputs))


def average_precision(targets: IntArray, outputs: Array) -> float:
    """Average precision of `probabilities`, macro-averaged and raising as `roc_auc`."""
    from sklearn.metrics import average_precision_score

    check_both_classes(targets)
    # Rounding can carry scikit-learn's sum a hair above 1.
    return min(1.0, _macro(average_precision_score, targets, probabilities(outputs)))


def _macro(score: Callable[..., float], targets: IntArray, ranks: FloatArray) -> float:
    """Average a score over labels, each over the rows that have it observed."""
    observed = targets != UNOBSERVED
    if observed.all():
        return float(score(targets, ranks, average="macro"))
    columns = zip(targets.T, ranks.T, observed.T, strict=True)
    return float(np.mean([score(target[seen], rank[seen]) for target, rank, seen in columns]))


def check_both_classes(targets: IntArray) -> None:
    """Raise `DataError` if a label has no positive or no negative row."""
    positives, negatives = (targets == 1).sum(axis=0), (targets == 0).sum(axis=0)
    for label in np.flatnonzero((positives == 0) | (negatives == 0)):
        which = "positive" if positives[label] == 0 else "negative"
        n = positives[label] + negatives[label]
        raise DataError(f"label number {label} has no {which} clip among {n}")


def r2(targets: Array, outputs: Array) -> float:
    """Coefficient of determination, averaged uniformly over outputs."""
    from sklearn.metrics import r2_score

    return float(r2_score(targets, outputs, multioutput="uniform_average"))


@functools.cache
def key_score_table() -> npt.NDArray[np.float64]:
    """Tabulate mir_eval's weighted score of each estimated key against each reference.

    Returns
    -------
    ndarray of float64, shape [24, 24]
        Row: reference; column: estimate. 1 same key, 0.5 fifth, 0.3
        relative, 0.2 parallel, 0 otherwise.
    """
    from mir_eval.key import weighted_score

    table = [[weighted_score(ref, est) for est in KEYS] for ref in KEYS]
    return np.array(table, dtype=np.float64)


def weighted_key_score(targets: IntArray, outputs: Array) -> float:
    """Mean weighted key score (MIREX, as mir_eval defines it)."""
    return float(key_score_table()[targets, outputs.argmax(axis=1)].mean())


METRICS: dict[str, Callable[..., float]] = {
    "accuracy": accuracy,
    "mean_recall": mean_recall,
    "chroma_accuracy": chroma_accuracy,
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "r2": r2,
    "acc1": acc1,
    "acc2": acc2,
    "weighted_key_score": weighted_key_score,
}


def evaluate(
    metrics: Sequence[str],
    targets: npt.NDArray[Any],
    outputs: Array,
    labels: Sequence[str] = (),
) -> dict[str, float]:
    """Compute every named score; R² of several outputs also one by one, as ``r2_<label>``.

    Parameters
    ----------
    metrics : sequence of str
        Names in `METRICS`.
    targets : ndarray, shape [n] or [n, n_outputs]
    outputs : ndarray, shape [n, n_outputs]
    labels : sequence of str
        Names of the outputs; default: their numbers.

    Raises
    ------
    UsageError
        If there is no metric of a name.

    Examples
    --------
    >>> import numpy as np
    >>> outputs = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    >>> evaluate(["accuracy"], np.array([0, 1, 1]), outputs)
    {'accuracy': 0.6666666666666666}
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise UsageError(f"there is no metric {unknown[0]!r}; known: {', '.join(METRICS)}")
    scores = {name: METRICS[name](targets, outputs) for name in metrics}
    if "r2" in metrics and outputs.shape[1] > 1:
        names = labels or [str(i) for i in range(outputs.shape[1])]
        for i, name in enumerate(names):
            scores[f"r2_{name}"] = r2(targets[:, i : i + 1], outputs[:, i : i + 1])
    return scores


def softmax(outputs: Array) -> Array:
    """Softmax over the last axis."""
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def merge_windows(outputs: Array, clips: IntArray, way: Way) -> Array:
    """Turn the outputs of windows into outputs of clips; the argmax of classes is the decision.

    Parameters
    ----------
    outputs : ndarray, shape [n_windows, n_outputs]
    clips : ndarray of int, shape [n_windows]
        Number of the clip a window belongs to: 0, 1, …, n_clips - 1.
    way : {"vote", "max", "gmean", "mean"}
        Most frequent argmax; maximum output; mean output; mean softmax. Of
        equal decisions the lower class wins. Tags and values have mean outputs only.

    Returns
    -------
    ndarray of float32, shape [n_clips, n_outputs]

    Examples
    --------
    >>> import numpy as np
    >>> windows = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 5.0]])
    >>> merge_windows(windows, np.array([0, 0, 0, 1]), "vote").argmax(axis=1)
    array([0, 1])
    """
    n_clips = int(clips.max()) + 1
    if way == "max":
        merged = np.full((n_clips, outputs.shape[1]), -np.inf)
        np.maximum.at(merged, clips, outputs)
        return merged.astype(np.float32)
    if way == "vote":
        values = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
    else:
        values = softmax(outputs) if way == "mean" else outputs
    summed = np.zeros((n_clips, outputs.shape[1]))
    np.add.at(summed, clips, values)
    counts = np.bincount(clips, minlength=n_clips)[:, None]
    return (summed / counts).astype(np.float32)
