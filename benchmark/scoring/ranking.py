"""ROC-AUC and average precision under many weightings of the clips at once.

Clips are ordered by a label's output once; a pass down that order keeps, for
every resample, the weight of the positives and of the negatives so far. The
inner loop runs over resamples and adds small integers, many at once: 2,000
resamples of MagnaTagATune's test set (5,329 clips, 50 tags) take some 30 ms,
without approximation.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import UNOBSERVED

#: The key of a clip that does not count.
_LAST = np.iinfo(np.int64).max


def ranking_scores(
    targets: npt.NDArray[Any],
    outputs: npt.NDArray[Any],
    groups: npt.NDArray[np.intp],
    counts: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Compute the ROC-AUC and the average precision of every label in every resample.

    Equal outputs count as scikit-learn has it: half a win, and one threshold.

    Parameters
    ----------
    targets : ndarray of 0 and 1, shape [n, n_labels]
        `UNOBSERVED` (-1) where a clip does not count for a label.
    outputs : ndarray, shape [n, n_labels]
        Finite.
    groups : ndarray of int, shape [n]
        Number of each clip's group.
    counts : ndarray of float64, shape [n_resamples, n_groups]
        How often a resample holds each group, in whole numbers.

    Returns
    -------
    tuple of two ndarrays of float32, shape [n_resamples, n_labels]
        NaN where a resample has no positive, or (ROC-AUC) no negative, clip.
    """
    heaviest = (counts @ np.bincount(groups, minlength=counts.shape[1])).max(initial=0)
    kind = np.int16 if heaviest < 2**15 else np.int32
    unobserved = targets.T == UNOBSERVED
    keys = _descending(outputs, unobserved)
    positive = np.ascontiguousarray(targets.T == 1)
    weights = np.ascontiguousarray(counts.T, kind)
    roc_auc = np.zeros((outputs.shape[1], len(counts)), np.float32)
    precision = np.zeros_like(roc_auc)
    _walk(keys, positive, groups, weights, roc_auc, precision)
    return roc_auc.T, precision.T


def _descending(
    outputs: npt.NDArray[Any], unobserved: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Sort each label's clips from the highest output down, those that do not count last.

    A key holds the output's bits, made to order as integers do, in its upper
    half and the clip in its lower: one sort of integers gives order and ties.
    """
    # Adding zero makes a negative zero a positive one.
    bits = np.ascontiguousarray(outputs.T.astype(np.float32) + np.float32(0)).view(np.int32)
    keys = np.where(bits < 0, bits ^ np.int32(2**31 - 1), bits).astype(np.int64)
    keys = (-keys << 32) | np.arange(len(outputs))
    keys[unobserved] = _LAST
    keys.sort(axis=1)
    return keys


@numba.njit(nogil=True, error_model="numpy")
def _walk(keys, positive, groups, weights, roc_auc, precision):  # type: ignore[no-untyped-def]
    n_labels = len(keys)
    n_resamples = weights.shape[1]
    half, one = np.float32(0.5), np.float32(1)
    pos = np.empty(n_resamples, weights.dtype)  # weight of positives so far
    neg = np.empty(n_resamples, weights.dtype)
    more_pos = np.empty(n_resamples, weights.dtype)  # weight of those with the same output
    more_neg = np.empty(n_resamples, weights.dtype)
    for label in range(n_labels):
        lost, found = roc_auc[label], precision[label]
        pos[:] = 0
        neg[:] = 0
        first, n = 0, keys.shape[1]
        while n > 0 and keys[label, n - 1] == _LAST:
            n -= 1
        while first < n:
            last = first + 1
            while last < n and keys[label, last] >> 32 == keys[label, first] >> 32:
                last += 1
            clip = keys[label, first] & 0xFFFFFFFF
            if last == first + 1 and not positive[label, clip]:
                own = weights[groups[clip]]
                for r in range(n_resamples):
                    neg[r] += own[r]
            elif last == first + 1:
                own = weights[groups[clip]]
                for r in range(n_resamples):
                    pos[r] += own[r]
                    w, p, q = np.float32(own[r]), np.float32(pos[r]), np.float32(neg[r])
                    lost[r] += w * q
                    found[r] += w * p / max(p + q, one)
            else:
                more_pos[:] = 0
                more_neg[:] = 0
                for place in range(first, last):
                    clip = keys[label, place] & 0xFFFFFFFF
                    more = more_pos if positive[label, clip] else more_neg
                    own = weights[groups[clip]]
                    for r in range(n_resamples):
                        more[r] += own[r]
                for r in range(n_resamples):
                    w = np.float32(more_pos[r])
                    lost[r] += w * (np.float32(neg[r]) + half * np.float32(more_neg[r]))
                    pos[r] += more_pos[r]
                    neg[r] += more_neg[r]
                    p, q = np.float32(pos[r]), np.float32(neg[r])
                    found[r] += w * p / max(p + q, one)
            first = last
        for r in range(n_resamples):
            p, q = np.float32(pos[r]), np.float32(neg[r])
            lost[r] = one - lost[r] / (p * q) if p * q > 0 else np.nan
            found[r] = found[r] / p if p > 0 else np.nan
