"""Adam for many probes in one pass, each with its learning rate and L2.

The formula and its rounding are those of `torch.optim.Adam` (Kingma & Ba,
2015; the L2 term is added to the gradient): float32, with fused
multiply-adds where torch's kernels have them. Torch itself needs eight passes
over memory for it, and its fused kernel rounds otherwise; on the CPU it is
one compiled call here, which goes over each block of weights while that is in
the cache, and which other threads need not wait for.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
#: Floats per block: gradient, moments and weights of one block fit into the cache of a core.
BLOCK = 32768

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Pieces:
    """Which stretch of a flat buffer belongs to which probe, cut into blocks.

    Parameters
    ----------
    spans : list of (start, stop, probe)
        Ascending, without overlap; what lies between is padding.

    Attributes
    ----------
    blocks : ndarray of int64, shape [n_blocks, 4]
        Of each block, the stretch of the buffer and the stretch of `pieces`.
    pieces : ndarray of int64, shape [n_pieces, 3]
        Start and stop in the buffer, and the probe.
    """

    def __init__(self, spans: list[tuple[int, int, int]]) -> None:
        self.spans = spans
        pieces: list[tuple[int, int, int]] = []
        firsts: list[int] = []
        for start, stop, probe in spans:
            for low in range(start, stop, BLOCK):
                high = min(low + BLOCK, stop)
                if not firsts or high - pieces[firsts[-1]][0] > BLOCK:
                    firsts.append(len(pieces))
                pieces.append((low, high, probe))
        lasts = [*firsts[1:], len(pieces)]
        blocks = [
            (pieces[first][0], pieces[last - 1][1], first, last)
            for first, last in zip(firsts, lasts, strict=True)
        ]
        self.pieces = np.array(pieces, dtype=np.int64)
        self.blocks = np.array(blocks, dtype=np.int64)


class Adam:
    """The state of one bank's optimiser.

    Parameters
    ----------
    weights : tensor of float32, shape [n]
        Changed in place by `step`.
    moments : tuple of two tensors of float32, shape [n]
        Running means of the gradient and of its square; changed in place by `step`.
    pieces : Pieces
        Which stretches of these buffers belong to which probe.
    learning_rates, l2 : list of float
        One per probe.
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
        _step(
            *(p, g, m, v),
            blocks=self.pieces.blocks,
            pieces=self.pieces.pieces,
            l2=self.l2,
            sizes=sizes,
            correction=np.float32(correction),
        )

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


def _torchs_square_root() -> Any:
    """Compile the square root from one array into another, which rounds as `torch.sqrt`.

    Torch takes it from MKL where it is built with it: not always the
    correctly rounded one, which torch's own kernels and the processor give.
    """
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        mkl = ctypes.CDLL(str(library)).vmsSqrt
    except (OSError, AttributeError):

        @numba.njit(nogil=True)
        def correctly_rounded(values: Floats, roots: Floats) -> None:
            for i in range(values.size):
                roots[i] = np.sqrt(values[i])

        return correctly_rounded

    mkl.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    mkl.restype = None
    mode = 0x2 | 0x140000 | 0x100  # as torch: high accuracy, subnormals kept, no error status

    @numba.njit(nogil=True)
    def from_mkl(values: Floats, roots: Floats) -> None:
        mkl(values.size, values.ctypes, roots.ctypes, mode)

    return from_mkl


_square_root = _torchs_square_root()
_INFINITE = np.float32(np.inf)


@numba.njit(nogil=True, inline="always")
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
    better = _fma(_fma(-by, first, value), inverse, first)
    best = _fma(_fma(-by, better, value), inverse, better)
    return best if value < _INFINITE else first


@numba.njit(nogil=True, error_model="numpy")
def _step(
    p: Floats,
    g: Floats,
    m: Floats,
    v: Floats,
    blocks: Ints,
    pieces: Ints,
    l2: Floats,
    sizes: Floats,
    correction: np.float32,
) -> None:
    inverse = np.float32(1) / correction
    for block in range(blocks.shape[0]):
        start, stop, first, last = blocks[block]
        for piece in range(first, last):
            low, high, probe = pieces[piece]
            decay = l2[probe]
            # Slices indexed from 0 let the compiler use vectors: no index can be negative.
            pp, gg, mm, vv = p[low:high], g[low:high], m[low:high], v[low:high]
            for i in range(pp.size):
                gi = _fma(decay, pp[i], gg[i])
                mm[i] = _fma(_W1, gi - mm[i], mm[i])
                vv[i] = _fma(_W2 * gi, gi, _B2 * vv[i])
        # The gradient is no longer needed once the moments hold it.
        _square_root(v[start:stop], g[start:stop])
        for piece in range(first, last):
            low, high, probe = pieces[piece]
            size = sizes[probe]
            pp, mm, rr = p[low:high], m[low:high], g[low:high]
            for i in range(pp.size):
                pp[i] += (size * mm[i]) / (divided(rr[i], correction, inverse) + _EPS)


def prepare() -> None:
    """Compile the kernel (seconds, once a process), so that no timing includes it."""
    one = np.zeros(1, dtype=np.float32)
    p, g, m, v = (one.copy() for _ in range(4))
    pieces = Pieces([(0, 1, 0)])
    _step(
        *(p, g, m, v),
        blocks=pieces.blocks,
        pieces=pieces.pieces,
        l2=one,
        sizes=one,
        correction=np.float32(1),
    )
