"""Statistics over time, shared by the handcrafted representations."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mirbench.benchmark.api import FloatArray


@contextmanager
def quiet() -> Iterator[None]:
    """Hide librosa's warnings: short and silent clips are expected in a benchmark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def normalised(audio: FloatArray) -> FloatArray:
    """Divide audio by its maximum absolute value, unless it is silent."""
    peak = np.abs(audio).max()
    return audio / peak if peak > 0 else audio


def moments_over_time(features: FloatArray) -> FloatArray:
    """Mean and standard deviation of features and of their first two differences.

    Parameters
    ----------
    features : ndarray of float32, shape [n_features, n_frames]

    Returns
    -------
    ndarray of float32, shape [6 * n_features]
        mean0, std0, mean1, std1, mean2, std2, where the number is the order
        of the difference. A difference that has no frame counts as 0.
    """
    moments = []
    for order in range(3):
        series = np.diff(features, n=order, axis=1)
        if series.shape[1] == 0:
            series = np.zeros((len(features), 1), dtype=features.dtype)
        moments += [series.mean(axis=1), series.std(axis=1)]
    return np.concatenate(moments).astype(np.float32)
