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
        words = state[_WORDS : _WORDS + 8 * STATE].view(np.uint64)
        self._state = words.astype(np.uint32)
        self._limits = np.array([math.ceil((1 - p) * 2.0**53) for p in rates], dtype=np.int64)
        self._words = np.zeros(STATE * (BLOCKS + 1) + 1, dtype=np.uint32)
        # A generator that was only seeded makes its first block when the first number is drawn.
        rest = self._state[STATE - left + 1 :] if left > 1 else self._state[:0]
        self._words[: len(rest)] = _tempered(rest)
        self._ends = np.array([0, len(rest)], dtype=np.int64)

    def levels(self, out: Bytes) -> None:
        """Draw one uniform for each byte of `out`, and write how many rates keep it.

        Parameters
        ----------
        out : ndarray of uint8, shape [n]
            Contiguous; overwritten.
        """
        _levels(self._state, self._words, self._ends, self._limits, out)


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
                _twist(state)
                position[0] = 0
            x = state[position[0]]
            position[0] += 1
            x ^= x >> np.uint32(11)
            x ^= (x << np.uint32(7)) & np.uint32(0x9D2C5680)
            x ^= (x << np.uint32(15)) & np.uint32(0xEFC60000)
            x ^= x >> np.uint32(18)
            drawn = np.int64(x >> np.uint32(32 - bits))
            if drawn < left and (pools or marks[drawn] == 0):
                break
        if pools:
            out[i] = marks[drawn]
            marks[drawn] = marks[left - 1]
        else:
            out[i] = drawn
            marks[drawn] = 1


@numba.njit(nogil=True)
def _tempered(words: Words) -> Words:
    y = words.copy()
    for i in range(y.size):
        x = y[i]
        x ^= x >> np.uint32(11)
        x ^= (x << np.uint32(7)) & np.uint32(0x9D2C5680)
        x ^= (x << np.uint32(15)) & np.uint32(0xEFC60000)
        y[i] = x ^ (x >> np.uint32(18))
    return y


@numba.njit(nogil=True, inline="always")
def _mixed(this: np.uint32, following: np.uint32) -> np.uint32:
    y = (this & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
    odd = np.uint32(0) - (following & np.uint32(1))
    return (y >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF))


@numba.njit(nogil=True)
def _twist(state: Words) -> None:
    # Slices indexed from 0 let the compiler use vectors: no index can be negative.
    near, far = STATE - APART, APART
    a, b, c = state[:near], state[1 : near + 1], state[far:]
    for i in range(near):
        a[i] = c[i] ^ _mixed(a[i], b[i])
    # In two stretches, so that none reads what it has written.
    for start, stop in ((near, 2 * near), (2 * near, STATE - 1)):
        a, b, c = state[start:stop], state[start + 1 : stop + 1], state[start - near :]
        for i in range(a.size):
            a[i] = c[i] ^ _mixed(a[i], b[i])
    state[STATE - 1] = state[far - 1] ^ _mixed(state[STATE - 1], state[0])


@numba.njit(nogil=True)
def _refill(state: Words, words: Words, ends: npt.NDArray[np.int64]) -> None:
    waiting = ends[1] - ends[0]
    for i in range(waiting):
        words[i] = words[ends[0] + i]
    ends[0], ends[1] = 0, waiting
    for _ in range(BLOCKS):
        _twist(state)
        out = words[ends[1] : ends[1] + STATE]
        for i in range(STATE):
            x = state[i]
            x ^= x >> np.uint32(11)
            x ^= (x << np.uint32(7)) & np.uint32(0x9D2C5680)
            x ^= (x << np.uint32(15)) & np.uint32(0xEFC60000)
            out[i] = x ^ (x >> np.uint32(18))
        ends[1] += STATE


@numba.njit(nogil=True)
def _levels(
    state: Words,
    words: Words,
    ends: npt.NDArray[np.int64],
    limits: npt.NDArray[np.int64],
    out: Bytes,
) -> None:
    done = 0
    while done < out.size:
        if ends[1] - ends[0] < 2:
            _refill(state, words, ends)
        count = min((ends[1] - ends[0]) // 2, out.size - done)
        pairs = words[ends[0] : ends[0] + 2 * count]
        part = out[done : done + count]
        for rate in range(limits.size):
            limit = limits[rate]
            for i in range(count):
                x = (np.int64(pairs[2 * i] & np.uint32(0x1FFFFF)) << 32) | np.int64(
                    pairs[2 * i + 1]
                )
                kept = np.uint8(x < limit)
                part[i] = kept if rate == 0 else part[i] + kept
        ends[0] += 2 * count
        done += count
