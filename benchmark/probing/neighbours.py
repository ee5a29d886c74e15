"""The nearest training rows vote: what X-ARES calls kNN, on standardised embeddings.

Similarity is the cosine between embeddings standardised with the training set, so that neither
the mean of all embeddings nor a dimension of large numbers decides. The `k` most similar training
rows vote with the weights exp(similarity / temperature): for their class, for their tags, or with
the mean of their values. Of equal rows, the earlier. On a tag of a partial task those rows vote
that have it observed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import UNOBSERVED, FloatArray, IntArray
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.fixed import (
    Matrix,
    Probed,
    of_clips,
    one_hot,
    standardised,
    valid_score,
)
from mirbench.benchmark.protocol import Neighbours

#: Rows that are compared with the training set at once.
_BLOCK = 512


def probe_neighbours(data: ProbeData, protocol: Neighbours) -> Probed:
    """Let the nearest training rows vote on the clips of validation and test.

    Parameters
    ----------
    data : ProbeData
        Embeddings and targets of the three splits.
    protocol : Neighbours

    Returns
    -------
    Probed
        Outputs are shares of the votes per class or tag, or values; of a clip with windows, the
        mean over its windows.
    """
    train, valid, test = (_unit(X) for X in standardised(data))
    targets = one_hot(data)
    voters = [(train[rows], targets[rows, columns]) for rows, columns in _voters(data)]

    def outputs(X: Matrix, clips: IntArray | None) -> FloatArray:
        blocks = [X[start : start + _BLOCK] for start in range(0, len(X), _BLOCK)]
        voted = [
            np.hstack([_votes(block, *theirs, protocol) for theirs in voters]) for block in blocks
        ]
        return of_clips(np.concatenate(voted), clips, "gmean")

    score = valid_score(data, outputs(valid, data.clips_valid))
    return Probed(score, outputs(test, data.clips_test))


def _voters(data: ProbeData) -> list[tuple[slice | npt.NDArray[np.bool_], slice]]:
    """Say which training rows vote on which outputs."""
    if data.kind != "multilabel" or not (data.y_train == UNOBSERVED).any():
        return [(slice(None), slice(None))]
    observed = data.y_train.T != UNOBSERVED
    return [(rows, slice(tag, tag + 1)) for tag, rows in enumerate(observed)]


def _unit(X: Matrix) -> Matrix:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(X, axis=1, keepdims=True)
    unit: Matrix = X / np.where(length > 0, length, 1)
    return unit


def _votes(block: Matrix, train: Matrix, targets: Matrix, protocol: Neighbours) -> Matrix:
    if not len(train):
        return np.zeros((len(block), targets.shape[1]))
    similarity = block @ train.T
    k = min(protocol.k, len(train))
    # All that are as similar as the k-th, of which the earlier rows are taken.
    least = np.partition(similarity, -k, axis=1)[:, -k]
    voted = np.empty((len(block), targets.shape[1]))
    for row, (values, bound) in enumerate(zip(similarity, least, strict=True)):
        near = np.flatnonzero(values >= bound)
        near = near[np.argsort(-values[near], kind="stable")[:k]]
        weights = np.exp((values[near] - values[near[0]]) / protocol.temperature)
        voted[row] = weights @ targets[near] / weights.sum()
    return voted
