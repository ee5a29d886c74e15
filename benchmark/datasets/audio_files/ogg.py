"""The pages of Ogg files (RFC 3533): whether all are there, and where joined files begin.

libsndfile reads the first of several files that were joined, passes over
damaged pages, and cannot tell a file that was cut from a shorter one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio_files.tags import tag_size

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FIRST, _LAST = 2, 4


#: Samples per channel that a packet may have, in the codec that has most (FLAC).
_MOST_SAMPLES = 1 << 16


@dataclass(slots=True)
class Link:
    """One of the files that were joined.

    Attributes
    ----------
    start, end : int
        Where it lies.
    most_frames : int
        Samples per channel that it cannot have more of.
    open : set of int
        Streams in it that have not ended.
    """

    start: int
    end: int = 0
    most_frames: int = 0
    open: set[int] = field(default_factory=set)
    in_header: bool = True
    #: Number and position of a stream's last page.
    pages: dict[int, tuple[int, int]] = field(default_factory=dict)


def split(data: bytes, name: str) -> list[Link]:
    """Find the files that a file was joined from; of a single one, that.

    Raises
    ------
    UnusableClip
        If a page is damaged or missing, or there is no last one.
    """
    links: list[Link] = []
    at = data.find(b"OggS")
    while at < len(data):
        if data[at : at + 4] != b"OggS":
            at = _resume(data, at, links, name)
            continue
        segments = data[at + 27 : at + 27 + data[at + 26]] if at + 27 <= len(data) else b""
        end = at + 27 + len(segments) + sum(segments)
        if at + 27 > len(data) or len(segments) < data[at + 26] or end > len(data):
            raise UnusableClip(f"{name} is truncated: it ends within a page of its Ogg stream")
        if not _is_sound(data[at:end]):
            raise UnusableClip(f"{name} is damaged: a page of its Ogg stream has been changed")
        _add(data[at : at + 27], at, links, name)
        links[-1].most_frames += len(segments) * _MOST_SAMPLES
        links[-1].end = at = end
    if any(link.open for link in links):
        raise UnusableClip(f"{name} is truncated: the last page of its Ogg stream is missing")
    return links


def _add(head: bytes, at: int, links: list[Link], name: str) -> None:
    serial, number = int.from_bytes(head[14:18], "little"), int.from_bytes(head[18:22], "little")
    position = int.from_bytes(head[6:14], "little", signed=True)  # -1: no packet ends here
    if head[5] & _FIRST:
        if not links or not links[-1].in_header:
            if links and links[-1].open:
                raise UnusableClip(f"{name} is damaged: an Ogg stream in it has no last page")
            links.append(Link(at))
        links[-1].open.add(serial)
    else:
        before, reached = links[-1].pages.get(serial, (-1, 0)) if links else (-1, 0)
        if not links or serial not in links[-1].open or number != before + 1:
            raise UnusableClip(f"{name} is damaged: a page of its Ogg stream is missing")
        if 0 <= position < reached:
            raise UnusableClip(f"{name} is damaged: its Ogg stream has wrong positions")
        position = max(position, reached)
        links[-1].in_header = False
    links[-1].pages[serial] = number, position
    if head[5] & _LAST:
        links[-1].open.discard(serial)


def _resume(data: bytes, at: int, links: list[Link], name: str) -> int:
    """Pass over tags and what follows the last page."""
    after = at + tag_size(data, at)
    if after > at:
        return after
    found = data.find(b"OggS", at)
    if found >= 0 or any(link.open for link in links):
        raise UnusableClip(f"{name} is damaged: a page of its Ogg stream has been changed")
    return len(data)


def _is_sound(page: bytes) -> bool:
    """Compare the checksum: CRC-32 as in zip files, but of reversed bits and not inverted."""
    zeroed = page[:22] + bytes(4) + page[26:]
    found = zlib.crc32(zeroed.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2) == int.from_bytes(page[22:26], "little")
