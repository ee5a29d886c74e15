"""The length of FLAC files (RFC 9639), by their header and by their last frame.

libsndfile believes the header: of a file whose header counts too few samples
it reads no more, and of one written to a pipe, which counts none, nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio_files.errors import LOSS, truncated

#: What a file begins with: the marker and the header of the block that tells the length.
_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")

#: Bytes with that block.
_START_SIZE = 42

#: Longest frame that is looked at; of eight channels of noise it has a tenth of this.
_MOST_BYTES = 1 << 20

#: Places where the last frame may begin that are looked at, from the end.
_MOST_PLACES = 64

#: Bits of the number of samples.
_COUNT_BITS = 36

_BLOCK_SIZES = {1: 192} | {k: 144 << k for k in range(2, 6)} | {k: 1 << k for k in range(8, 16)}

#: Sampling rates by the code in a frame; codes that are not here refer to other places.
_RATES = dict(
    enumerate(
        (88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000),
        start=1,
    )
)


def _crc_table(bits: int, polynomial: int) -> list[int]:
    table = []
    for value in range(256):
        value <<= bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
        table.append(value & (1 << bits) - 1)
    return table


_CRC8, _CRC16 = _crc_table(8, 0x107), _crc_table(16, 0x18005)


def mend(data: bytes | mmap, name: str, with_end: bool) -> tuple[int, bytes | None]:
    """Say how long a file is and, if its header does not, what to decode instead of it.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    name : str
        What to call it.
    with_end : bool
        Check that the last frame is whole, as the decoder does by itself.

    Returns
    -------
    tuple of int and (bytes or None)
        Samples per channel; the file with that number in its header.

    Raises
    ------
    UnusableClip
        If the header counts more or fewer samples than there are, or another
        file follows.
    """
    start = data.find(b"fLaC")
    if _START.match(data, max(0, start)) is None or start + _START_SIZE > len(data):
        raise UnusableClip(f"{name} cannot be decoded: its header is damaged")
    if _START.search(data, start + 4) is not None:
        raise UnusableClip(f"{name} is several files joined; split it")
    place = start + 18
    numbers = int.from_bytes(data[place : place + 8], "big")
    rate, promised = numbers >> 44, numbers & (1 << _COUNT_BITS) - 1
    first = _first_frame(data, start)
    if _RATES.get(data[first + 2] & 0x0F if first + 4 < len(data) else 0, rate) != rate:
        raise UnusableClip(f"{name} is damaged: its header tells of another rate than its frames")
    ends = []
    for end in _ends(data, start, first, with_end):
        if end == promised:
            return promised, None
        ends.append(end)
    if not ends or not rate:
        raise UnusableClip(f"{name} is truncated or damaged: no whole frame is at its end")
    if promised > ends[0] + LOSS * rate:
        raise truncated(name, ends[0] / rate, promised / rate)
    if promised:
        raise UnusableClip(
            f"{name} is damaged: its header tells of {promised / rate:.2f} s, "
            f"but its last frame ends at {ends[0] / rate:.2f} s"
        )
    mended = (numbers + ends[0]).to_bytes(8, "big")
    return ends[0], data[:place] + mended + data[place + 8 :]


def _first_frame(data: bytes | mmap, start: int) -> int:
    """Find the place behind the header and all that belongs to it."""
    first = start + 4
    while first + 4 <= len(data):
        last_block = data[first] & 0x80
        first += 4 + int.from_bytes(data[first + 1 : first + 4], "big")
        if last_block:
            break
    return first


def _ends(data: bytes | mmap, start: int, first: int, whole: bool) -> Iterator[int]:
    """Where the last frames end, in samples, the very last one first.

    What looks like the header of a frame may lie in a frame by chance.
    """
    like = data[first : first + 4]
    block = int.from_bytes(data[start + 8 : start + 10], "big")
    at = len(data)
    for _ in range(_MOST_PLACES):
        at = data.rfind(like[:2], first, at)
        if at < 0 or len(like) < 4:
            return
        head = data[at : at + 16]
        # The rate and the bits per sample are those of the first frame.
        if len(head) < 6 or (head[2] ^ like[2]) & 0x0F or (head[3] ^ like[3]) & 0x0F:
            continue
        end = _frame_end(head, block)
        if end is not None and (not whole or _is_whole(data, at)):
            yield end


def _frame_end(head: bytes, block: int) -> int | None:
    """Where a frame ends, in samples; None if what looks like its header is none."""
    length = max(1, 8 - (~head[4] & 0xFF).bit_length())  # of a number coded as in UTF-8
    if length == 8 or any(byte >> 6 != 2 for byte in head[5 : 4 + length]):
        return None
    number = head[4] & (0x7F if length == 1 else 0x7F >> length)
    for byte in head[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    code, at = head[2] >> 4, 4 + length
    if code in (6, 7):
        size = int.from_bytes(head[at : at + code - 5], "big") + 1
        at += code - 5
    else:
        size = _BLOCK_SIZES.get(code, 0)
    at += {12: 1, 13: 2, 14: 2}.get(head[2] & 0x0F, 0)
    if at >= len(head) or not size or _crc(head[: at + 1], _CRC8, 8):
        return None
    return number + size if head[1] & 1 else number * block + size


def _is_whole(data: bytes | mmap, at: int) -> bool:
    """Whether a frame begins here that ends before the end of the file; a tag may follow."""
    state, table = 0, _CRC16
    for count, byte in enumerate(data[at : at + _MOST_BYTES]):
        state = (state << 8 & 0xFF00) ^ table[state >> 8 ^ byte]
        if not state and count > 8:
            return True
    return False


def _crc(data: bytes, table: list[int], bits: int) -> int:
    state = 0
    for byte in data:
        state = (state << 8 & (1 << bits) - 1) ^ table[state >> bits - 8 ^ byte]
    return state
