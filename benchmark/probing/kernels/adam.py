"""Adam, block by block: see `mirbench.benchmark.probing.adam`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.probing.kernels.language import (
    floats,
    fma,
    ints,
    kernel,
    part,
    real,
    square_roots,
)

Floats = npt.NDArray[np.float32]

_INFINITE = np.float32(np.inf)


@part
def divided(value: np.float32, by: np.float32, inverse: np.float32) -> np.float32:
    """Divide as the processor does, by a number whose inverse is known, in a third of the time.

    The second of two Newton steps rounds correctly, as the first leaves an error of less than one
    unit in the last place (Markstein, 1990, "Computation of elementary functions on the IBM RISC
    System/6000 processor"), unless something underflows on the way.

    Parameters
    ----------
    value : float32
        0, or of a size that leaves what is left of it after a division normal: from 1e-30 on, as
        each square root of a number is; or infinite, or not a number.
    by : float32
        Between 0.01 and 1.
    inverse : float32
        Its inverse, correctly rounded.
    """
    first = value * inverse
    better = fma(fma(-by, first, value), inverse, first)
    best = fma(fma(-by, better, value), inverse, better)
    return best if value < _INFINITE else first


@part
def _learn(
    p: Floats, g: Floats, m: Floats, v: Floats, decay: np.float32, betas: tuple[float, float]
) -> None:
    new = np.float32(1 - betas[0])
    kept, fresh = np.float32(betas[1]), np.float32(1 - betas[1])
    for i in range(p.size):
        gi = fma(decay, p[i], g[i])
        m[i] = fma(new, gi - m[i], m[i])
        v[i] = fma(fresh * gi, gi, kept * v[i])


@part
def _move(
    p: Floats, m: Floats, root: Floats, step: np.float32, correction: np.float32, eps: np.float32
) -> None:
    inverse = np.float32(1) / correction
    for i in range(p.size):
        p[i] += (step * m[i]) / (divided(root[i], correction, inverse) + eps)


@part
def _root(values: Floats, roots: Floats, function: int) -> None:
    if function != 0:
        square_roots(function, values.size, values.ctypes.data, roots.ctypes.data)
        return
    for i in range(values.size):
        roots[i] = np.sqrt(values[i])


@kernel
def adam_step(
    p: int,
    g: int,
    m: int,
    v: int,
    size: int,
    blocks: int,
    n_blocks: int,
    pieces: int,
    n_pieces: int,
    l2: int,
    steps: int,
    probes: int,
    beta1: int,
    beta2: int,
    eps: int,
    correction: int,
    roots: int,
) -> None:
    """Make an update of all probes of a bank.

    Parameters
    ----------
    p, g, m, v, size : int
        Addresses of the weights, of their gradient, which is overwritten, and of its two moments:
        so many floats each.
    blocks, n_blocks, pieces, n_pieces : int
        Those of `Pieces`.
    l2, steps, probes : int
        Addresses of the L2 and of the negative step size of each of so many probes.
    beta1, beta2, eps : float
        As in the paper.
    correction : float
        Root of the correction of the second moment.
    roots : int
        Address of MKL's function for square roots, or 0: as the processor does.
    """
    weights, gradient = floats(p, size), floats(g, size)
    first, second = floats(m, size), floats(v, size)
    block, piece = ints(blocks, 4 * n_blocks), ints(pieces, 3 * n_pieces)
    decay, step = floats(l2, probes), floats(steps, probes)
    betas = real(beta1), real(beta2)
    by, small = np.float32(real(correction)), np.float32(real(eps))
    for b in range(0, 4 * n_blocks, 4):
        begin, end = 3 * block[b + 2], 3 * block[b + 3]
        for i in range(begin, end, 3):
            # Slices indexed from 0 let the compiler use vectors: no index can be negative.
            low, high, probe = piece[i], piece[i + 1], piece[i + 2]
            old, slope = weights[low:high], gradient[low:high]
            _learn(old, slope, first[low:high], second[low:high], decay[probe], betas)
        # The gradient is no longer needed once the moments hold it.
        low, high = block[b], block[b + 1]
        _root(second[low:high], gradient[low:high], roots)
        for i in range(begin, end, 3):
            low, high, probe = piece[i], piece[i + 1], piece[i + 2]
            old, root = weights[low:high], gradient[low:high]
            _move(old, first[low:high], root, step[probe], by, small)
