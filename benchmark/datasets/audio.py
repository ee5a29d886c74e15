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
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.benchmark.api import FloatArray, MirbenchError, UnusableClip
from mirbench.benchmark.progress import count

#: Part of every task fingerprint: raised when the same file would give other samples.
AUDIO_VERSION = 1

#: How much shorter than promised, in seconds, a file may be before it counts as truncated.
SHORTFALL = 0.1


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file's header says: seconds, Hz, number of channels, format name."""

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
    """Read duration and format from a file's header, without decoding it.

    Raises
    ------
    UnusableClip
        If there is no such file, or it is empty, not audio, or shorter than
        its own header says.
    """
    with _open(path) as file:
        if file.frames == 0:
            raise UnusableClip(f"{path.name} holds no audio")
        promised, rate = _promised_frames(file), file.samplerate
        if _is_truncated(file.frames, promised, rate, file.format):
            raise _truncated(path, file.frames, promised, rate)
        return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels, file.format)


def read_audio(
    path: Path, sample_rate: int, start: float = 0.0, duration: float | None = None
) -> FloatArray:
    """Decode an excerpt as mono float32.

    Parameters
    ----------
    path : Path
    sample_rate : int
        Wanted rate in Hz.
    start, duration : float
        In seconds; no duration: to the end of the file.

    Returns
    -------
    ndarray of float32, shape [n_samples]
        Nominally in [-1, 1]; never empty.

    Raises
    ------
    UnusableClip
        If the file is absent, empty, not audio, truncated or not finite.
    """
    mono, rate = _decode(path, start, duration)
    return resample(mono, rate, sample_rate)


def read_windows(
    path: Path,
    sample_rate: int,
    window: float,
    start: float = 0.0,
    duration: float | None = None,
    only: Collection[int] | None = None,
) -> list[FloatArray]:
    """Decode an excerpt and cut it into full windows of `window` seconds; the rest is dropped.

    Parameters
    ----------
    only : collection of int, optional
        Windows that are wanted, counted from 0; default: all. They come in order.

    Raises
    ------
    UnusableClip
        As `read_audio`, and if the excerpt is shorter than one window or has
        not all that are wanted.
    """
    mono, rate = _decode(path, start, duration)
    windows = _full_windows(mono, rate, window, path)
    wanted = range(windows) if only is None else sorted(only)
    if wanted[-1] >= windows:
        raise UnusableClip(f"{path.name} has {count(windows, 'window')} now; it has been changed")
    edges = [round(k * window * rate) for k in range(windows + 1)]
    return [resample(mono[edges[k] : edges[k + 1]], rate, sample_rate) for k in wanted]


def count_windows(
    path: Path, window: float, start: float = 0.0, duration: float | None = None
) -> int:
    """Count the windows that `read_windows` gives; the file is decoded, headers only guess."""
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


def _decode(path: Path, start: float, duration: float | None) -> tuple[FloatArray, int]:
    with _open(path) as file:
        rate = int(file.samplerate)
        first = int(start * rate)
        if first and first >= file.frames:
            raise UnusableClip(
                f"{path.name} is {file.frames / rate:.1f} s long, but the clip starts "
                f"at {start:g} s"
            )
        wanted = file.frames - first if duration is None else int(duration * rate)
        try:
            file.seek(first)
            samples = file.read(wanted, dtype="float32", always_2d=True)
        except Exception as error:
            raise _failure(path, error) from error
        promised = _promised_frames(file) - first if duration is None else wanted
    if len(samples) == 0:
        raise UnusableClip(f"{path.name} holds no audio")
    if _is_truncated(len(samples), promised, rate, file.format):
        raise _truncated(path, len(samples), promised, rate)
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


def _is_truncated(decoded: int, promised: int, rate: int, kind: str) -> bool:
    # The length of an mp3 without a Xing header is a guess from its first bit rate.
    allowed = promised / 2 if kind in ("MPEG", "MP3") else SHORTFALL * rate
    return promised - decoded > allowed


def _truncated(path: Path, decoded: int, promised: int, rate: int) -> UnusableClip:
    found, wanted = decoded / rate, promised / rate
    return UnusableClip(f"{path.name} is truncated: {found:.1f} s of {wanted:.1f} s can be decoded")


def _promised_frames(file: Any) -> int:
    """Frames by the header; libsndfile mends a wav's count but logs what it should be."""
    frames = int(file.frames)
    log = re.search(r"data\s*:\s*(\d+)\s*\(should be (\d+)\)", file.extra_info)
    if log is None or not int(log[2]):
        return frames
    if int(log[1]) >= 2**32 - 2**20:  # what a writer to a pipe puts where it does not know
        return frames
    return max(frames, round(frames * int(log[1]) / int(log[2])))


def _open(path: Path) -> Any:
    import soundfile

    if not path.is_file():
        raise UnusableClip(f"{path.name} does not exist")
    if path.stat().st_size == 0:
        raise UnusableClip(f"{path.name} is empty (0 bytes)")
    try:
        return soundfile.SoundFile(path)
    except Exception as error:
        raise _failure(path, error) from error


def _failure(path: Path, error: Exception) -> MirbenchError:
    """Tell a file that cannot be decoded, which is unusable, from one that cannot be read now."""
    import soundfile

    system_error = 2  # libsndfile's SF_ERR_SYSTEM
    passing = isinstance(error, OSError | MemoryError) or (
        isinstance(error, soundfile.LibsndfileError) and error.code == system_error
    )
    if passing:
        return MirbenchError(f"{path} cannot be read: {_reason(error)}; run the command again")
    return UnusableClip(f"{path.name} cannot be decoded: {_reason(error)}")


def _reason(error: Exception) -> str:
    text = (getattr(error, "error_string", None) or str(error)).strip().rstrip(".")
    if "does not exist" in text:  # libmpg123's words for a file without a single frame
        return "no audio found in it"
    return text or type(error).__name__
