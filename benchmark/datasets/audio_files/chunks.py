"""Where the samples of wav, aiff, au, caf, w64 and 8svx files lie, by their headers.

libsndfile mends a length that is larger than the file and believes one that
is smaller. Here a file that was cut is told from one whose writer, to a pipe,
could not know its length and put a placeholder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio_files.tags import tag_size
from mirbench.benchmark.progress import count

#: Behind the samples no more than this is looked through for tags, in bytes.
_MOST_REST = 1 << 26


@dataclass(frozen=True, slots=True)
class Samples:
    """Where the samples lie, in bytes.

    Attributes
    ----------
    size : int or None
        By the header; None: to the end of the file.
    there : int
        From their start to the end of the file.
    extra : int
        Behind them, without what other chunks and tags account for.
    mended : tuple of int and bytes, or None
        What to put where in the file, as libsndfile would read nothing otherwise.
    """

    size: int | None
    there: int
    extra: int = 0
    mended: tuple[int, bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Format:
    """How chunks are written, and which one holds the samples.

    Attributes
    ----------
    first : int
        Place of the first chunk.
    name, number : int
        Bytes of a chunk's name and of its size.
    pad : int
        Chunks begin at multiples of it.
    prefix : int
        Bytes of the chunk of samples before these.
    whole : int
        What to add to the size in the file's head, if there is one, for that of the file.
    """

    order: str
    data: bytes
    first: int = 12
    name: int = 4
    number: int = 4
    pad: int = 2
    prefix: int = 0
    whole: int | None = 8

    @property
    def head(self) -> int:
        return self.name + self.number


_WAV = _Format("little", b"data")
_AIFF = _Format("big", b"SSND", prefix=8)
_SVX = _Format("big", b"BODY")
_W64 = _Format("little", b"data", first=40, name=16, number=8, pad=8, whole=0)
_CAF = _Format("big", b"data", first=8, number=8, pad=1, prefix=4, whole=None)
_FORMATS = {
    b"RIFF": _WAV,
    b"RIFX": _Format("big", b"data"),
    b"RF64": _WAV,
    b"riff": _W64,
    b"caff": _CAF,
}
_FORMS = {b"AIFF": _AIFF, b"AIFC": _AIFF, b"8SVX": _SVX, b"16SV": _SVX}


def find_samples(path: Path) -> Samples | None:
    """Find the samples of a file; None if it is of no such format.

    Raises
    ------
    UnusableClip
        If its header contradicts itself.
    """
    with path.open("rb") as file:
        head = file.read(12)
        size = os.fstat(file.fileno()).st_size
        if head[:4] in (b".snd", b"dns."):
            return _au(file, "big" if head[:1] == b"." else "little", size)
        form = _FORMATS.get(head[:4]) or (_FORMS.get(head[8:]) if head[:4] == b"FORM" else None)
        return None if form is None else _Reader(file, size, form, path.name).find(head)


def _au(file: BinaryIO, order: str, size: int) -> Samples | None:
    file.seek(4)
    start, promised = (_number(file.read(4), order) for _ in range(2))
    there = size - start
    if there <= 0:
        return None
    if promised == 0:
        return Samples(None, there, mended=(8, b"\xff" * 4))
    if promised > there and _is_placeholder(promised, 4):
        return Samples(None, there)
    return Samples(promised, there, max(0, there - promised))


@dataclass(frozen=True, slots=True)
class _Reader:
    file: BinaryIO
    size: int
    form: _Format
    name: str

    def find(self, head: bytes) -> Samples | None:
        """Walk to the chunk of samples."""
        at, form = self.form.first, self.form
        long: int | None = None
        while (chunk := self._chunk(at)) is not None:
            name, size = chunk
            body = at + form.head
            if name == b"ds64":
                self.file.seek(body + 8)
                long = _number(self.file.read(8), "little")
            elif name == b"fmt " and form.name == 4 and form.number == 4:
                self._check_fmt(body)
            elif name[:4] == form.data:
                return self._samples(at, size, long, head)
            at = self._next(at, size)
        return None

    def _samples(self, at: int, size: int, long: int | None, head: bytes) -> Samples:
        form = self.form
        place, number = at + form.name, form.number
        if long is not None and size == 0xFFFFFFFF:  # RF64 keeps the size elsewhere
            place, number, size = form.first + form.head + 8, 8, long
        start = at + form.head + form.prefix
        there, promised = max(0, self.size - start), max(0, size - form.prefix)
        if promised and (promised <= there or not _is_placeholder(size, number)):
            return Samples(promised, there, self._rest(at, size, head) if promised < there else 0)
        extra = self._rest(at, size, head) if there and not promised else 0
        # libsndfile reads nothing of a wav without a length, and no caf of unknown length.
        if (form is _CAF and not promised) or form is _SVX or (not promised and not extra):
            return Samples(promised, there, extra)
        if form is _CAF or (form.data == b"data" and form is not _W64 and not promised):
            mended = b"\xff" * 4
            if number == 8:
                mended = (there + form.prefix).to_bytes(8, "big" if form is _CAF else "little")
            return Samples(None, there, mended=(place, mended))
        return Samples(None, there)

    def _rest(self, at: int, size: int, head: bytes) -> int:
        """Count the bytes behind the samples that are neither chunks nor tags."""
        form = self.form
        end = self.size
        if form.whole is not None and head[:4] != b"RF64":
            self.file.seek(form.name)
            end = _number(self.file.read(form.number), form.order) + form.whole
        at = self._next(at, size)
        while at < self.size and (chunk := self._chunk(at)) is not None:
            if chunk[0][:4] in (form.data, *_FORMATS, b"FORM") or not _is_name(chunk[0][:4]):
                break
            after = self._next(at, chunk[1])
            if after > self.size + form.pad:
                break
            at = after
        rest = self.size - at
        if rest <= 0 or rest > _MOST_REST:
            return max(0, rest)
        self.file.seek(at)
        content = self.file.read(rest)
        place = 0
        while step := tag_size(content, place):
            place += step
        content = content[place:]
        # Zeros behind the end by both sizes are padding, but may be samples before it.
        return 0 if at >= end - form.pad and not any(content) else len(content)

    def _chunk(self, at: int) -> tuple[bytes, int] | None:
        if at + self.form.head > self.size:
            return None
        self.file.seek(at)
        head = self.file.read(self.form.head)
        size = _number(head[self.form.name :], self.form.order)
        return head[: self.form.name], size - (self.form.head if self.form is _W64 else 0)

    def _next(self, at: int, size: int) -> int:
        end, pad = at + self.form.head + max(0, size), self.form.pad
        padded = end + -end % pad
        if padded != end and not self._is_chunk(padded) and self._is_chunk(end):
            return end  # some writers forget the padding
        return padded

    def _is_chunk(self, at: int) -> bool:
        chunk = self._chunk(at)
        return chunk is not None and _is_name(chunk[0][:4])

    def _check_fmt(self, body: int) -> None:
        """Check the numbers of uncompressed samples, which depend on each other."""
        self.file.seek(body)
        fields = self.file.read(26)
        if len(fields) < 16:
            return
        coding, channels, rate, speed, align, bits = (
            _number(fields[start:end], self.form.order)
            for start, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16))
        )
        if coding == 0xFFFE:
            coding = _number(fields[24:26], self.form.order)
        if coding not in (1, 3) or not channels:
            return
        if align < channels * (-(-bits // 8)) or align % channels or speed not in (0, rate * align):
            raise UnusableClip(
                f"{self.name} has a damaged header: {count(channels, 'channel')} of "
                f"{count(bits, 'bit')} at {rate} Hz cannot take {count(align, 'byte')} per sample "
                f"and {count(speed, 'byte')} per second"
            )


def _is_placeholder(size: int, number: int) -> bool:
    if number == 8:
        return size <= 0 or size >= 1 << 62
    # Of ffmpeg and lame; of sox (0x7FFFF000, and 0x7F000000 in aiff), arecord and others.
    near = any(abs(size - number) <= 1 << 16 for number in (0x80000000, 0x7F000000))
    return near or size >= (1 << 32) - (1 << 20)


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _number(content: bytes, order: str) -> int:
    return int.from_bytes(content, "little" if order == "little" else "big")
