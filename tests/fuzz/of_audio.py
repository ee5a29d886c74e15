"""Audio of every format: read to its end, or a missing clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers.audio_damage import ape, bare, encoded, id3v1, id3v2, lyrics, mp3

from fuzz.readers import Reader, add, one_file
from mirbench.benchmark.datasets.audio import (
    audio_info,
    count_windows,
    decodes_as_version_1,
    read_audio,
)

_CHUNKS = (
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24")),
    *(("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "ALAW")),
    *(("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("SVX", "PCM_16")),
)
_OTHERS = (("NIST", "PCM_16"), ("VOC", "PCM_16"), ("AVR", "PCM_16"), ("MAT5", "PCM_16"),
           ("SDS", "PCM_16"), ("HTK", "PCM_16"), ("PAF", "PCM_16"))  # fmt: skip


def _read(path: Path) -> object:
    info = audio_info(path)
    decodes_as_version_1(path)
    samples = read_audio(path, info.sample_rate)
    assert 0 < len(samples) < 2**28
    return len(samples), count_windows(path, info.duration / 2)


def _made(*kinds: tuple[str, str]) -> Callable[[Path], list[bytes]]:
    return lambda folder: [encoded(0.1, 16_000, 1, *kind) for kind in kinds]


def _mp3(folder: Path) -> list[bytes]:
    whole = [mp3(0.3, mode, 0.6, rate, 1) for mode, rate in (("CONSTANT", 16_000),
             ("VARIABLE", 44_100))]  # fmt: skip
    tags = [id3v2(60) + whole[0], whole[1] + id3v1(), ape(50) + whole[0] + lyrics()]
    return [*whole, *map(bare, whole), *tags, whole[0] * 2]


def _ogg(folder: Path) -> list[bytes]:
    made = _made(("OGG", "VORBIS"), ("OGG", "OPUS"))(folder)
    return [*made, made[0] * 2]


for _name, _seeds in {
    "audio with chunks (wav, aiff, …)": _made(*_CHUNKS),
    "audio in mp3": _mp3,
    "audio in flac": _made(("FLAC", "PCM_16"), ("FLAC", "PCM_24")),
    "audio in ogg": _ogg,
    "audio in rare formats": _made(*_OTHERS),
}.items():
    add(Reader(_name, _seeds, one_file("clip.wav", _read), (b"data", b"fmt ", b"LIST"), 40))
