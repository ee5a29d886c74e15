"""What mirbench asks of the model: a test per check of ``mirbench check``."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.conformance.testing import Conformance
from mirbench.benchmark.registry import load_representation, parse_representation


class TestModel(Conformance):
    rep = "timbre:layers=all"


def test_mirbench_finds_it() -> None:
    representation = parse_representation("timbre")
    assert representation.plugin.origin == "mirbench-example"
    assert representation.plugin.card()["trained_on"]


def test_layers() -> None:
    model = load_representation("timbre:layers=all")
    audio = np.random.default_rng(0).normal(0, 0.1, model.sample_rate).astype(np.float32)
    every = model.embed(audio, model.sample_rate)
    assert every.shape == (len(model.layers), model.dims)
    for row, layer in zip(every, model.layers, strict=True):
        one = load_representation(f"timbre:layer={layer}")
        np.testing.assert_array_equal(one.embed(audio, one.sample_rate), row)


def test_bands_hear_the_pitch() -> None:
    model = load_representation("timbre:layer=bands")
    times = np.arange(model.sample_rate) / model.sample_rate
    tones = [np.sin(2 * np.pi * pitch * times).astype(np.float32) for pitch in (220, 880, 3520)]
    means = [model.embed(tone, model.sample_rate)[: model.dims // 2] for tone in tones]
    loudest = [int(np.argmax(mean)) for mean in means]
    assert loudest == sorted(set(loudest))
