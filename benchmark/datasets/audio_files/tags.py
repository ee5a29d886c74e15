"""Tags before, between and behind audio: ID3 (id3.org), APE and Lyrics3. Only how long they are."""

from __future__ import annotations

#: Bytes through which the end of a tag without a beginning is looked for.
_MOST_WITHOUT_HEADER = 1 << 16


def tag_size(data: bytes, at: int, *, search: bool = True) -> int:
    """Size in bytes of the tag at a place; 0 if there is none that ends within the file.

    `search`: look for the end of a tag that has no beginning too.
    """
    size = _claimed_tag_size(data, at, search)
    return size if at + size <= len(data) else 0


def _claimed_tag_size(data: bytes, at: int, search: bool) -> int:
    head = data[at : at + 32]
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:3] == b"TAG":
        return 227 if head[3:4] == b"+" else 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return 32 + (int.from_bytes(head[12:16], "little") if head[23] & 0x20 else 0)
    if head[:11] == b"LYRICSBEGIN":
        ends = [data.find(word, at) for word in (b"LYRICS200", b"LYRICSEND")]
        return min((end + 9 - at for end in ends if end >= 0), default=0)
    if search and head[:1] != b"\xff":  # an APE tag of version 1 has no header
        footer = data.find(b"APETAGEX", at, at + _MOST_WITHOUT_HEADER)
        items = int.from_bytes(data[footer + 12 : footer + 16], "little")
        if footer > at and items == footer + 32 - at:
            return items
    return 0
