"""Tempo accuracies: Acc1 and Acc2 of Gouyon et al. (2006), from outputs on a helix.

Targets and outputs are ``[n, 3]``, in the order of
`mirbench.benchmark.api.TEMPO_LABELS` and not z-scored. The angle of the first
two outputs says what the tempo is but for factors of two; the third, a
regression of log2(BPM / 100), only chooses among these. So the octave is one
that the probe has learnt from the annotator of the training set, and none is
fixed by the metric: a fixed one would put a ceiling on Acc1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api.tempo import REFERENCE_BPM

#: Largest deviation from a tempo that counts as right, as a share of it.
TOLERANCE = 0.04

#: Multiples of the annotated tempo that Acc2 takes for right, too.
FACTORS = (1.0, 2.0, 3.0, 1 / 2, 1 / 3)

#: Octaves beyond which no tempo lies; a factor of 2**this is still a number.
_FARTHEST = 64.0


def decode_tempo(outputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Turn outputs into beats per minute.

    Parameters
    ----------
    outputs : ndarray, shape [n, 3]
        Cosine, sine and octaves; the first two need not lie on the unit circle.

    Returns
    -------
    ndarray of float64, shape [n]
        NaN where an output is no number.

    Examples
    --------
    >>> import numpy as np
    >>> decode_tempo(np.array([[1.0, 0.0, 0.9], [-0.2, 0.0, 0.6]])).round(1)
    array([200. , 141.4])
    """
    cosine, sine, octaves = outputs.astype(np.float64).T
    turns = np.arctan2(sine, cosine) / (2 * np.pi)
    nearest = turns + np.round(np.clip(octaves, -_FARTHEST, _FARTHEST) - turns)
    decoded: npt.NDArray[np.float64] = REFERENCE_BPM * np.exp2(nearest)
    return decoded


def tempo_hits(
    targets: npt.NDArray[Any], outputs: npt.NDArray[Any], factors: tuple[float, ...]
) -> npt.NDArray[np.bool_]:
    """Say which tempi are within 4 % of a multiple of the annotated ones.

    Parameters
    ----------
    targets, outputs : ndarray, shape [n, 3]
    factors : tuple of float
        The multiples.

    Returns
    -------
    ndarray of bool, shape [n]
    """
    # The annotated octave is exact where it is stored; its angle is rounded.
    annotated = REFERENCE_BPM * np.exp2(targets[:, 2].astype(np.float64))
    right = annotated[:, None] * np.array(factors)
    missed = np.abs(decode_tempo(outputs)[:, None] - right)
    hits: npt.NDArray[np.bool_] = (missed <= TOLERANCE * right).any(axis=1)
    return hits


def acc1(targets: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> float:
    """Share of tempi within 4 % of the annotated one."""
    return float(tempo_hits(targets, outputs, FACTORS[:1]).mean())


def acc2(targets: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> float:
    """Share of tempi within 4 % of the annotated one, its double, triple, half or third."""
    return float(tempo_hits(targets, outputs, FACTORS).mean())
