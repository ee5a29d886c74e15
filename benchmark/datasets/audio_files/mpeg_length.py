"""How long MPEG audio (mp3, mp2) is, and how to have libsndfile read all of it.

libsndfile guesses the length of a file without a Xing header from its first
frame, trusts a header that is there, and reads no further. The guess is wrong
for a variable bit rate and for large tags; the header is wrong for files that
were cut or joined. Here all frames are counted. Where libsndfile would stop
early, it is handed the same frames with a true header or with a length that
makes its guess long enough, so that its decoder (libmpg123) stays the only
one, and whole, ordinary files are read as ever.

Headers: those of Xing and LAME (encoder delay), as libmpg123 reads them.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio_files.errors import LOSS, truncated
from mirbench.benchmark.datasets.audio_files.mpeg import Stream, frame_size, streams
from mirbench.benchmark.progress import count

#: Samples by which the decoder itself is late, cut off at the start with the encoder's delay.
_DECODER_DELAY = 529

#: Part of a Xing header's flags: the number of frames follows, the number of bytes follows.
_HAS_FRAMES, _HAS_BYTES = 1, 2


class Padded(io.BytesIO):
    """Bytes and behind them zeros up to a size, which take no memory."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, of which the last is that behind the zeros."""
        if whence == os.SEEK_END:
            offset, whence = self.size + offset, os.SEEK_SET
        return super().seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        """Read bytes, then zeros."""
        wanted = min(len(buffer), max(0, self.size - self.tell()))
        got = super().readinto(buffer)
        if got < wanted:
            buffer[got:wanted] = bytes(wanted - got)
            super().seek(wanted - got, os.SEEK_CUR)
        return wanted


@dataclass(frozen=True, slots=True)
class Part:
    """What to decode instead of a file, or of one of those joined in it."""

    content: io.BytesIO
    frames: int


@dataclass(frozen=True, slots=True)
class _Length:
    """How many samples per channel a stream has.

    Attributes
    ----------
    least : int
        Without what the encoder has put before and behind.
    most : int
        As many as come out of the decoder.
    """

    least: int
    most: int


def split(data: bytes, name: str, guess: int) -> tuple[int, list[Part]]:
    """Say how long a file is and what to decode instead of it.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What to call it.
    guess : int
        Samples per channel by libsndfile; 0 if it cannot open the file.

    Returns
    -------
    tuple of int and list of Part
        Samples per channel; what to decode one after the other, nothing if
        the file itself can be decoded to its end.

    Raises
    ------
    UnusableClip
        If some of it is missing or is no audio.
    """
    found = streams(data, name)
    lengths = [_length(data, stream, name) for stream in found]
    allowed = LOSS * found[0].kind.rate
    if len(found) == len(found[0].runs) == 1 and guess >= lengths[0].least - allowed:
        return min(guess, lengths[0].most), []
    parts = [_mended(data, *each) for each in zip(found, lengths, strict=True)]
    return sum(part.frames for part in parts), parts


@dataclass(frozen=True, slots=True)
class _Header:
    """What a Xing header tells; 0: nothing."""

    frames: int = 0
    size: int = 0
    #: Samples cut off at the start, and at both ends.
    late: int = 0
    trimmed: int = 0
    #: Where the number of frames is written.
    place: int = 0


def _header(data: bytes, stream: Stream) -> _Header:
    if stream.info is None:
        return _Header()
    start, end = stream.info
    at = max(data.find(b"Xing", start, end), data.find(b"Info", start, end))
    if at < 0:
        return _Header()
    flags, at = int.from_bytes(data[at + 4 : at + 8], "big"), at + 8
    place = at if flags & _HAS_FRAMES else 0
    values = []
    for flag, size in ((_HAS_FRAMES, 4), (_HAS_BYTES, 4), (4, 100), (8, 4)):
        present = bool(flags & flag)
        values.append(int.from_bytes(data[at : at + size], "big") if present else 0)
        at += size * present
    trims = int.from_bytes(data[at + 21 : at + 24], "big") if at + 24 <= end else 0
    late = (trims >> 12) + _DECODER_DELAY if place and at + 24 <= end else 0
    return _Header(values[0], values[1], late, (trims >> 12) + (trims & 0xFFF), place)


def _length(data: bytes, stream: Stream, name: str) -> _Length:
    kind, header = stream.kind, _header(data, stream)
    total, allowed = stream.count * kind.samples, LOSS * kind.rate
    size = sum(end - start for start, end in stream.runs)
    missing = header.frames * kind.samples - total
    agrees = header.frames > 0 and abs(missing) <= allowed
    counted = stream.info is not None and size + stream.info[1] - stream.info[0]
    all_there = header.size > 0 and not stream.strange and counted >= header.size
    if missing > allowed and not all_there:
        found, wanted = total / kind.rate, header.frames * kind.samples / kind.rate
        raise truncated(name, found, wanted)
    lost = stream.strange / size * total
    if (stream.broken or lost > allowed) and not agrees:
        raise UnusableClip(
            f"{name} is damaged: {count(stream.strange, 'byte')} of it, about "
            f"{lost / kind.rate:.2f} s, cannot be decoded as audio, and more may be missing"
        )
    most = max(0, total - header.late)
    return _Length(max(0, min(most, total - header.trimmed)), most)


def _mended(data: bytes, stream: Stream, length: _Length) -> Part:
    """Take the frames of a stream below its header with their number, or as part of a longer file.

    A header of our own would make libmpg123 cut off a delay that is not there.
    """
    frames = b"".join(data[start:end] for start, end in stream.runs)
    header = _header(data, stream)
    if header.place:
        assert stream.info is not None
        start, end = stream.info
        number = stream.count.to_bytes(4, "big")
        top = data[start : header.place] + number + data[header.place + 4 : end]
        return Part(io.BytesIO(top + frames), length.least)
    # The guess is the size of the file over that of the first frame.
    size = frame_size(frames, 0) + 1
    return Part(Padded(frames, max(len(frames), size * (stream.count + 2))), length.most)
