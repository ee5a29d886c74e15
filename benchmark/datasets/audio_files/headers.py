"""The length of audio files by their headers, against what libsndfile would read of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio_files.chunks import Samples
from mirbench.benchmark.datasets.audio_files.errors import LOSS, truncated
from mirbench.benchmark.progress import count

#: Bytes of a sample, where it has a fixed number of them.
_SAMPLE_BYTES = {
    "PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4,
    "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1,
}  # fmt: skip

#: What libsndfile remarks on the length by the header of less usual formats, the last one counts.
_REMARKS = {
    "AVR": r"Frames\s*: (\d+)",
    "MAT4": r"Cols\s*: (\d+)",
    "MAT5": r"Cols\s*: (\d+)",
    "MPC2K": r"Frames\s*: (\d+)",
    "WVE": r"Data length (\d+) should be",
}

#: Formats with a length in their header; and more bytes than their header itself has.
_WITH_LENGTH, _MOST_HEADER = {*_REMARKS, "HTK", "NIST", "SDS", "VOC"}, 4096

#: No file has more samples per channel; a header in digits may claim a number of any length.
_MOST_FRAMES = 1 << 62

#: Bytes of a block of an sds file.
_SDS_BLOCK = 127


def check_samples(samples: Samples, file: Any, path: Path) -> None:
    """Compare what libsndfile would read of an open file with the bytes of the samples.

    Raises
    ------
    UnusableClip
        If some are missing, or more follow.
    """
    rate, frames = int(file.samplerate), int(file.frames)
    size = samples.there if samples.size is None else samples.size
    read = min(size, samples.there)
    width = _SAMPLE_BYTES.get(file.subtype, 0) * int(file.channels)
    # Compressed samples have a varying number of bytes.
    per_frame = width or (read / frames if frames else 1.0)
    allowed = LOSS * rate * per_frame
    if size - samples.there > allowed:
        raise truncated(path.name, samples.there / per_frame / rate, size / per_frame / rate)
    if samples.extra > allowed:
        raise UnusableClip(
            f"{path.name} is damaged or several files joined: its header tells of "
            f"{size / per_frame / rate:.1f} s, but the file goes on for "
            f"{count(samples.extra, 'byte')}"
        )
    if width and abs(read / width - frames) > LOSS * rate:
        raise UnusableClip(
            f"{path.name} cannot be decoded: {frames / rate:.1f} s by libsndfile are "
            f"{read / width / rate:.1f} s by its header"
        )


def check_remarks(file: Any, path: Path) -> None:
    """Compare the length by the header of an open file of a less usual format with the file's.

    Raises
    ------
    UnusableClip
        If some is missing, or more follows.
    """
    rate, frames, remarks = int(file.samplerate), int(file.frames), str(file.extra_info)
    promised = re.findall(_REMARKS[file.format], remarks) if file.format in _REMARKS else []
    if file.format == "NIST":
        with path.open("rb") as opened:
            promised = re.findall(rb"sample_count -i (\d+)", opened.read(1024))
    wanted = min(int(promised[-1]), _MOST_FRAMES) if promised else frames
    width = float(_SAMPLE_BYTES.get(file.subtype, 0) * int(file.channels))
    if file.format == "SDS":  # whose missing blocks libsndfile fills with zeros
        found = re.search(r"Samples/Block\s*: (\d+)\s*Frames\s*: (\d+)", remarks)
        if found is not None:
            wanted, frames, width = frames, int(found[2]), _SDS_BLOCK / int(found[1])
    if wanted - frames > LOSS * rate:
        raise truncated(path.name, frames / rate, wanted / rate)
    if re.search("(?i)seems to be (a )?truncated", remarks):
        raise UnusableClip(f"{path.name} is truncated")
    extra = path.stat().st_size - min(frames, wanted) * width - _MOST_HEADER
    if frames - wanted > LOSS * rate or (
        file.format in _WITH_LENGTH and width and extra > LOSS * rate * width
    ):
        raise UnusableClip(
            f"{path.name} is damaged or several files joined: its header tells of "
            f"{wanted / rate:.1f} s, but more follows"
        )
