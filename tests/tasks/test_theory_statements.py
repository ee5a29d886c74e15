"""What the concepts of rendered theory claim: which of CHROMA and MFCC hears them, and how.

Probes are one linear and one with a hidden layer, of the complete protocol's shape
but with less patience, so their scores are a little below those of the board.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from helpers.theory_concepts import CONCEPTS, MODULES

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.probing import ProbeData, train_grid
from mirbench.benchmark.protocol import Protocol
from mirbench.representations import chroma, mfcc
from mirbench.tasks._rendered.corpus import SAMPLE_RATE
from mirbench.tasks._theory.audio import render

TWO_PROBES = Protocol(
    name="two",
    standardise=(True,),
    hidden=(0, 512),
    batch_size=(64,),
    learning_rate=(1e-3,),
    dropout=(0.5,),
    l2=(0.0,),
    eval_every=8,
    patience=48,
)
#: Accuracy, or R² for the tempo.
CHANCE = {
    name: 0.0 if module.TASK.kind == "regression" else 1 / len(module.TASK.labels)
    for name, module in MODULES.items()
}


@dataclass(frozen=True)
class Scores:
    """On the test set: of the linear probe, and of the one with a hidden layer."""

    linear: float
    hidden: float


def cues(audio: FloatArray) -> list[float]:
    """Level in dB, seconds that are not silent, and centroid of the spectrum in octaves."""
    frames = audio[: len(audio) // 256 * 256].reshape(-1, 256)
    loudness = np.sqrt(np.mean(frames**2, axis=1))
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    frequencies = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    return [
        20 * float(np.log10(np.sqrt(np.mean(audio**2)))),
        float(np.sum(loudness > 0.01 * loudness.max())) * 256 / SAMPLE_RATE,
        float(np.log2(np.sum(power * frequencies) / np.sum(power))),
    ]


def scores(name: str, features: FloatArray) -> Scores:
    """Train both probes on the features of a concept's clips."""
    task, examples = MODULES[name].TASK, CONCEPTS[name].examples
    splits = np.array([example.sound.split for example in examples])
    if task.kind == "regression":
        targets = np.array([example.label for example in examples], dtype=np.float32)
    else:
        targets = np.array([task.labels.index(str(example.label)) for example in examples])
    parts = [x[splits == s] for s in ("train", "valid", "test") for x in (features, targets)]
    data = ProbeData(task.kind, *parts, metrics=task.metrics)
    linear, hidden = train_grid(data, TWO_PROBES)
    return Scores(linear.test[task.metrics[0]], hidden.test[task.metrics[0]])


@functools.cache
def heard(name: str) -> dict[str, Scores]:
    """Scores of the trivial cues, of CHROMA and of MFCC."""
    models = {"chroma": chroma.load_model(), "mfcc": mfcc.load_model()}
    features: dict[str, list[object]] = {"cues": [], "chroma": [], "mfcc": []}
    for example in CONCEPTS[name].examples:
        audio = render(example)
        features["cues"].append(cues(audio))
        for model_name, model in models.items():
            features[model_name].append(model.embed(audio.astype(np.float32), SAMPLE_RATE))
    return {rep: scores(name, np.array(x, dtype=np.float32)) for rep, x in features.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONCEPTS)
def test_loudness_duration_and_brightness_tell_nothing(name: str) -> None:
    found = heard(name)["cues"]
    assert max(found.linear, found.hidden) < CHANCE[name] + 0.1


@pytest.mark.slow
def test_chroma_hears_pitch_classes() -> None:
    found = heard("pitch_class")
    assert found["chroma"].linear >= 0.95
    assert max(found["mfcc"].linear, found["mfcc"].hidden) <= 0.65


@pytest.mark.slow
@pytest.mark.parametrize("name", ["interval", "mode", "triad"])
def test_chroma_hears_relations_of_pitch_with_a_hidden_layer(name: str) -> None:
    found = heard(name)
    assert found["chroma"].hidden >= found["mfcc"].hidden + 0.15
    assert found["chroma"].hidden > found["chroma"].linear


@pytest.mark.slow
def test_chroma_hears_progressions_better_than_mfcc() -> None:
    found = heard("progression")
    assert found["chroma"].hidden >= found["mfcc"].hidden + 0.1


@pytest.mark.slow
def test_neither_hears_the_metre() -> None:
    found = heard("metre")
    for rep in ("chroma", "mfcc"):
        assert abs(found[rep].linear - 0.25) < 0.1
        assert abs(found[rep].hidden - 0.25) < 0.1


@pytest.mark.slow
def test_neither_hears_much_of_the_tempo() -> None:
    found = heard("percussion_tempo")
    best = {rep: max(found[rep].linear, found[rep].hidden) for rep in ("chroma", "mfcc")}
    assert max(best.values()) < 0.5
