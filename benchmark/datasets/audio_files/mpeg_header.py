"""The four bytes that every frame of MPEG audio begins with (ISO/IEC 11172-3 and 13818-3)."""

from __future__ import annotations

from dataclasses import dataclass

# kbit/s by (MPEG 1 or later, layer) and index; 0 is a rate that the file does not tell.
_BIT_RATES = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True, slots=True)
class Kind:
    """What all frames of a stream have in common."""

    version: int
    layer: int
    rate: int
    channels: int

    @property
    def samples(self) -> int:
        """Samples per frame and channel."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != 3 else 1152

    def __str__(self) -> str:
        return f"{self.rate} Hz with {self.channels} channel{'s' if self.channels > 1 else ''}"


def parse_header(head: bytes) -> tuple[Kind, int] | None:
    """Read the kind and the size in bytes of the frame that begins with four bytes, if one does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, rate_index = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or index == 15 or rate_index == 3 or head[3] & 3 == 2:
        return None
    rate = _RATES[version][rate_index]
    kind = Kind(version, layer, rate, 1 if head[3] >> 6 == 3 else 2)
    padding = head[2] >> 1 & 1
    bits = _BIT_RATES[version == 3, layer][index] * 1000
    if layer == 1:
        return kind, (12 * bits // rate + padding) * 4
    return kind, kind.samples // 8 * bits // rate + padding


def kind_at(data: bytes, at: int) -> Kind | None:
    """Kind of the frame that begins at a place, if one does."""
    parsed = parse_header(data[at : at + 4])
    return None if parsed is None else parsed[0]
