"""Adam for many probes in one pass, each with its learning rate and L2.

The formula and its rounding are those of `torch.optim.Adam` (Kingma & Ba,
2015; the L2 term is added to the gradient): float32, with fused
multiply-adds where torch's kernels have them. Torch itself needs eight passes
over memory for it, and its fused kernel rounds otherwise; on the CPU it is
two compiled passes here, with torch's own square root between them (from
MKL, it is not always the correctly rounded one).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
#: Floats a block: gradient, moments and weights of one block fit a core's cache.
BLOCK = 65536

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Pieces:
    """Which stretch of a flat buffer belongs to which probe, cut into blocks.

    Parameters
    ----------
    spans : list of (start, stop, probe)
        Ascending, without overlap; what lies between is padding.
    """

    def __init__(self, spans: list[tuple[int, int, int]]) -> None:
        self.spans = spans
        self.blocks: list[tuple[int, int, Ints, Ints, Ints]] = []
        block: list[tuple[int, int, int]] = []
        for start, stop, probe in spans:
            for low in range(start, stop, BLOCK):
                high = min(low + BLOCK, stop)
                if block and high - block[0][0] > BLOCK:
                    self._close(block)
                    block = []
                block.append((low, high, probe))
        self._close(block)

    def _close(self, block: list[tuple[int, int, int]]) -> None:
        starts, stops, probes = np.array(block, dtype=np.int64).T.copy()
        self.blocks.append((int(starts[0]), int(stops[-1]), starts, stops, probes))


class Adam:
    """The state of one bank's optimiser.

    Parameters
    ----------
    weights : tensor of float32, shape [n]
        Changed in place by `step`.
    learning_rates, l2 : list of float
        Of each probe.
    """

    def __init__(
        self,
        weights: torch.Tensor,
        moments: tuple[torch.Tensor, torch.Tensor],
        pieces: Pieces,
        learning_rates: list[float],
        l2: list[float],
    ) -> None:
        self.weights, self.moments, self.pieces = weights, moments, pieces
        self.learning_rates = np.array(learning_rates)
        self.l2 = np.array(l2, dtype=np.float32)

    def step(self, gradient: torch.Tensor, update: int) -> None:
        """Make update number `update` (from 1); `gradient` is overwritten."""
        sizes = (-(self.learning_rates / (1 - BETA1**update))).astype(np.float32)
        correction = (1 - BETA2**update) ** 0.5
        if self.weights.device.type == "cpu":
            self._compiled(gradient, sizes, correction)
        else:
            self._torch(gradient, sizes, correction)

    def _compiled(self, gradient: torch.Tensor, sizes: Floats, correction: float) -> None:
        first, second = self.moments
        p, g, m, v = (t.numpy() for t in (self.weights, gradient, first, second))
        root = gradient  # a gradient is no longer needed once the moments hold it
        c = np.float32(correction)
        for low, high, starts, stops, probes in self.pieces.blocks:
            _moments(p, g, m, v, starts, stops, probes, self.l2)
            torch.sqrt(second[low:high], out=root[low:high])
            _weights(p, m, g, starts, stops, probes, sizes, c)

    def _torch(self, gradient: torch.Tensor, sizes: Floats, correction: float) -> None:
        for start, stop, probe in self.pieces.spans:
            p, g, m, v = (t[start:stop] for t in (self.weights, gradient, *self.moments))
            g.add_(p, alpha=float(self.l2[probe]))
            m.lerp_(g, 1 - BETA1)
            v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            p.addcdiv_(m, v.sqrt().div_(correction).add_(EPS), value=float(sizes[probe]))


@intrinsic
def _fused_multiply_add(context: Any, a: Any, b: Any, c: Any) -> Any:
    """Compute ``a * b + c`` with one rounding."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float32(types.float32, types.float32, types.float32), generate


_fma: Any = _fused_multiply_add  # numba gives it the three operands, and the context itself
_W1, _B2, _W2, _EPS = (np.float32(x) for x in (1 - BETA1, BETA2, 1 - BETA2, EPS))


@numba.njit(nogil=True, error_model="numpy")
def _moments(
    p: Floats, g: Floats, m: Floats, v: Floats, starts: Ints, stops: Ints, probes: Ints, l2: Floats
) -> None:
    for piece in range(starts.size):
        decay = l2[probes[piece]]
        low, high = starts[piece], stops[piece]
        # Slices indexed from 0 let the compiler use vectors: no index can be negative.
        pp, gg, mm, vv = p[low:high], g[low:high], m[low:high], v[low:high]
        for i in range(pp.size):
            gi = _fma(decay, pp[i], gg[i])
            mm[i] = _fma(_W1, gi - mm[i], mm[i])
            vv[i] = _fma(_W2 * gi, gi, _B2 * vv[i])


@numba.njit(nogil=True, error_model="numpy")
def _weights(
    p: Floats,
    m: Floats,
    root: Floats,
    starts: Ints,
    stops: Ints,
    probes: Ints,
    sizes: Floats,
    correction: np.float32,
) -> None:
    for piece in range(starts.size):
        size = sizes[probes[piece]]
        low, high = starts[piece], stops[piece]
        pp, mm, rr = p[low:high], m[low:high], root[low:high]
        for i in range(pp.size):
            pp[i] += (size * mm[i]) / (rr[i] / correction + _EPS)


def prepare() -> None:
    """Compile the kernels (a second, once a process), so that no timing includes it."""
    one = np.zeros(1, dtype=np.float32)
    piece = (np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    _moments(one, one.copy(), one.copy(), one.copy(), *piece, one)
    _weights(one, one.copy(), one.copy(), *piece, one.copy(), np.float32(1))
