"""Decode, mix down, cut and resample audio.

Files are read with libsndfile (wav, flac, ogg, mp3 and more) and resampled
with soxr, in the order and quality of `librosa.load`: mean of the channels,
then resampling, so that features equal those computed with librosa directly.
Windows are cut before resampling, as in Castellon et al. (ISMIR 2021).
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import FloatArray, UnusableClip
from mirbench.benchmark.datasets.audio_files.errors import LOSS, truncated
from mirbench.benchmark.datasets.audio_files.opening import open_audio
from mirbench.benchmark.progress import count

#: Part of every task fingerprint: raised when the same file would give other samples.
AUDIO_VERSION = 2

#: What becomes of the mono samples of an excerpt at the rate of its file.
Change = Callable[[FloatArray, int], FloatArray]

#: How much longer, in seconds, an excerpt may be than what is left of its file.
SHORTFALL = 0.1


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """Length in seconds that can be decoded, Hz, number of channels, format name."""

    duration: float
    sample_rate: int
    channels: int
    format: str


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep decoders written in C from writing remarks on broken files to stderr.

    Python's own stderr goes on working. Not to be entered by two threads at once.
    """
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    python_stderr = sys.stderr
    try:
        uses_it = python_stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        uses_it = False
    with os.fdopen(kept, "w", buffering=1) as same, open(os.devnull, "w") as nowhere:
        if uses_it:
            python_stderr.flush()
            sys.stderr = same
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            same.flush()
            os.dup2(kept, 2)
            if uses_it:
                sys.stderr = python_stderr


def audio_info(path: Path) -> AudioInfo:
    """Find out duration and format of a file without decoding it.

    Raises
    ------
    UnusableClip
        If there is no such file, or it is empty, not audio, or has not all of
        the audio that its header tells of.
    """
    with open_audio(path, to_decode=False) as file:
        return AudioInfo(file.frames / file.rate, file.rate, file.channels, file.format)


def decodes_as_version_1(path: Path) -> bool:
    """Whether `AUDIO_VERSION` 1 gave the same samples of a file: it was read as it is."""
    try:
        with open_audio(path) as file:
            return file.as_it_is
    except UnusableClip:
        return False


def read_audio(
    path: Path,
    sample_rate: int,
    start: float = 0.0,
    duration: float | None = None,
    change: Change | None = None,
    at_most: float | None = None,
) -> FloatArray:
    """Decode an excerpt as mono float32.

    Parameters
    ----------
    path : Path
    sample_rate : int
        Wanted rate in Hz.
    start, duration : float
        In seconds; no duration: to the end of the file.
    change : callable, optional
        ``change(mono, rate)`` of the excerpt, before it is resampled.
    at_most : float, optional
        Seconds of what is changed that are wanted.

    Returns
    -------
    ndarray of float32, shape [n_samples]
        Nominally in [-1, 1]; never empty.

    Raises
    ------
    UnusableClip
        If the file is absent, empty, not audio, truncated or not finite.
    """
    mono, rate = _changed(path, start, duration, change)
    if at_most is not None:
        mono = mono[: int(at_most * rate)]
    return resample(mono, rate, sample_rate)


def read_windows(
    path: Path,
    sample_rate: int,
    window: float,
    start: float = 0.0,
    duration: float | None = None,
    only: Collection[int] | None = None,
    change: Change | None = None,
) -> list[FloatArray]:
    """Decode an excerpt and cut it into full windows of `window` seconds; the rest is dropped.

    Parameters
    ----------
    path : Path
    sample_rate : int
        Wanted rate in Hz.
    window, start, duration : float
        In seconds; no duration: to the end of the file.
    only : collection of int, optional
        Windows that are wanted, counted from 0; default: all. They come in order.
    change : callable, optional
        ``change(mono, rate)`` of the excerpt, before it is cut.

    Raises
    ------
    UnusableClip
        As `read_audio`, and if the excerpt is shorter than one window or has
        not all that are wanted.
    """
    mono, rate = _changed(path, start, duration, change)
    windows = _full_windows(mono, rate, window, path)
    wanted = range(windows) if only is None else sorted(only)
    if wanted[-1] >= windows:
        raise UnusableClip(f"{path.name} has {count(windows, 'window')} now; it has been changed")
    edges = [round(k * window * rate) for k in range(windows + 1)]
    return [resample(mono[edges[k] : edges[k + 1]], rate, sample_rate) for k in wanted]


def count_windows(
    path: Path, window: float, start: float = 0.0, duration: float | None = None
) -> int:
    """Count the windows that `read_windows` gives; the file is decoded, headers only guess.

    Parameters
    ----------
    path : Path
    window, start, duration : float
        In seconds; no duration: to the end of the file.
    """
    mono, rate = _decode(path, start, duration)
    return _full_windows(mono, rate, window, path)


def _full_windows(mono: FloatArray, rate: int, window: float, path: Path) -> int:
    count = math.floor(len(mono) / rate / window + 1e-9)
    if count == 0:
        raise UnusableClip(
            f"{path.name} is {len(mono) / rate:.1f} s long, shorter than one window of {window:g} s"
        )
    return count


def resample(mono: FloatArray, rate: int, wanted: int) -> FloatArray:
    """Resample with soxr's high quality; the result has ``ceil(n * wanted / rate)`` samples."""
    if rate == wanted:
        return np.ascontiguousarray(mono)
    import soxr

    length = math.ceil(len(mono) * (wanted / rate))
    resampled = soxr.resample(mono, rate, wanted, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled))).astype(np.float32, copy=False)


def _changed(
    path: Path, start: float, duration: float | None, change: Change | None
) -> tuple[FloatArray, int]:
    mono, rate = _decode(path, start, duration)
    return (mono if change is None else change(mono, rate)), rate


def _decode(path: Path, start: float, duration: float | None) -> tuple[FloatArray, int]:
    with open_audio(path) as file:
        rate = file.rate
        first = int(start * rate)
        if first and first >= file.frames:
            raise UnusableClip(
                f"{path.name} is {file.frames / rate:.1f} s long, but the clip starts "
                f"at {start:g} s"
            )
        left = file.frames - first
        wanted = left if duration is None else int(duration * rate)
        # The rounding of annotations is no truncation; of what the file has, little may be lost.
        if wanted - left > SHORTFALL * rate:
            raise truncated(path.name, left / rate, wanted / rate)
        samples = file.read(first, wanted)
    if len(samples) == 0:
        raise UnusableClip(f"{path.name} holds no audio")
    if min(wanted, left) - len(samples) > LOSS * rate:
        raise truncated(path.name, len(samples) / rate, min(wanted, left) / rate)
    mono = _mix(samples)
    if not np.isfinite(mono).all():
        raise UnusableClip(f"{path.name} holds samples that are NaN or infinite")
    return mono, rate


def _mix(samples: FloatArray) -> FloatArray:
    """Mean of the channels ``[n_samples, n_channels]``."""
    channels = samples.shape[1]
    if channels == 1:
        return samples[:, 0]
    if channels == 2:  # the same numbers as below, ten times as fast
        return (samples[:, 0] + samples[:, 1]) / np.float32(2)
    mono: FloatArray = samples.mean(axis=1)
    return mono
