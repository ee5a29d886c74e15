"""Batches as probes see them: see `mirbench.benchmark.probing.inputs`."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.probing.kernels.language import floats, ints, kernel, octets, real


@kernel
def gather(
    X: int,
    dims: int,
    rows: int,
    batch: int,
    mean: int,
    scale: int,
    standardise: int,
    levels: int,
    least: int,
    factor: int,
    out: int,
) -> None:
    """Gather, standardise and mask in one pass, each element rounded as by single steps.

    Parameters
    ----------
    X, dims : int
        Address of rows of so many floats.
    rows, batch : int
        Address of the places of so many of them.
    mean, scale : int
        Addresses of those of the columns.
    standardise : int
        Whether to.
    levels, least : int
        Address of the level of each element of the batch, and the one above which it is kept; 0
        for no mask.
    factor : float
        What multiplies an element that is kept.
    out : int
        Address of what receives the batch.
    """
    place, middle, width = ints(rows, batch), floats(mean, dims), floats(scale, dims)
    kept, limit = np.float32(real(factor)), np.uint8(least)
    for i in range(batch):
        x, o = floats(X + 4 * dims * place[i], dims), floats(out + 4 * dims * i, dims)
        if standardise != 0:
            for j in range(dims):
                o[j] = (x[j] - middle[j]) / width[j]
        else:
            for j in range(dims):
                o[j] = x[j]
        if levels != 0:
            level = octets(levels + dims * i, dims)
            for j in range(dims):
                o[j] *= kept * np.float32(level[j] > limit)
