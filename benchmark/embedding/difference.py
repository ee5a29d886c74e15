"""How far embeddings of the same audio are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mirbench.benchmark.api import FloatArray

#: Smallest size by which differences are measured, as a share of the largest number of
#: a layer: smaller numbers may be nothing but the rounding of sums of larger ones.
SMALLEST = 0.1

#: Embeddings by clip id.
Rows = dict[str, FloatArray]


@dataclass(frozen=True)
class Difference:
    """How far embeddings of the same audio are apart.

    Attributes
    ----------
    share : float
        Largest difference of two numbers, by the size of such numbers; infinite
        where one of two embeddings was refused.
    clip : str
        Id of the clip where it is largest.
    """

    share: float = 0.0
    clip: str = ""


def alike(row: FloatArray, other: FloatArray, most: float) -> bool:
    """Whether two embeddings differ by rounding alone, however unequal the sizes of their numbers.

    Parameters
    ----------
    row, other : ndarray of float32, shape [dims] or [n_layers, dims]
    most : float
        Share of `difference` that rounding may make. Beside numbers a thousand times as large,
        such as a count of samples, those that tell of the audio are within it; so a tenth of the
        numbers may not differ by more than a hundredth of themselves.
    """
    if difference({"": row}, {"": other}).share > most:
        return False
    a, b = row.astype(np.float64), other.astype(np.float64)
    return float(np.mean(np.abs(a - b) > 0.01 * np.maximum(np.abs(a), np.abs(b)))) < 0.1


def difference(rows: Mapping[str, FloatArray], others: Mapping[str, FloatArray]) -> Difference:
    """Compare embeddings of the same clips, number by number.

    Parameters
    ----------
    rows : mapping
        Embedding by clip id, each of shape [dims] or [n_layers, dims].
    others : mapping
        The same; a clip that is not there was refused.
    """
    worst = Difference()
    if rows:
        each = [*rows.values(), *others.values()]
        size = np.max([np.abs(row) for row in each], axis=0).astype(np.float64)
        size = np.maximum(size, SMALLEST * size.max(axis=-1, keepdims=True))
    for clip_id, row in rows.items():
        share = np.inf
        if clip_id in others:
            apart = np.abs(row.astype(np.float64) - others[clip_id])
            share = float(np.max(apart / np.where(size > 0, size, 1)))
        if share > worst.share:
            worst = Difference(share, clip_id)
    return worst
