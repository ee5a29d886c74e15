"""Subnormal numbers count as zero while probes train: a processor takes 100 times as long for them.

They come in by themselves: under L2 the weights of a feature that is always 0 decay without an
end, and so do the moments of a unit that is never active. Nothing that can be seen depends on
them. Below 1.2e-38, a weight or a feature adds nothing to an output that has a bias, and a gradient
nothing to a weight, as Adam divides it by 1e-8 at least: the scores of a grid are the same with
and without (a test trains both ways). Scores are computed without it: probabilities may be as
small, and rank.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

_SUBNORMAL, _ONE = np.float32(1e-40), np.float32(1)


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Let them be zero in this thread, where its processor can do that."""
    if _SUBNORMAL * _ONE == 0:  # as somebody else has set it
        yield
        return
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
