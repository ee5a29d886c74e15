"""The worst outputs that a row could have given for clips that it lacks.

A test clip without an embedding is scored as wrong, so that nobody gains by losing the clips on
which a representation fails. The outputs depend on nothing but the targets of the lacking clips
and the outputs on all others, so that anybody can compute them again, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import FloatArray, Kind
from mirbench.benchmark.scoring.metrics import evaluate


def worst_outputs(
    kind: Kind,
    metrics: Sequence[str],
    labels: Sequence[str],
    outputs: FloatArray,
    targets: npt.NDArray[Any],
) -> FloatArray:
    """Make outputs for lacking clips from those that the others have.

    Of a class, those of another class, the one that scores least; of a tag, below all other clips
    where it applies and above them where it does not; of a value, the one farthest from the
    target that any other clip has; of a tempo, half an octave aside, which is near no multiple.

    Parameters
    ----------
    kind : {"multiclass", "multilabel", "regression"}
    metrics : sequence of str
        Of the task.
    labels : sequence of str
        Outputs of a probe, in order.
    outputs : ndarray of float32, shape [n, n_outputs] or [n, draws, n_outputs]
        On the clips that have an embedding.
    targets : ndarray, shape [n_lacking] or [n_lacking, n_outputs]
        Of the clips that have none.

    Returns
    -------
    ndarray of float32, shape [n_lacking, n_outputs] or [n_lacking, draws, n_outputs]
    """
    draws = outputs if outputs.ndim == 3 else outputs[:, np.newaxis]
    lowest, highest = draws.min(axis=0), draws.max(axis=0)  # [draws, n_outputs]
    if kind == "multiclass":
        worst_class = _worst_classes(metrics, labels, targets)
        chosen = np.eye(len(labels), dtype=bool)[worst_class][:, np.newaxis]
        worst = np.where(chosen, highest.max(axis=1, keepdims=True) + 1, lowest)
    else:
        stated = targets[:, np.newaxis].astype(np.float32)
        if {"acc1", "acc2"}.intersection(metrics):
            aside = stated * np.array([-1, -1, 1], np.float32)
            worst = np.broadcast_to(aside, (len(targets), *lowest.shape))
        elif kind == "multilabel":
            worst = np.where(stated == 1, lowest - 1, highest + 1)
        else:
            worst = np.where(stated - lowest > highest - stated, lowest, highest)
    single: FloatArray = worst.astype(np.float32)
    return single if outputs.ndim == 3 else single[:, 0]


def _worst_classes(
    metrics: Sequence[str], labels: Sequence[str], targets: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Find the class that scores least for each target, over all metrics; of equals, the first."""
    of = {}
    certain = np.eye(len(labels), dtype=np.float32)
    for target in np.unique(targets):
        scores = [
            sum(evaluate(metrics, np.array([target]), output[np.newaxis], labels).values())
            for output in certain
        ]
        of[int(target)] = int(np.argmin(scores))
    return np.array([of[int(target)] for target in targets], dtype=np.int64)
