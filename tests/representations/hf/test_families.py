"""Every family against direct calls of transformers' classes, on tiny checkpoints, offline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.needs import needs

from mirbench.benchmark.api import UnusableClip

pytestmark = needs("transformers")

NAMES = [
    *("wav2vec2", "wav2vec2-large", "hubert", "hubert-large", "wavlm", "wavlm-large"),
    *("unispeech", "unispeech-sat", "data2vec", "conformer", "w2v-bert", "sew", "sew-d"),
    *("mert", "mert-large", "ast", "ast-classifier", "whisper", "whisper-whole"),
    *("qwen2-audio", "qwen2-audio-tower", "clap", "clap-fusion", "clap-audio"),
    *("encodec-24", "encodec-32", "encodec-48", "dac", "mimi", "xcodec"),
]

#: Of those that normalise before each block: `last_hidden_state` is after one more.
NORMALISED = ["wav2vec2-large", "hubert-large", "wavlm-large", "mert-large", "ast"]

Open = Callable[..., Any]
Audio = npt.NDArray[np.float32]


def noise(samples: int, seed: int = 0) -> Audio:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def close(value: Any, wanted: Any, tolerance: float = 1e-5) -> None:
    scale = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(value, wanted, rtol=0, atol=tolerance * scale)


def run(model: Any, audio: Audio) -> list[npt.NDArray[np.float32]]:
    """Frames of a clip that is no longer than a piece, by the adapter's network."""
    from mirbench.representations._inference import exact

    with exact():
        return [state[0].cpu().numpy() for state in model.network.run([audio]).main]


def test_the_list_is_that_of_the_models() -> None:
    from helpers.tiny_models import MODELS

    assert list(MODELS) == NAMES


def test_every_type_of_the_table_is_tested(saved: Callable[[str], Path]) -> None:
    from helpers.plain_families import model_type

    from mirbench.representations.hf.table import FAMILIES

    assert {model_type(saved(name)) for name in NAMES} == set(FAMILIES)


@pytest.mark.parametrize("name", NAMES)
def test_frames_and_means_agree_with_a_direct_call(
    saved: Callable[[str], Path], open_model: Open, name: str
) -> None:
    from helpers.plain_families import plain_model

    model, plain = open_model(name), plain_model(name, saved(name))
    rate = model.sample_rate
    piece = noise(min(rate, model.most) - 37)
    wanted = plain(piece)
    frames = run(model, piece)
    assert len(frames) == len(wanted)
    for state, plain_state in zip(frames, wanted, strict=True):
        assert state.shape == plain_state.shape
        close(state, plain_state)
    close(model.embed(piece, rate), np.mean([state.mean(axis=0) for state in wanted], axis=0))
    long = noise(int(2.4 * min(rate, model.most)), 1)
    model.most = min(rate, model.most)
    parts = [plain(part) for part in np.array_split(long, 3)]
    joined = [np.concatenate(states) for states in zip(*parts, strict=True)]
    close(model.embed(long, rate), np.mean([state.mean(axis=0) for state in joined], axis=0))
    if len(wanted) > 1:
        model.layer = "all"
        every = model.embed(piece, rate)
        close(every, np.stack([state.mean(axis=0) for state in wanted]))


@pytest.mark.parametrize("name", NAMES)
def test_batches_second_loads_and_little_audio(open_model: Open, name: str) -> None:
    """A batch is its clips, another load gives the same, and too little audio has a reason."""
    model = open_model(name)
    rate = model.sample_rate
    seconds = (1.1, 0.9, 1.1, 0.7)
    audios = [noise(int(s * rate), number) for number, s in enumerate(seconds)]
    singly = [model.embed(audio, rate) for audio in audios]
    np.testing.assert_array_equal(model.embed_batch(audios, rate), singly)
    if name != "clap-fusion":  # which goes one by one on any device
        model.network.batch = 4  # as on a GPU
    np.random.seed(1)
    together = model.embed_batch(audios, rate)
    for row, alone in zip(together, singly, strict=True):
        close(row, alone)
    np.random.seed(2)
    again = open_model(name)
    np.testing.assert_array_equal(again.embed(audios[1], rate), singly[1])
    for samples in (1, 20, 700):
        with contextlib.suppress(UnusableClip):
            assert np.isfinite(again.embed(noise(samples), rate)).all()
    assert np.isfinite(again.embed(np.zeros(4000, np.float32), rate)).all()


def test_fused_clap_goes_one_by_one_on_a_gpu_too(saved: Callable[[str], Path]) -> None:
    from mirbench.representations.hf.clap import Clap
    from mirbench.representations.hf.loading import Checkpoint

    for name, batch in (("clap", 4), ("clap-fusion", 1)):
        checkpoint = Checkpoint(name, saved(name), {})
        network = Clap(checkpoint.model("ClapModel"), checkpoint.extractor(), "meta")
        assert network.batch == batch


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_last_second_of_65_counts(open_model: Open, name: str) -> None:
    model = open_model(name)
    rate = model.sample_rate
    audio = noise(65 * rate)
    other = audio.copy()
    other[-rate:] = 0.3 * np.sin(np.arange(rate) / 7)
    first = model.embed(audio, rate)
    difference = np.abs(model.embed(other, rate) - first).max()
    assert difference > 1e-4 * np.abs(first).max()


@pytest.mark.parametrize("name", NORMALISED)
def test_the_last_state_is_normalised_whatever_the_version(open_model: Open, name: str) -> None:
    """In transformers 5, `hidden_states` ends before the norm that it ends after in 4."""
    model = open_model(name)
    *_, before, last = run(model, noise(min(model.sample_rate, model.most)))
    assert np.abs(last.mean(axis=1)).max() < 1e-5
    np.testing.assert_allclose(last.std(axis=1), 1, atol=0.005)
    assert np.abs(before.std(axis=1) - 1).max() > 0.01


def test_sew_keeps_its_last_state_which_has_another_rate(open_model: Open) -> None:
    first, *_, last = run(open_model("sew"), noise(16_000))
    assert first.shape == last.shape == (24, 32)
