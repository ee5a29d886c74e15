"""What deformations do to samples, and to whom they may be applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbench.benchmark.api import Clip, FloatArray, UsageError
from mirbench.benchmark.datasets.audio import read_audio, read_windows
from mirbench.benchmark.datasets.deform import (
    DEFORMATIONS,
    RT60,
    change_of,
    get_deformation,
    room_response,
    why_not,
)
from mirbench.benchmark.embedding.shard_spec import look_at
from mirbench.benchmark.registry import load_task

RATE = 22050


def tone(rate: int = RATE, seconds: float = 1.0) -> FloatArray:
    times = np.arange(int(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * 440 * times) * np.exp(-3 * times)).astype(np.float32)


def changed(name: str, mono: FloatArray, rate: int = RATE, clip_id: str = "a") -> FloatArray:
    change = change_of(Clip(clip_id, None, "x", "y", deformed=name))
    assert change is not None
    return change(mono, rate)


@pytest.mark.parametrize("name", [n for n, d in DEFORMATIONS.items() if not d.transposes])
def test_as_many_samples_and_the_same_every_time(name: str) -> None:
    for mono in (tone(), tone(seconds=0.01), np.zeros(500, np.float32)):
        found = changed(name, mono)
        assert found.dtype == np.float32
        assert found.shape == mono.shape
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found, changed(name, mono))


@pytest.mark.parametrize(("name", "decibels"), [("noise20", 20), ("noise10", 10)])
def test_noise_is_as_loud_as_it_says_and_of_its_own_for_every_clip(
    name: str, decibels: float
) -> None:
    mono = tone()
    noise = changed(name, mono) - mono
    ratio = 10 * np.log10(np.mean(mono**2) / np.mean(noise**2))
    assert ratio == pytest.approx(decibels, abs=0.1)
    other = changed(name, mono, clip_id="b") - mono
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.05


def test_gain_is_minus_twelve_decibels() -> None:
    np.testing.assert_allclose(changed("gain", tone()), 0.2511886 * tone(), rtol=1e-6)


@pytest.mark.parametrize("rate", [22050, 44100, 12345, 96000])
def test_mp3_is_near_what_it_was_at_the_same_place(rate: int) -> None:
    mono = 4 * tone(rate)  # louder than full scale
    found = changed("mp3", mono, rate)
    error = np.mean((found - mono) ** 2) / np.mean(mono**2)
    assert 1e-9 < error < 0.02


def test_the_room_decays_by_60_decibels_in_half_a_second() -> None:
    response = room_response(RATE)
    assert np.sum(response.astype(float) ** 2) == pytest.approx(1)
    assert response[0] == pytest.approx(np.sqrt(0.5))
    early, late = response[1:2000], response[-2000:]
    fall = 20 * np.log10(np.sqrt(np.mean(early**2)) / np.sqrt(np.mean(late**2)))
    expected = 60 * (len(response) - 2000) / (RT60 * RATE)
    assert fall == pytest.approx(expected, abs=1)
    pulse = np.zeros(RATE, np.float32)
    pulse[100] = 1
    np.testing.assert_allclose(changed("room", pulse)[100:5000], response[:4900], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pitch"), [("pitch_up", 466.16), ("pitch_down", 415.30)])
def test_pitch_moves_by_a_semitone(name: str, pitch: float) -> None:
    times = np.arange(RATE) / RATE
    found = changed(name, np.sin(2 * np.pi * 440 * times).astype(np.float32))
    peak = np.abs(np.fft.rfft(found * np.hanning(RATE))).argmax()
    assert peak == pytest.approx(pitch, abs=2)
    assert len(found) == RATE


def test_pitch_is_for_labels_that_allow_it() -> None:
    up = get_deformation("pitch_up")
    assert why_not(up, load_task("gtzan")) is None
    reason = why_not(up, load_task("giantsteps"))
    assert reason is not None
    assert "may depend" in reason
    assert why_not(get_deformation("mp3"), load_task("giantsteps")) is None
    assert not load_task("rendered_key").transposable
    assert not load_task("rendered_chords").transposable
    with pytest.raises(UsageError, match="there is no deformation 'echo'; choose one of: noise20"):
        get_deformation("echo")


def test_the_whole_excerpt_is_changed_before_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(8000, 2.0), 8000, subtype="FLOAT")

    def number(mono: FloatArray, rate: int) -> FloatArray:
        assert rate == 8000
        return np.arange(len(mono), dtype=np.float32)

    assert len(read_audio(path, 8000, change=number, at_most=0.5)) == 4000
    first, second = read_windows(path, 8000, 0.9, change=number)
    assert first[0] == 0
    assert second[0] == 7200


def test_a_deformed_clip_is_another_for_the_store(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(), RATE)
    clip = Clip("a", path, "x", "y")
    assert look_at(clip).identity != look_at(replace(clip, deformed="mp3")).identity
    assert change_of(clip) is None
