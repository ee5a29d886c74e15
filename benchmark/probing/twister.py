"""The numbers of torch's CPU generator and of Python's, several times faster.

Both are a Mersenne Twister (Matsumoto & Nishimura, 1998). Torch draws a
double-precision uniform from two of its words: 21 bits of the first and all 32
of the second. Here the same uniforms come from one compiled loop over whole blocks
of the twister's state, and each is only compared with the shares that dropout
rates keep. What comes out is one byte per element for all rates: its level,
the number of rates that keep it. Python draws the rows of a batch from single
words; here a compiled loop does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt
import torch

Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

#: Words of the twister's state, and how far apart the two are that make a new one.
STATE, APART = 624, 397
#: Blocks of the state that are made at once: they stay in the cache of a core.
BLOCKS = 16
#: Where the state of a torch generator holds how many words of its block are left, and the words.
_LEFT, _WORDS = 8, 24


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
        state = generator.get_state().numpy()
        left = int(state[_LEFT : _LEFT + 4].view(np.int32)[0])
        block = state[_WORDS : _WORDS + 8 * STATE].view(np.uint64)
        limits = [math.ceil((1 - p) * 2.0**53) for p in rates]
        # In threes; nothing is below 0.
        self._limits = np.array(limits + [0] * (-len(limits) % 3), dtype=np.int64)
        #: The last block, and those after it.
        self._words = np.zeros(STATE * (BLOCKS + 1), dtype=np.uint32)
        self._words[:STATE] = block
        # Which word is next, and where they end; a generator that was only seeded makes its
        # first block when the first number is drawn.
        self._ends = np.array([STATE - left + 1, STATE], dtype=np.int64)

    def levels(self, out: Bytes) -> None:
        """Draw one uniform for each byte of `out`, and write how many rates keep it.

        Parameters
        ----------
        out : ndarray of uint8, shape [n]
            Contiguous; overwritten.
        """
        _levels(self._words, self._ends, self._limits, out)


@numba.njit(nogil=True, inline="always")
def _temper(x: np.uint32) -> np.uint32:
    # Numba would go on with 64 bits, half as many at once.
    x = np.uint32(x ^ (x >> np.uint32(11)))
    x = np.uint32(x ^ ((x << np.uint32(7)) & np.uint32(0x9D2C5680)))
    x = np.uint32(x ^ ((x << np.uint32(15)) & np.uint32(0xEFC60000)))
    return np.uint32(x ^ (x >> np.uint32(18)))


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
        self._state = np.array(words[:STATE], dtype=np.uint32)
        self._next = np.array([words[STATE]], dtype=np.int64)
        #: Python keeps a list of those that are left where that takes less than a set.
        self._pools = n <= 21 + (4 ** math.ceil(math.log(size * 3, 4)) if size > 5 else 0)
        self._marks = np.zeros(n, dtype=np.int64)

    def sample(self, out: npt.NDArray[np.int64]) -> None:
        """Fill `out` with numbers below n, no two of which are equal."""
        _sample(self._state, self._next, self._pools, self._marks, out)


@numba.njit(nogil=True)
def _sample(
    state: Words,
    position: npt.NDArray[np.int64],
    pools: bool,
    marks: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    n = marks.size
    for i in range(n):
        marks[i] = i if pools else 0
    for i in range(out.size):
        left = n - i if pools else n
        bits = 0
        while left >> bits:
            bits += 1
        while True:
            if position[0] >= STATE:
                _twist(state.copy(), state)
                position[0] = 0
            x = _temper(state[position[0]])
            position[0] += 1
            drawn = np.int64(x >> np.uint32(32 - bits))
            if drawn < left and (pools or marks[drawn] == 0):
                break
        if pools:
            out[i] = marks[drawn]
            marks[drawn] = marks[left - 1]
        else:
            out[i] = drawn
            marks[drawn] = 1


@numba.njit(nogil=True, inline="always")
def _mixed(this: np.uint32, following: np.uint32) -> np.uint32:
    y = (this & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
    odd = np.uint32(np.uint32(0) - (following & np.uint32(1)))
    return np.uint32((y >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF)))


@numba.njit(nogil=True)
def _twist(old: Words, new: Words) -> None:
    """Make the next block of the state; the two must not overlap, for the sake of vectors."""
    near, far = STATE - APART, APART
    a, b, c, d = old[:near], old[1 : near + 1], old[far:], new[:near]
    for i in range(near):
        d[i] = c[i] ^ _mixed(a[i], b[i])
    # In two stretches, so that none reads what it writes.
    for start, stop in ((near, 2 * near), (2 * near, STATE - 1)):
        a, b = old[start:stop], old[start + 1 : stop + 1]
        c, d = new[start - near : stop - near], new[start:stop]
        for i in range(d.size):
            d[i] = c[i] ^ _mixed(a[i], b[i])
    new[STATE - 1] = new[far - 1] ^ _mixed(old[STATE - 1], new[0])


@numba.njit(nogil=True)
def _refill(words: Words, ends: npt.NDArray[np.int64]) -> None:
    """Make new blocks after the last, which comes first; keep what is left of it."""
    ends[0] -= ends[1] - STATE
    words[:STATE] = words[ends[1] - STATE : ends[1]]
    for start in range(0, words.size - STATE, STATE):
        _twist(words[start : start + STATE], words[start + STATE : start + 2 * STATE])
    ends[1] = words.size


@numba.njit(nogil=True)
def _levels(
    words: Words, ends: npt.NDArray[np.int64], limits: npt.NDArray[np.int64], out: Bytes
) -> None:
    done = 0
    while done < out.size:
        if ends[1] - ends[0] < 2:
            _refill(words, ends)
        count = min((ends[1] - ends[0]) // 2, out.size - done)
        pairs, part = words[ends[0] : ends[0] + 2 * count], out[done : done + count]
        part[:] = 0
        for rate in range(0, limits.size, 3):
            _count(pairs, limits[rate], limits[rate + 1], limits[rate + 2], part)
        ends[0] += 2 * count
        done += count


@numba.njit(nogil=True)
def _count(pairs: Words, one: np.int64, two: np.int64, three: np.int64, part: Bytes) -> None:
    """Add how many of three limits an element is below."""
    if (one | two | three) & 0xFFFFFFFF == 0:
        # Of rates as 0.25, the limits are so round that the second word does not matter.
        a, b, c = np.uint32(one >> 32), np.uint32(two >> 32), np.uint32(three >> 32)
        for i in range(part.size):
            x = np.uint32(_temper(pairs[2 * i]) & np.uint32(0x1FFFFF))
            kept = np.uint32(x < a) + np.uint32(x < b) + np.uint32(x < c)
            part[i] = np.uint8(part[i] + np.uint8(kept))
        return
    for i in range(part.size):
        high = np.int64(_temper(pairs[2 * i]) & np.uint32(0x1FFFFF))
        y = (high << 32) | np.int64(_temper(pairs[2 * i + 1]))
        kept = np.uint32(y < one) + np.uint32(y < two) + np.uint32(y < three)
        part[i] = np.uint8(part[i] + np.uint8(kept))


def prepare() -> None:
    """Compile what draws, so that no timing includes it."""
    Twister(torch.Generator(), (0.5,)).levels(np.zeros(1, dtype=np.uint8))
    Sampler(random.Random(0), 2, 1).sample(np.zeros(1, dtype=np.int64))
