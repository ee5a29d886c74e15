"""Paired intervals of the differences between every two scores of a column.

They are exact: every difference is taken on the same resamples, as in `statistics.better`, whose
verdict their ends repeat to the last resample. The ends are order statistics, the 50th of 2,000
from below and from above, so the lower one is above zero exactly where the first score is ahead in
more than 97.5 % of the resamples. They are held in hundredths of a point, which is a tenth of what
the pages show, and sorted in single precision, which is a thousandth of that.
"""

from __future__ import annotations

import base64
import string
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mirbench.leaderboard.samples import Samples

Ends = npt.NDArray[np.int32]

#: Hundredths of a point in a score of 1.
UNIT = 10_000

#: Stands for an end that there is none of, since too many resamples have no score.
NONE = -(2**15)

#: Of runs; none of them means anything to HTML.
DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"

_LARGEST = 2**31 - 1


def paired_ends(samples: Sequence[Samples], wins: npt.NDArray[np.bool_]) -> Ends:
    """Compute the ends of the interval of every difference.

    Parameters
    ----------
    samples : sequence of n ndarrays, shape [n_resamples]
        One score of n representations on the same resamples, NaN where one has none.
    wins : ndarray of bool, shape [n, n]
        Who is better than whom, as `statistics.better` gives it.

    Returns
    -------
    ndarray of int32, shape [n * (n - 1) / 2, 2]
        Lower and upper end of first less second, in hundredths of a point, `NONE` where there is
        no such end; pairs in the order of ``np.triu_indices(n, 1)``.
    """
    n = len(samples)
    ends = np.full((n * (n - 1) // 2, 2), NONE, dtype=np.int32)
    if n < 2:
        return ends
    scores = np.asarray(samples, dtype=np.float32)
    n_resamples = scores.shape[1]
    tail = n_resamples // 40 - 1
    place = 0
    for first in range(n - 1):
        differences = scores[first] - scores[first + 1 :]
        absent = np.count_nonzero(np.isnan(differences), axis=1)
        differences.sort(axis=1)  # those without a score come last
        lines = np.arange(len(differences))
        part = ends[place : place + len(lines)]
        part[:, 0] = _hundredths(differences[lines, np.maximum(tail - absent, 0)])
        part[:, 1] = _hundredths(differences[:, n_resamples - 1 - tail])
        part[absent > tail] = NONE
        _agree(part, wins[first, first + 1 :], wins[first + 1 :, first])
        place += len(lines)
    return ends


def pack_ends(ends: Ends) -> tuple[int, str]:
    """Pack ends for a page: bytes of a number (2 or 4), and little-endian numbers in base64."""
    size = 2 if bool(np.all((ends >= NONE) & (ends < -NONE))) else 4
    return size, base64.b64encode(ends.astype(f"<i{size}").tobytes()).decode()


def pack_wins(wins: npt.NDArray[np.bool_]) -> str:
    """Pack who is better than whom for a page, of representations of which the best come first.

    Returns
    -------
    str
        For each but the last: lengths of runs of those after it that it is not better than, is
        better than, is not, and so on, each as a digit of `DIGITS`; the last digit adds 63 and
        says that the run goes on. Far apart everybody is better, so that runs are few.
    """
    parts = []
    for first in range(len(wins) - 1):
        after = wins[first, first + 1 :]
        ends = [*(np.flatnonzero(np.diff(after)) + 1).tolist(), len(after)]
        starts = [0, *ends[:-1]]
        runs = [end - start for start, end in zip(starts, ends, strict=True)]
        for run in [0, *runs] if after[0] else runs:
            parts.append(DIGITS[63] * (run // 63) + DIGITS[run % 63])
    return "".join(parts)


def _hundredths(values: npt.NDArray[np.float32]) -> Ends:
    """Round to hundredths of a point; what lies half-way, but for rounding, goes up everywhere."""
    scaled = np.floor(values.astype(np.float64) * UNIT + (0.5 + 1e-3))
    bounded: Ends = np.clip(np.nan_to_num(scaled), -_LARGEST, _LARGEST).astype(np.int32)
    bounded[bounded == NONE] = NONE + 1
    return bounded


def _agree(ends: Ends, wins: npt.NDArray[np.bool_], losses: npt.NDArray[np.bool_]) -> None:
    """Keep the signs that decide, where a difference is less than half a hundredth of a point."""
    known = ends[:, 0] != NONE
    low, high = ends[:, 0], ends[:, 1]
    low[known & wins] = np.maximum(low[known & wins], 1)
    low[known & ~wins] = np.minimum(low[known & ~wins], 0)
    high[known & losses] = np.minimum(high[known & losses], -1)
    high[known & ~losses] = np.maximum(high[known & ~losses], 0)
