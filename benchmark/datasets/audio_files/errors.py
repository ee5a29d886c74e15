"""Errors for audio files, and what the checks of their length allow."""

from __future__ import annotations

from pathlib import Path

from mirbench.benchmark.api import MirbenchError, UnusableClip

#: Seconds of a file that may be lost without a word.
LOSS = 0.05


def truncated(name: str, found: float, wanted: float) -> UnusableClip:
    """Error for a file of which `found` of `wanted` seconds are there."""
    return UnusableClip(f"{name} is truncated: {found:.1f} s of {wanted:.1f} s can be decoded")


def failure(path: Path, error: Exception) -> MirbenchError:
    """Error for a file that cannot be decoded, which is unusable, or just not now, which is not."""
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
    if "psf_fseek" in text:  # libsndfile's words for a decoder that has stopped early
        return "a part of it is damaged or missing"
    return text or type(error).__name__
