"""Ranking scores of many probes at once: which rows pairs and precisions are counted by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import UNOBSERVED
from mirbench.benchmark.scoring.metrics import check_both_classes


class RarerClass(NamedTuple):
    """The rows of the rarer class of each label, by which pairs are counted.

    Attributes
    ----------
    flipped : ndarray of bool, shape [n_labels]
        Whether it is the negative one.
    sizes, others : ndarray of int64, shape [n_labels]
        Rows of the rarer class, and of the other.
    rows : ndarray of int64, shape [n_labels, largest size]
        Filled up with 0.
    absent : ndarray of bool, shape of `rows`
        Where it is filled up.
    """

    flipped: npt.NDArray[np.bool_]
    sizes: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    absent: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, targets: npt.NDArray[Any]) -> RarerClass:
        """Find them; raises as `check_both_classes`."""
        check_both_classes(targets)
        positive, negative = np.asarray(targets) == 1, np.asarray(targets) == 0
        flipped = positive.sum(axis=0) > negative.sum(axis=0)
        rare = np.where(flipped, negative, positive)
        sizes = rare.sum(axis=0)
        others = (positive | negative).sum(axis=0) - sizes
        return cls(flipped, sizes, others, *_rows_of(rare))


def _rows_of(members: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """List the rows of each label's members, and where a list is filled up; see `RarerClass`."""
    sizes = members.sum(axis=0)
    rows = np.zeros((members.shape[1], sizes.max()), dtype=np.int64)
    there = np.arange(sizes.max()) < sizes[:, None]
    rows[there] = np.nonzero(members.T)[1]
    return rows, ~there


class Columns:
    """Probabilities by label, with those of unobserved cells above all others.

    So what is not observed is left out of a count of what lies below, or not above, an observed
    one; what is no number stays none.

    Parameters
    ----------
    targets : ndarray of 0 and 1, shape [n, n_labels]
        `UNOBSERVED` where a row does not count for a label.
    """

    def __init__(self, targets: npt.NDArray[Any], device: torch.device) -> None:
        unobserved = np.asarray(targets).T == UNOBSERVED
        self._lift: torch.Tensor | None = None
        if unobserved.any():
            lift = np.where(unobserved, np.float32(2), np.float32(0))
            self._lift = torch.from_numpy(lift).to(device)

    def __call__(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Turn ``[probes, n, n_labels]`` into a copy of shape ``[probes, n_labels, n]``."""
        columns = probabilities.transpose(1, 2).contiguous()
        if self._lift is not None:
            columns += self._lift
        return columns


class Precisions:
    """Average precision of each label, from ranks.

    It is the mean, over the positive rows, of the share of positive ones among the rows that are
    not below; rows of one output are one threshold, as scikit-learn has it.

    Parameters
    ----------
    targets : ndarray of 0 and 1, shape [n, n_labels]
        `UNOBSERVED` where a row does not count for a label.

    Raises
    ------
    DataError
        As `check_both_classes`.
    """

    def __init__(self, targets: npt.NDArray[Any], device: torch.device) -> None:
        check_both_classes(targets)
        positive, observed = np.asarray(targets) == 1, np.asarray(targets) != UNOBSERVED
        self._rows, self._absent, self._positives, self._observed = (
            torch.from_numpy(array).to(device)
            for array in (*_rows_of(positive), positive.sum(axis=0), observed.sum(axis=0))
        )

    def __call__(self, columns: torch.Tensor, ranked: torch.Tensor) -> torch.Tensor:
        """Average over the labels.

        Parameters
        ----------
        columns, ranked : tensor of float32, shape [probes, n_labels, n]
            Probabilities, with those of unobserved cells above all others; and sorted.

        Returns
        -------
        tensor of float64, shape [probes]
        """
        own = columns.gather(2, self._rows.expand(len(columns), -1, -1))
        own.masked_fill_(self._absent, torch.inf)
        own = own.sort(dim=-1).values
        among = self._positives[:, None] - torch.searchsorted(own, own)
        found = self._observed[:, None] - torch.searchsorted(ranked, own)
        # Sorted, what fills a row up is at its end, as it was.
        shares = (among.double() / found).masked_fill_(self._absent, 0)
        return (shares.sum(dim=2) / self._positives).mean(dim=1)
