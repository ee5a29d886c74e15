"""CHROMA and MFCC equal a direct computation with librosa."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pytest

from mirbench.benchmark.datasets.audio import read_audio
from mirbench.benchmark.embedding.model import describe_model, embed_clips
from mirbench.benchmark.registry import load_representation

DIMS = {"chroma": 72, "mfcc": 120}


def direct(name: str, path: Path) -> npt.NDArray[np.float32]:
    """Give the features in the order of the paper, with librosa alone."""
    audio, sr = librosa.load(path, sr=22_050)
    audio = audio / np.max(np.abs(audio))
    if name == "chroma":
        features = librosa.feature.chroma_cqt(y=audio, sr=sr)
    else:
        features = librosa.feature.mfcc(y=audio, sr=sr)
    first = features[:, 1:] - features[:, :-1]
    second = first[:, 1:] - first[:, :-1]
    parts = [m for s in (features, first, second) for m in (np.mean(s, 1), np.std(s, 1))]
    return np.concatenate(parts)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DIMS))
def test_equals_librosa_on_real_recordings(name: str, shared: Path) -> None:
    model = load_representation(name)
    files = sorted(p for p in (shared / "audio").iterdir() if p.suffix in (".ogg", ".mp3"))
    assert len(files) == 9
    for path in files:
        audio = read_audio(path, model.sample_rate)
        found = model.embed(audio, model.sample_rate)
        np.testing.assert_allclose(found, direct(name, path), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(DIMS))
@pytest.mark.parametrize("seconds", [0.00005, 0.1, 3.0])
def test_keeps_the_contract_on_silence_and_short_audio(name: str, seconds: float) -> None:
    model: Any = load_representation(name)
    info = describe_model(model, name)
    assert info.shape == (DIMS[name],)
    silence = np.zeros(max(1, int(seconds * 22_050)), dtype=np.float32)
    noise = np.random.default_rng(0).normal(size=len(silence)).astype(np.float32)
    before = noise.copy()
    found = embed_clips(model, info, [silence, noise, noise], ["silence", "noise", "again"])
    assert all(isinstance(value, np.ndarray) for value in found)
    np.testing.assert_array_equal(found[1], found[2])
    np.testing.assert_array_equal(noise, before)
