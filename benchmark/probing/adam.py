"""Adam for many probes in one pass, each with its learning rate and L2.

The formula and its rounding are those of `torch.optim.Adam` (Kingma & Ba,
2015; the L2 term is added to the gradient): float32, with fused
multiply-adds where torch's kernels have them. Torch itself needs eight passes
over memory for it, and its fused kernel rounds otherwise; on the CPU it is
one kernel here (`mirbench.benchmark.probing.kernels.adam`), which goes over each
block of weights while that is in the cache.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.probing.kernels import Call, word
from mirbench.benchmark.probing.kernels.torchs import function_address

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
#: Floats per block: gradient, moments and weights of one block fit into the cache of a core.
BLOCK = 32768

Floats = npt.NDArray[np.float32]


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
        self._steps = np.empty_like(self.l2)
        if weights.device.type == "cpu":
            self._step = Call(
                "adam_step",
                p=weights,
                m=moments[0],
                v=moments[1],
                size=weights.numel(),
                blocks=pieces.blocks,
                n_blocks=len(pieces.blocks),
                pieces=pieces.pieces,
                n_pieces=len(pieces.pieces),
                l2=self.l2,
                steps=self._steps,
                probes=len(self.l2),
                beta1=BETA1,
                beta2=BETA2,
                eps=EPS,
                # Torch takes square roots from MKL where it is built with it: not always the
                # correctly rounded ones, which its own loops and the processor give.
                roots=function_address("vmsSqrt"),
            )

    def step(self, gradient: torch.Tensor, update: int) -> None:
        """Make update number `update` (from 1); `gradient` is overwritten."""
        self._steps[:] = -(self.learning_rates / (1 - BETA1**update))
        correction = (1 - BETA2**update) ** 0.5
        way = self._kernel if self.weights.device.type == "cpu" else self._torch
        way(gradient, correction)

    def _kernel(self, gradient: torch.Tensor, correction: float) -> None:
        self._step(g=gradient.data_ptr(), correction=word(correction))

    def _torch(self, gradient: torch.Tensor, correction: float) -> None:
        for start, stop, probe in self.pieces.spans:
            p, g, m, v = (t[start:stop] for t in (self.weights, gradient, *self.moments))
            g.add_(p, alpha=float(self.l2[probe]))
            m.lerp_(g, 1 - BETA1)
            v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            p.addcdiv_(m, v.sqrt().div_(correction).add_(EPS), value=float(self._steps[probe]))
