"""What every representation keeps to, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from helpers.hub_cache import STANDS_IN
from helpers.needs import needs

from mirbench.benchmark.api import UnusableClip
from mirbench.benchmark.datasets.audio import read_audio
from mirbench.benchmark.embedding.model import ModelInfo, describe_model, embed_clips
from mirbench.benchmark.registry import parse_representation

Load = Callable[[str], Any]

#: Name to shape of an embedding, and seconds that it needs.
EVERY: dict[str, tuple[tuple[int, ...], float]] = {
    "chroma": ((72,), 0),
    "mfcc": ((120,), 0),
    "choi": ((160,), 0),
    "choi:norm=clip": ((160,), 0),
    "musicnn": ((4_194,), 2.976),
    "musicnn:model=MSD_musicnn": ((1_506,), 2.976),
    "musicnn:model=MTT_musicnn,layers=mid": ((3, 128), 2.976),
    "clmr": ((512,), 2.695),
    "clmr:frame=59049": ((512,), 2.678),
    "crepe:model=tiny": ((256,), 0),
    "musicgen": ((16,), 0),
    "musicgen:layers=all,preset=syntheory": ((4, 16), 0),
    "ast": ((32,), 0.175),
    "clap": ((16,), 0),
    "dac": ((64,), 0),
    "data2vec": ((32,), 0.025),
    "encodec": ((16,), 0),
    "hubert": ((32,), 0.025),
    "mert:layers=all": ((4, 32), 0.017),
    "mimi": ((32,), 0),
    "w2v_bert": ((32,), 0.025),
    "wav2vec2": ((32,), 0.025),
    "wavlm": ((32,), 0.025),
    "whisper:layers=all": ((4, 32), 0),
    "xcodec": ((48,), 0),
}

#: Models of the Hugging Face hub, which need transformers.
OF_THE_HUB = ("musicgen", *STANDS_IN)

#: How too little audio is told, by representations of their own and by those of the hub.
TOO_SHORT = r"needs .* s of audio.*this clip has 0\.[01]0? s|0\.\d+ s is too short for the model"

Audio = npt.NDArray[np.float32]


@pytest.fixture(
    params=[
        pytest.param(name, marks=needs("transformers")) if name.startswith(OF_THE_HUB) else name
        for name in EVERY
    ]
)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(load: Load, name: str) -> Any:
    return load(name)


@pytest.fixture
def info(name: str, model: Any) -> ModelInfo:
    return describe_model(model, name)


def music(seconds: float, rate: int, seed: int = 0) -> Audio:
    """Three chords over noise."""
    rng = np.random.default_rng(seed)
    times = np.arange(max(1, round(seconds * rate))) / rate
    pitches = 220 * 2 ** (rng.integers(0, 24, size=(3, 3)) / 12)
    which = (times * 2).astype(int) % 3
    wave = sum(0.1 * np.sin(2 * np.pi * pitches[which, voice] * times) for voice in range(3))
    return np.asarray(wave + rng.normal(0, 0.01, len(times)), dtype=np.float32)


def check(value: Any, name: str) -> None:
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.float32
    assert value.shape == EVERY[name][0]
    assert np.isfinite(value).all()


def test_shape_dtype_and_determinism(load: Load, name: str, model: Any, info: ModelInfo) -> None:
    assert info.shape == EVERY[name][0]
    audio = music(7, model.sample_rate)
    before = audio.copy()
    audio.setflags(write=False)
    first = model.embed(audio, model.sample_rate)
    check(first, name)
    np.testing.assert_array_equal(audio, before)
    np.testing.assert_array_equal(model.embed(audio, model.sample_rate), first)
    again = load(name)
    np.testing.assert_array_equal(again.embed(audio, again.sample_rate), first)


def test_no_state_is_kept_between_calls(model: Any) -> None:
    one, other = music(6, model.sample_rate), music(9, model.sample_rate, 1)
    first = model.embed(one, model.sample_rate)
    kept = first.copy()
    second = model.embed(other, model.sample_rate)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(model.embed(one, model.sample_rate), kept)


def test_a_batch_is_its_clips_or_it_says_so(name: str, model: Any, info: ModelInfo) -> None:
    if not hasattr(model, "embed_batch"):
        assert not info.batch_dependent
        return
    audios = [music(seconds, model.sample_rate, n) for n, seconds in enumerate((5, 8, 3.2, 5))]
    audios.append(np.zeros_like(audios[0]))
    before = [audio.copy() for audio in audios]
    together = model.embed_batch(audios, model.sample_rate)
    assert len(together) == len(audios)
    for audio, copy in zip(audios, before, strict=True):
        np.testing.assert_array_equal(audio, copy)
    singly = np.stack([model.embed(audio, model.sample_rate) for audio in audios])
    scale = float(np.abs(singly).max())
    same = np.allclose(together, singly, rtol=1e-4, atol=1e-5 * scale)
    assert same is not info.batch_dependent
    if info.batch_dependent:
        assert info.batch_size == 256
        assert name == "choi"


def test_silence(name: str, model: Any) -> None:
    check(model.embed(np.zeros(6 * model.sample_rate, np.float32), model.sample_rate), name)


@pytest.mark.parametrize("seconds", [0.00001, 0.1])
def test_a_tenth_of_a_second_has_a_result_or_a_reason(
    name: str, model: Any, info: ModelInfo, seconds: float
) -> None:
    shortest = EVERY[name][1]
    audio = music(seconds, model.sample_rate)
    if seconds >= shortest:
        check(model.embed(audio, model.sample_rate), name)
        return
    with pytest.raises(UnusableClip, match=TOO_SHORT):
        model.embed(audio, model.sample_rate)
    whole = music(shortest + 0.1, model.sample_rate)
    values = embed_clips(model, info, [whole, audio, whole], ["a", "b", "c"])
    assert [isinstance(value, UnusableClip) for value in values] == [False, True, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["chroma", "mfcc", "choi", "musicnn:model=MSD_musicnn", "clmr"], indirect=True
)
def test_ten_minutes(name: str, model: Any) -> None:
    minute = music(60, model.sample_rate)
    check(model.embed(np.tile(minute, 10), model.sample_rate), name)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write five seconds as files of several rates, and in stereo."""
    folder = tmp_path_factory.mktemp("sources")
    files = {}
    for kind, rate, channels in (
        ("mono", 44_100, 1),
        ("stereo", 44_100, 2),
        ("8 kHz", 8_000, 1),
        ("96 kHz", 96_000, 1),
    ):
        files[kind] = folder / f"{kind}.wav"
        wave = music(5, rate)[:, None].repeat(channels, axis=1)
        soundfile.write(files[kind], wave, rate, subtype="FLOAT")
    return files


def test_sources_of_any_rate_and_in_stereo(name: str, model: Any, sources: dict[str, Path]) -> None:
    found = {
        kind: model.embed(read_audio(path, model.sample_rate), model.sample_rate)
        for kind, path in sources.items()
    }
    for value in found.values():
        check(value, name)
    np.testing.assert_array_equal(found["stereo"], found["mono"])


def test_the_card_is_complete(name: str) -> None:
    spec = parse_representation(name)
    card = spec.plugin.card()
    for key in ("title", "paper", "licence", "trained_on"):
        assert card[key]  # type: ignore[literal-required]
    if spec.weights is not None:
        assert card["parameters"] > 0
        assert all(file.sources[0].startswith("https://") for file in spec.weights.files)
    expected = "MagnaTagATune" if "MTT" in name or name.startswith("clmr") else None
    if expected:
        assert spec.trained_on == expected
