"""Whole, ordinary files of all formats: decoded by libsndfile as it is, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from helpers.audio_damage import encoded

from mirbench.benchmark.datasets.audio import audio_info, read_audio

#: A grid of (rate, channels, seconds); not every format takes all.
SHAPES = (
    (44_100, 2, 0.6),
    (22_050, 1, 0.31),
    (16_000, 1, 1.1),
    (48_000, 2, 0.5),
    (8000, 1, 0.5),
    (24_000, 2, 0.4),
    (32_000, 1, 0.3),
)

#: What libsndfile encodes, by container; several bit rates where there are such.
CODINGS = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"),
    "WAVEX": ("PCM_16", "FLOAT"),
    "RF64": ("PCM_16", "PCM_24"),
    "W64": ("PCM_16", "MS_ADPCM"),
    "AIFF": ("PCM_S8", "PCM_16", "PCM_24", "ALAW"),
    "AU": ("PCM_16", "PCM_24", "FLOAT", "ULAW"),
    "CAF": ("PCM_16", "PCM_24", "ALAC_16", "ALAC_24"),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "NIST": ("PCM_16",),
    "AVR": ("PCM_16",),
    "VOC": ("PCM_16",),
    "PAF": ("PCM_16",),
    "PVF": ("PCM_16",),
    "IRCAM": ("PCM_16", "FLOAT"),
    "MAT4": ("DOUBLE",),
    "MAT5": ("FLOAT",),
}
MP3 = (("CONSTANT", 0.0), ("CONSTANT", 0.6), ("CONSTANT", 0.9), ("VARIABLE", 0.2), ("AVERAGE", 0.5))


def files() -> Iterator[tuple[str, bytes]]:
    """Names and contents of about 300 files."""
    for rate, channels, seconds in SHAPES:
        shape = f"{rate} Hz, {channels}"
        for container, codings in CODINGS.items():
            for coding in codings:
                content = encoded(seconds, rate, channels, container, coding)
                yield f"{container} {coding} {shape}", content
        for level in (0.1, 0.5, 0.9):
            content = encoded(seconds, rate, channels, "OGG", "VORBIS", compression_level=level)
            yield f"OGG {level} {shape}", content
        if rate in (8000, 16_000, 24_000, 48_000):
            yield f"OPUS {shape}", encoded(seconds, rate, channels, "OGG", "OPUS")
        for mode, level in MP3:
            content = encoded(
                seconds, rate, channels, "MP3", bitrate_mode=mode, compression_level=level
            )
            yield f"MP3 {mode} {level} {shape}", content


def plainly(path: Path, wanted: int) -> tuple[np.ndarray, int]:
    """Decode as ever: everything that libsndfile gives, mean of the channels, soxr."""
    with soundfile.SoundFile(path) as file:
        file.seek(0)  # as ever; of mp3 it changes the last bits of samples
        samples = file.read(dtype="float32", always_2d=True)
        rate = file.samplerate
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    if rate == wanted:
        return mono, rate
    length = int(np.ceil(len(mono) * (wanted / rate)))
    resampled = soxr.resample(mono, rate, wanted, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled))), rate


def test_ordinary_files_are_decoded_as_ever(tmp_path: Path) -> None:
    path, count = tmp_path / "a.bin", 0
    for name, content in files():
        path.write_bytes(content)
        info = audio_info(path)
        for wanted in (info.sample_rate, 22_050):
            expected, _ = plainly(path, wanted)
            audio = read_audio(path, wanted)
            assert audio.dtype == np.float32
            assert np.array_equal(audio, expected), name
        whole = read_audio(path, info.sample_rate)
        assert info.duration == len(whole) / info.sample_rate, name
        count += 1
    assert count >= 300


@pytest.mark.parametrize("name", ["mp3", "ogg"])
def test_real_recordings_are_decoded_as_ever(name: str, shared: Path) -> None:
    paths = sorted((shared / "audio").glob(f"*.{name}"))
    assert paths
    for path in paths:
        info = audio_info(path)
        expected, rate = plainly(path, info.sample_rate)
        assert np.array_equal(read_audio(path, rate), expected), path.name
        assert info.duration == len(expected) / rate, path.name
