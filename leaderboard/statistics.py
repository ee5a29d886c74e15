"""Who differs from whom: paired bootstrap, rank groups, and the paper's average.

Two representations are compared on the same resamples of the test set's
groups, so what makes a resample easy or hard for both cancels out. One is
*better* than another if the 95 % interval of the difference of their scores
lies above zero: if it is ahead in more than 97.5 % of the resamples.

*Rank groups* replace ranks. Group 1 is the best score and all that it is not
better than; group 2 is the best of those left and all of the rest that this
one is not better than; and so on. Members of a group are not distinguishable
from its first, which is not to say that they are equal, nor that they are
indistinguishable from each other.

Nothing is corrected for the number of comparisons: among many
representations that do not differ, about one pair in twenty will seem to.
And the bootstrap draws test clips only: that another seed, training set or
split would give other scores is not part of any interval.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mirbench.leaderboard.samples import Samples

#: Differences below this are rounding, which depends on the machine.
_EQUAL = 1e-7


def better(samples: Sequence[Samples]) -> npt.NDArray[np.bool_]:
    """Compare every pair of representations: who is better than whom.

    Parameters
    ----------
    samples : sequence of n ndarrays, shape [n_resamples]
        One score of n representations on the same resamples; NaN where a
        resample has none, which speaks for nobody.

    Returns
    -------
    ndarray of bool, shape [n, n]
        Whether the representation of the row is better than that of the column.
    """
    scores = np.array(samples)
    tail = scores.shape[-1] // 40 if len(scores) else 0
    ahead = [np.count_nonzero(score - _EQUAL > scores, axis=1) for score in scores]
    counts = np.array(ahead).reshape(len(scores), len(scores))
    wins: npt.NDArray[np.bool_] = counts > scores.shape[-1] - tail
    return wins


def rank_groups(values: Sequence[float], wins: npt.NDArray[np.bool_]) -> list[int]:
    """Find the rank group of each representation, from 1.

    Parameters
    ----------
    values : sequence of float
        Scores on the whole test set.
    wins : ndarray of bool
        As `better` gives it, in the same order.
    """
    left = sorted(range(len(values)), key=lambda place: -values[place])
    groups = [0] * len(values)
    group = 0
    while left:
        group += 1
        first = left[0]
        for place in left:
            if not wins[first, place]:
                groups[place] = group
        left = [place for place in left if not groups[place]]
    return groups


def average_samples(by_task: Mapping[str, Sequence[Samples]]) -> Samples:
    """Average over tasks after the scores of each task, resample by resample.

    Test sets of different tasks have no clip in common, so their resamples
    must not go together: each task's are put in an order of their own, the
    same for every representation.
    """
    means = []
    for task, scores in by_task.items():
        mean = np.mean(scores, axis=0)
        order = np.random.default_rng(zlib.crc32(task.encode())).permutation(len(mean))
        means.append(mean[order])
    average: Samples = np.mean(means, axis=0)
    return average
