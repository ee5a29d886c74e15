"""Audio files of every kind, and what can go wrong with them; all made from seeds."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile

from mirbench.benchmark.datasets.audio_files.mpeg_header import parse_header


def sound(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Tone and noise, loud and quiet by turns, of changing brightness: bit rates vary with it."""
    rng = np.random.default_rng(0)
    time = np.arange(int(seconds * rate)) / rate
    loud = np.where(time % 1 < 0.5, 0.5, 0.02)
    tone = np.sin(2 * np.pi * 330 * time)[:, None] * np.linspace(0.5, 1, channels)
    noise = rng.normal(0, 0.2, (len(time), channels)) * np.minimum(1, time)[:, None]
    return np.clip(0.6 * loud[:, None] * (tone + noise), -1, 1)


def encoded(
    seconds: float,
    rate: int,
    channels: int,
    container: str,
    coding: str | None = None,
    **how: str | float,
) -> bytes:
    """Make a file as libsndfile writes it."""
    buffer = io.BytesIO()
    samples = sound(seconds, rate, channels)
    soundfile.write(buffer, samples, rate, format=container, subtype=coding, **how)
    return buffer.getvalue()


def mp3(seconds: float, mode: str, level: float, rate: int = 44_100, channels: int = 2) -> bytes:
    return encoded(seconds, rate, channels, "MP3", bitrate_mode=mode, compression_level=level)


def mp3_frames(content: bytes) -> list[bytes]:
    """Give the frames of an mp3 without the one that tells the length."""
    frames, at = [], 0
    while (header := parse_header(content[at : at + 4])) is not None:
        frames.append(content[at : at + header[1]])
        at += header[1]
    return frames[1:]


def bare(content: bytes) -> bytes:
    """Make an mp3 that does not tell its length."""
    return b"".join(mp3_frames(content))


def with_count(content: bytes, frames: int) -> bytes:
    """Make an mp3 whose header tells another number of frames."""
    word = b"Xing" if b"Xing" in content else b"Info"
    at = content.index(word) + 8
    return content[:at] + struct.pack(">I", frames) + content[at + 4 :]


def id3v2(size: int, told: int | None = None) -> bytes:
    """Make a tag with a picture of noise; `told`: another size in its header."""
    told = size if told is None else told
    picture = np.random.default_rng(size).bytes(size)
    return b"ID3\3\0\0" + bytes(told >> shift & 127 for shift in (21, 14, 7, 0)) + picture


def id3v1() -> bytes:
    return b"TAG" + b"title".ljust(125, b"\0")


def ape(size: int, header: bool = True) -> bytes:
    """Make an APE tag, of version 1 if it has no header."""

    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, size + 32, 1, flags) + bytes(8)

    content = np.random.default_rng(size).bytes(size).replace(b"\xff", b"\0")
    return (edge(0xA0000000) if header else b"") + content + edge(0x80000000 if header else 0)


def lyrics() -> bytes:
    return b"LYRICSBEGIN" + b"IND00002" + b"la " * 500 + b"001519LYRICS200"


def with_number(content: bytes, mark: bytes, behind: int, number: bytes) -> bytes:
    """Overwrite bytes some way behind the first place of a mark."""
    at = content.index(mark) + len(mark) + behind
    return content[:at] + number + content[at + len(number) :]


@dataclass(frozen=True)
class Original:
    """A whole file, how long it is, and whether its format tells that."""

    container: str
    seconds: float
    rate: int
    content: bytes
    tells_length: bool = True


#: Containers, and what libsndfile encodes in them.
_PLAIN = {
    "WAV": ("PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM"),
    "WAVEX": ("PCM_16",),
    "RF64": ("PCM_16",),
    "W64": ("PCM_16",),
    "AIFF": ("PCM_16", "PCM_24"),
    "AU": ("PCM_16", "ALAW"),
    "CAF": ("PCM_16", "ALAC_16"),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "NIST": ("PCM_16",),
    "VOC": ("PCM_16",),
    "AVR": ("PCM_16",),
    "MAT4": ("PCM_16",),
    "MAT5": ("PCM_16",),
}


def originals() -> list[Original]:
    """Whole files to damage."""
    made = []
    for container, codings in _PLAIN.items():
        for coding in codings:
            for rate, channels, seconds in ((48_000, 2, 1.5), (16_000, 1, 2.25)):
                content = encoded(seconds, rate, channels, container, coding)
                made.append(Original(container, seconds, rate, content))
    for rate, channels in ((44_100, 2), (22_050, 1), (16_000, 1)):
        for mode, level in (("CONSTANT", 0.0), ("CONSTANT", 0.7), ("VARIABLE", 0.3)):
            content = mp3(2, mode, level, rate, channels)
            made.append(Original("MP3", 2, rate, content))
            made.append(Original("MP3", 2, rate, bare(content), tells_length=False))
    return made


def cut(one: Original, rng: np.random.Generator) -> bytes:
    return one.content[: int(len(one.content) * rng.uniform(0.05, 0.98))]


def joined(one: Original, rng: np.random.Generator) -> bytes:
    return one.content * 2


def tagged_before(one: Original, rng: np.random.Generator) -> bytes:
    return id3v2(int(rng.integers(10, 100_000))) + one.content


def tagged_behind(one: Original, rng: np.random.Generator) -> bytes:
    tags = (id3v1(), ape(int(rng.integers(10, 5000))), ape(900, header=False), lyrics())
    return one.content + tags[rng.integers(len(tags))]


def wrong_number(one: Original, rng: np.random.Generator) -> bytes:
    """Turn four bytes in the header into another number, small, huge, or any."""
    at = int(rng.integers(0, min(120, len(one.content)) - 4))
    choices = (0, 1, 100, 2**31 - 1, 2**31, 2**32 - 1, int(rng.integers(2**32)))
    number = struct.pack("<I" if rng.random() < 0.5 else ">I", choices[rng.integers(7)])
    return one.content[:at] + number + one.content[at + 4 :]


def flipped(one: Original, rng: np.random.Generator) -> bytes:
    """Turn some bits."""
    content = bytearray(one.content)
    for at in rng.integers(0, len(content), rng.integers(1, 6)):
        content[at] ^= 1 << int(rng.integers(8))
    return bytes(content)


def _stretch(one: Original, rng: np.random.Generator) -> tuple[int, int]:
    size = int(rng.integers(100, len(one.content) // 3))
    start = int(rng.integers(0, len(one.content) - size))
    return start, start + size


def zeroed(one: Original, rng: np.random.Generator) -> bytes:
    """Lose a block on the disk."""
    start, end = _stretch(one, rng)
    return one.content[:start] + bytes(end - start) + one.content[end:]


def shortened(one: Original, rng: np.random.Generator) -> bytes:
    """Leave out a piece in the middle."""
    start, end = _stretch(one, rng)
    return one.content[:start] + one.content[end:]


def mixed_up(one: Original, rng: np.random.Generator) -> bytes:
    """Write other bytes in between."""
    start, end = _stretch(one, rng)
    return one.content[:start] + rng.bytes(end - start) + one.content[start:]


Damage = Callable[[Original, np.random.Generator], bytes]

DAMAGES: tuple[Damage, ...] = (
    cut,
    joined,
    tagged_before,
    tagged_behind,
    wrong_number,
    flipped,
    zeroed,
    shortened,
    mixed_up,
)
