"""CRC-32C (Castagnoli), the checksum in TensorFlow's files, with NumPy alone.

A loop over bytes would take half a minute for the largest checkpoint. The
bytes are cut into equal lanes that run side by side; since a CRC is linear
over GF(2), the lanes' results are then joined with the operator that appends
a lane of zeros.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: The polynomial 0x1EDC6F41 with its bits reversed, as CRCs are computed from the low bit.
_POLYNOMIAL = 0x82F63B78

#: How many pieces run side by side; short data is not cut.
_LANES = 4096


def _make_table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _make_table()
_NUMBERS: list[int] = _TABLE.tolist()


def crc32c(data: bytes) -> int:
    """Give the CRC-32C of some bytes."""
    if len(data) < 4 * _LANES:
        state = 0xFFFFFFFF
        for octet in data:
            state = state >> 8 ^ _NUMBERS[(state ^ octet) & 0xFF]
        return state ^ 0xFFFFFFFF
    # To start from all ones is to start from 0 with the first four bytes inverted,
    # and then zeros put in front change nothing.
    steps = -(-len(data) // _LANES)
    octets = np.zeros(_LANES * steps, dtype=np.uint8)
    octets[-len(data) :] = np.frombuffer(data, dtype=np.uint8)
    octets[-len(data) :][:4] ^= 0xFF
    states = np.zeros(_LANES, dtype=np.uint32)
    for column in np.ascontiguousarray(octets.reshape(_LANES, steps).T):
        states = states >> 8 ^ _TABLE[states & 0xFF ^ column]
    return _join(states, steps) ^ 0xFFFFFFFF


def _join(states: npt.NDArray[np.uint32], steps: int) -> int:
    """State after all lanes, from the state of each lane by itself."""
    # What each bit of a state has become after a lane of zeros.
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(steps):
        bits = bits >> 8 ^ _TABLE[bits & 0xFF]
    shifted = bits.tolist()
    joined = 0
    for state in states.tolist():
        moved = 0
        for place in range(32):
            if joined >> place & 1:
                moved ^= shifted[place]
        joined = moved ^ state
    return joined
