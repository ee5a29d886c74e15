"""Numbers of the Mersenne Twister: see `mirbench.benchmark.probing.twister`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.probing.kernels.language import ints, kernel, octets, part, words

Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

#: Words of the twister's state, and how far apart the two are that make a new one.
STATE, APART = 624, 397


@part
def _temper(x: np.uint32) -> np.uint32:
    # Numba would go on with 64 bits, half as many at once.
    x = np.uint32(x ^ (x >> np.uint32(11)))
    x = np.uint32(x ^ ((x << np.uint32(7)) & np.uint32(0x9D2C5680)))
    x = np.uint32(x ^ ((x << np.uint32(15)) & np.uint32(0xEFC60000)))
    return np.uint32(x ^ (x >> np.uint32(18)))


@part
def _mixed(this: np.uint32, following: np.uint32) -> np.uint32:
    y = (this & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
    odd = np.uint32(np.uint32(0) - (following & np.uint32(1)))
    return np.uint32((y >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF)))


@part
def _made(this: Words, following: Words, apart: Words, out: Words) -> None:
    for i in range(out.size):
        out[i] = apart[i] ^ _mixed(this[i], following[i])


@part
def _twist(old: Words, new: Words) -> None:
    """Make the next block of the state; the two must not overlap, for the sake of vectors."""
    near = STATE - APART
    _made(old[:near], old[1 : near + 1], old[APART:], new[:near])
    # In two stretches, so that none reads what it writes.
    _made(old[near : 2 * near], old[near + 1 : 2 * near + 1], new[:near], new[near : 2 * near])
    _made(
        old[2 * near : STATE - 1],
        old[2 * near + 1 :],
        new[near : APART - 1],
        new[2 * near : STATE - 1],
    )
    new[STATE - 1] = new[APART - 1] ^ _mixed(old[STATE - 1], new[0])


@part
def _refill(block: Words, ends: Ints) -> None:
    """Make new blocks after the last, which comes first; keep what is left of it."""
    last = ends[1] - STATE
    for j in range(STATE):
        block[j] = block[last + j]
    for start in range(0, block.size - STATE, STATE):
        _twist(block[start : start + STATE], block[start + STATE : start + 2 * STATE])
    ends[0] -= last
    ends[1] = block.size


@part
def _count(pair: Words, one: np.int64, two: np.int64, three: np.int64, level: Bytes) -> None:
    """Add how many of three limits an element is below."""
    if (one | two | three) & 0xFFFFFFFF == 0:
        # Of rates as 0.25, the limits are so round that the second word does not matter.
        a, b, c = np.uint32(one >> 32), np.uint32(two >> 32), np.uint32(three >> 32)
        for i in range(level.size):
            x = np.uint32(_temper(pair[2 * i]) & np.uint32(0x1FFFFF))
            kept = np.uint32(x < a) + np.uint32(x < b) + np.uint32(x < c)
            level[i] = np.uint8(level[i] + np.uint8(kept))
        return
    for i in range(level.size):
        high = np.int64(_temper(pair[2 * i]) & np.uint32(0x1FFFFF))
        y = (high << 32) | np.int64(_temper(pair[2 * i + 1]))
        kept = np.uint32(y < one) + np.uint32(y < two) + np.uint32(y < three)
        level[i] = np.uint8(level[i] + np.uint8(kept))


@kernel
def count_kept(
    state: int, size: int, position: int, limits: int, n_limits: int, out: int, n: int
) -> None:
    """Draw a uniform for each of `n` bytes, and write how many limits it is below.

    Parameters
    ----------
    state, size : int
        Address of so many words: the last block of the state, and those after it.
    position : int
        Address of two int64: which word is next, and where they end.
    limits, n_limits : int
        Address of so many int64, a multiple of three: limits, as 2^53 times a share.
    out, n : int
        Address of the bytes.
    """
    block, ends, limit = words(state, size), ints(position, 2), ints(limits, n_limits)
    done = 0
    while done < n:
        if ends[1] - ends[0] < 2:
            _refill(block, ends)
        count = min((ends[1] - ends[0]) // 2, n - done)
        pair, level = block[ends[0] : ends[0] + 2 * count], octets(out + done, count)
        for i in range(count):
            level[i] = np.uint8(0)
        for rate in range(0, n_limits, 3):
            _count(pair, limit[rate], limit[rate + 1], limit[rate + 2], level)
        ends[0] += 2 * count
        done += count


@kernel
def sample(state: int, position: int, pools: int, marks: int, n: int, out: int, size: int) -> None:
    """Draw numbers below n, no two of which are equal, as Python's ``Random.sample``.

    Parameters
    ----------
    state : int
        Address of two blocks of words: the state, and room for another.
    position : int
        Address of the place of the next word.
    pools : int
        Whether numbers are taken out of a list of all.
    marks, n : int
        Address of room for so many int64.
    out, size : int
        Address of what receives so many numbers, int64.
    """
    block, spare, place = words(state, STATE), words(state + 4 * STATE, STATE), ints(position, 1)
    mark, drawn = ints(marks, n), ints(out, size)
    for i in range(n):
        mark[i] = i if pools != 0 else 0
    for i in range(size):
        left = n - i if pools != 0 else n
        bits = 0
        while left >> bits:
            bits += 1
        number = np.int64(n)
        while number >= left or (pools == 0 and mark[number] != 0):
            if place[0] >= STATE:
                for j in range(STATE):
                    spare[j] = block[j]
                _twist(spare, block)
                place[0] = 0
            number = np.int64(_temper(block[place[0]]) >> np.uint32(32 - bits))
            place[0] += 1
        if pools != 0:
            drawn[i] = mark[number]
            mark[number] = mark[left - 1]
        else:
            drawn[i] = number
            mark[number] = 1
