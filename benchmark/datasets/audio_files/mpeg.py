"""The frames of MPEG audio (mp3, mp2): a walk over their headers, nothing decoded."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio_files.mpeg_header import Kind, kind_at, parse_header
from mirbench.benchmark.datasets.audio_files.tags import tag_size

#: What a frame may begin with.
_HEADER = re.compile(
    rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff]"
    rb"[" + b"".join(b"\\x%x0-\\x%xb" % (index, index) for index in range(15)) + rb"])"
)

#: Places where a frame may begin that are looked at: a few seconds' worth, none in most files.
_MOST_PLACES = 1 << 18

#: Frames in a row that do not come by chance.
_CHAIN = 3


@dataclass(slots=True)
class Stream:
    """Frames up to the next header of a whole file, of which `data` may hold several.

    Attributes
    ----------
    info : tuple of int or None
        Where the frame that tells the length lies.
    runs : list of [int, int]
        Where frames lie without a gap between them.
    count : int
        Frames, without `info`.
    strange : int
        Bytes between, before or behind the frames that are neither frame nor tag.
    broken : bool
        Whether some of them lie between frames, where others may be missing.
    """

    kind: Kind
    info: tuple[int, int] | None = None
    runs: list[list[int]] = field(default_factory=list)
    count: int = 0
    strange: int = 0
    broken: bool = False
    #: Where the last frame begins.
    last: int = 0

    def add(self, start: int, last: int, end: int, count: int) -> None:
        """Add frames in a row.

        Parameters
        ----------
        start, end : int
            Bytes at which they begin and end.
        last : int
            Where the last one begins.
        count : int
            How many there are.
        """
        self.count += count
        self.last = last
        if self.runs and self.runs[-1][1] == start:
            self.runs[-1][1] = end
        else:
            self.runs.append([start, end])

    def remove_last(self) -> None:
        """Remove the last frame, of which only a part is there."""
        self.count -= 1
        self.runs[-1][1] = self.last
        if self.runs[-1][0] == self.last:
            self.runs.pop()


def streams(data: bytes, name: str) -> list[Stream]:
    """Walk over all frames.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What to call it.

    Returns
    -------
    list of Stream
        At least one; each has at least one frame.

    Raises
    ------
    UnusableClip
        If there is no frame, if frames lie within what a tag counts as its
        own, or if the rate or the number of channels changes.
    """
    begin = _skip_tags(data, 0, name)
    at = next(_chains(data, begin), None)
    if at is None:
        raise UnusableClip(f"{name} cannot be decoded: no audio found in it")
    kind = kind_at(data, at)
    assert kind is not None
    infos = _infos(data, kind)
    found = [Stream(kind, strange=at - begin)]
    free = _free_size(data, at)
    sizes: dict[bytes, int] = {}
    while at < len(data):
        head = data[at : at + 4]
        size = sizes.setdefault(head, _size(head, kind, free))
        if not size or at + size > len(data):
            at = _resume(data, at, found[-1], name)
        elif at in infos:
            if found[-1].count or found[-1].info:
                found.append(Stream(kind))
            found[-1].info = (at, at + size)
            at += size
        else:
            at = _run(data, at, found[-1], sizes, infos)
    if not all(stream.count for stream in found):
        raise UnusableClip(f"{name} is truncated: no audio follows a header that tells its length")
    return found


def _run(data: bytes, at: int, stream: Stream, sizes: dict[bytes, int], infos: set[int]) -> int:
    """Add frames of known headers as long as there are any; all but a few of a file are."""
    start, last, count, get, total = at, at, 0, sizes.get, len(data)
    while (size := get(data[at : at + 4])) and at not in infos and at + size <= total:
        last = at
        at += size
        count += 1
    stream.add(start, last, at, count)
    return at


def _size(head: bytes, kind: Kind, free: int) -> int:
    """Size of the frame of a kind that begins with four bytes; 0 if none does."""
    parsed = parse_header(head)
    if parsed is None or parsed[0] != kind:
        return 0
    return parsed[1] if head[2] >> 4 else free and free + parsed[1]


def _resume(data: bytes, at: int, stream: Stream, name: str) -> int:
    """Find the next frame where none is, and count what is lost meanwhile."""
    after = _skip_tags(data, at, name)
    if after > at:
        return after
    # The last frame may have been cut, so that the next one begins within it.
    follows = bool(stream.runs) and stream.runs[-1][1] == at
    begin = stream.last + 4 if follows else at + 1
    for found in _chains(data, begin):
        kind = kind_at(data, found)
        if kind == stream.kind:
            break
        if _chain_length(data, found) == _CHAIN:
            seconds = stream.count * stream.kind.samples / stream.kind.rate
            raise UnusableClip(f"{name} changes from {stream.kind} to {kind} after {seconds:.1f} s")
    else:
        found = len(data)
    if found < at:
        stream.remove_last()
        at = stream.last
    stream.strange += found - at
    stream.broken |= found < len(data)
    return found


def _chains(data: bytes, begin: int) -> Iterator[int]:
    """Places where several frames lie in a row: the four bytes of a header come by chance too."""
    for match in itertools.islice(_HEADER.finditer(data, begin), _MOST_PLACES):
        if _chain_length(data, match.start()):
            yield match.start()


def _chain_length(data: bytes, at: int) -> int:
    """Count frames of one kind, up to `_CHAIN`; 0 if fewer are followed by something else."""
    kind = kind_at(data, at)
    if kind is None:
        return 0
    free = _free_size(data, at)
    for known in range(_CHAIN):
        size = _size(data[at : at + 4], kind, free)
        if not size or at + size > len(data):
            return known if at >= len(data) or size or tag_size(data, at, search=False) else 0
        at += size
    return _CHAIN


def _side_size(kind: Kind) -> int:
    """Bytes of side information, behind which a frame tells the length if it is no audio."""
    if kind.version == 3:
        return 32 if kind.channels == 2 else 17
    return 17 if kind.channels == 2 else 9


def frame_size(data: bytes, at: int) -> int:
    """Size in bytes of the frame at a place; 0 if there is none."""
    kind = kind_at(data, at)
    return 0 if kind is None else _size(data[at : at + 4], kind, _free_size(data, at))


def _free_size(data: bytes, at: int) -> int:
    """Size without padding of frames of a bit rate that no table has ("free format")."""
    parsed = parse_header(data[at : at + 4])
    if parsed is None or data[at + 2] >> 4:
        return 0
    kind, padding = parsed
    end = data.find(data[at : at + 2], at + 4, at + 8192)
    while end >= 0:
        following = parse_header(data[end : end + 4])
        if following == (kind, following and following[1]) and not data[end + 2] >> 4:
            return end - at - padding
        end = data.find(data[at : at + 2], end + 1, at + 8192)
    return 0


def _infos(data: bytes, kind: Kind) -> set[int]:
    """Places of the frames that are no audio but tell the length of what follows.

    Those of Fraunhofer's encoder ("VBRI") are silent frames to libmpg123.
    """
    if kind.layer != 3:
        return set()
    side = _side_size(kind)
    places = set()
    for word in (b"Xing", b"Info"):
        at = data.find(word)
        while at >= 0:
            for start in (at - 4 - side, at - 6 - side):  # with a checksum
                if start >= 0 and kind_at(data, start) == kind and not any(data[start + 6 : at]):
                    places.add(start)
            at = data.find(word, at + 1)
    return places


def _skip_tags(data: bytes, begin: int, name: str) -> int:
    """Find where a row of tags ends; `begin` if there is none."""
    at = begin
    while size := tag_size(data, at):
        at += size
    kind = kind_at(data, at)
    if begin < at < len(data) and kind is None and any(_whole_chains(data[begin:at])):
        raise UnusableClip(f"{name} has a tag whose length is wrong: it reaches into the audio")
    return at


def _whole_chains(data: bytes) -> Iterator[int]:
    return (at for at in _chains(data, 0) if _chain_length(data, at) == _CHAIN)
