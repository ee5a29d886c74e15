"""The numbers of torch's CPU generator and of Python's, several times faster.

Both are a Mersenne Twister (Matsumoto & Nishimura, 1998). Torch draws a
double-precision uniform from two of its words: 21 bits of the first and all 32
of the second. Here the same uniforms come from one compiled loop over whole blocks
of the twister's state (`mirbench.benchmark.probing.kernels.draws`), and each is only
compared with the shares that dropout rates keep. What comes out is one byte per
element for all rates: its level, the number of rates that keep it. Python draws
the rows of a batch from single words; here a compiled loop does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.probing.kernels import Call, word

Bytes = npt.NDArray[np.uint8]

#: Words of the twister's state.
STATE = 624
#: Blocks of the state that are made at once: they stay in the cache of a core.
BLOCKS = 16
#: Where the state of a torch generator holds how many words of its block are left, which is
#: next, and the words.
_LEFT, _NEXT, _WORDS = 8, 16, 24


class Twister:
    """The numbers that a generator of torch will give.

    Parameters
    ----------
    generator : torch.Generator
        On the CPU; its state is copied, and does not change.
    rates : sequence of float
        Dropout rates above 0, ascending.
    """

    def __init__(self, generator: torch.Generator, rates: Sequence[float]) -> None:
        self._state = generator.get_state().numpy()
        left = int(self._state[_LEFT : _LEFT + 4].view(np.int32)[0])
        block = self._state[_WORDS : _WORDS + 8 * STATE].view(np.uint64)
        limits = [math.ceil((1 - p) * 2.0**53) for p in rates]
        # In threes; nothing is below 0.
        self._limits = np.array(limits + [0] * (-len(limits) % 3), dtype=np.int64)
        #: The last block, and those after it.
        self._words = np.zeros(STATE * (BLOCKS + 1), dtype=np.uint32)
        self._words[:STATE] = block
        # Which word is next, and where they end; a generator that was only seeded makes its
        # first block when the first number is drawn.
        self._ends = np.array([STATE - left + 1, STATE], dtype=np.int64)
        self._count = Call(
            "count_kept",
            state=self._words,
            size=len(self._words),
            position=self._ends,
            limits=self._limits,
            n_limits=len(self._limits),
        )

    def levels(self, out: Bytes) -> None:
        """Draw one uniform for each byte of `out`, and write how many rates keep it.

        Parameters
        ----------
        out : ndarray of uint8, shape [n]
            Contiguous; overwritten.
        """
        self._count(out=word(out), n=out.size)

    def state(self) -> Bytes:
        """Give the state of a generator of torch that has come as far."""
        block = (int(self._ends[0]) - 1) // STATE
        used = int(self._ends[0]) - block * STATE
        state: Bytes = self._state.copy()
        state[_LEFT : _LEFT + 4].view(np.int32)[0] = STATE - used + 1
        state[_NEXT : _NEXT + 8].view(np.uint64)[0] = used
        words = self._words[block * STATE : (block + 1) * STATE]
        state[_WORDS : _WORDS + 8 * STATE].view(np.uint64)[:] = words
        return state


class Sampler:
    """The samples that Python's ``Random.sample(range(n), size)`` will give.

    Parameters
    ----------
    source : random.Random
        Its state is copied, and does not change.
    n, size : int
        As many, and how many of them.
    """

    def __init__(self, source: random.Random, n: int, size: int) -> None:
        _, words, _ = source.getstate()
        #: The state, and room for another.
        self._words = np.zeros(2 * STATE, dtype=np.uint32)
        self._words[:STATE] = words[:STATE]
        self._next = np.array([words[STATE]], dtype=np.int64)
        self._marks = np.zeros(n, dtype=np.int64)
        self._sample = Call(
            "sample",
            state=self._words,
            position=self._next,
            # Python keeps a list of those that are left where that takes less than a set.
            pools=n <= 21 + (4 ** math.ceil(math.log(size * 3, 4)) if size > 5 else 0),
            marks=self._marks,
            n=n,
        )

    def sample(self, out: npt.NDArray[np.int64]) -> None:
        """Fill `out` with numbers below n, no two of which are equal."""
        self._sample(out=word(out), size=out.size)

    def state(self) -> tuple[int, ...]:
        """Give the words of the state of a ``Random`` that has come as far."""
        return *self._words[:STATE].tolist(), int(self._next[0])
