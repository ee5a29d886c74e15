"""Damaged files: read whole or refused, never a part of them in silence."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import audio_damage as damage

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio import audio_info, quiet_decoders, read_audio

#: Damages after which a file is not as long as before, so that there is no telling how long.
WITHOUT_LENGTH = (damage.cut, damage.shortened)

#: Seconds that may be missing without a word, and bounds of the time and memory of one file.
LOSS, SECONDS, BYTES = 0.05, 20.0, 1 << 30


def seconds_of(path: Path, rate: int) -> float | None:
    try:
        return len(read_audio(path, rate)) / rate
    except UnusableClip:
        return None


def told_of(path: Path) -> tuple[float, int] | None:
    try:
        info = audio_info(path)
    except UnusableClip:
        return None
    return info.duration, info.sample_rate


def problem(one: damage.Original, how: damage.Damage, seed: int, path: Path) -> str | None:
    """Say what is wrong with how a damaged file is read."""
    rng = np.random.default_rng(seed)
    path.write_bytes(how(one, rng))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    started = time.perf_counter()
    with quiet_decoders():
        told = told_of(path)
        found = seconds_of(path, one.rate if told is None else told[1])
    if time.perf_counter() - started > SECONDS:
        return "takes too long"
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > before + BYTES:
        return "takes too much memory"
    if found is None:
        return None
    if told is None or abs(told[0] - found) > LOSS:
        return f"{told} by audio_info are {found} s"
    if how in WITHOUT_LENGTH and not one.tells_length:
        return None
    expected = one.seconds * (2 if how is damage.joined else 1)
    return f"{found} s of {expected} s" if found < expected - LOSS else None


def check(count: int, path: Path) -> None:
    originals = damage.originals()
    rng = np.random.default_rng(13)
    wrong = []
    for seed in range(count):
        one = originals[rng.integers(len(originals))]
        how = damage.DAMAGES[seed % len(damage.DAMAGES)]
        said = problem(one, how, seed, path)
        if said is not None:
            wrong.append(f"{seed}: {one.container} at {one.rate} Hz, {how.__name__}: {said}")
    assert not wrong, "\n".join(wrong)


def test_some_damaged_files(tmp_path: Path) -> None:
    check(180, tmp_path / "damaged.bin")


@pytest.mark.slow
def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    check(2000, tmp_path / "damaged.bin")
