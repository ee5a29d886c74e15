"""What protocols without a grid share: standardised embeddings in, outputs of clips out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import FloatArray, IntArray
from mirbench.benchmark.probing.data import ProbeData, clip_targets
from mirbench.benchmark.scoring.metrics import Way, merge_windows
from mirbench.benchmark.scoring.repeated import mean_scores

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Probed:
    """What became of one layer.

    Attributes
    ----------
    valid : float
        Primary score on the validation set; of several draws, their mean.
    test_outputs : ndarray of float32, shape [n_clips, n_outputs] or [n_clips, draws, n_outputs]
    """

    valid: float
    test_outputs: FloatArray


def standardised(data: ProbeData) -> tuple[Matrix, Matrix, Matrix]:
    """Standardise the embeddings of training, validation and test.

    Mean and population standard deviation are those of all training rows, whose labels they do
    not need; a constant dimension becomes zero.
    """
    train = data.X_train.astype(np.float64)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    # What is left of a constant after rounding is not a spread.
    deviation[deviation <= 1e-9 * np.abs(mean)] = np.inf
    valid, test = (X.astype(np.float64) for X in (data.X_valid, data.X_test))
    scaled = [(X - mean) / deviation for X in (train, valid, test)]
    return scaled[0], scaled[1], scaled[2]


def one_hot(data: ProbeData) -> npt.NDArray[Any]:
    """Write the targets of the training rows as an array of shape [n, n_outputs]."""
    if data.kind == "multiclass":
        classes: npt.NDArray[np.float64] = np.eye(data.outputs)[data.y_train]
        return classes
    return data.y_train


def of_clips(outputs: Matrix, clips: IntArray | None, way: Way) -> FloatArray:
    """Merge the outputs of rows into those of clips."""
    return outputs.astype(np.float32) if clips is None else merge_windows(outputs, clips, way)


def valid_score(data: ProbeData, outputs: FloatArray) -> float:
    """Compute the primary score of outputs of the validation set's clips."""
    targets = clip_targets(data.y_valid, data.clips_valid)
    return mean_scores(data.metrics[:1], targets, outputs, data.labels)[data.metrics[0]]
