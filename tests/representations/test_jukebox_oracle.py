"""Jukebox beside the independent implementation in transformers 4.57.6.

Random weights in the form of the original checkpoints go through both: the
file through `convert` and the representation, the tensors into the oracle.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import jukebox_checkpoints as checkpoints
from helpers import jukebox_oracle as oracle
from helpers.needs import needs

from mirbench.representations.jukebox.model import Jukebox
from mirbench.representations.jukebox.shape import FIVE_B, Shape
from mirbench.representations.jukebox.vqvae import CHUNK_SAMPLES, TopEncoder

pytestmark = needs("jukebox_in_transformers")

SHORT = checkpoints.SMALL
#: The true number of positions, rows and columns; heads of 3 channels.
LONG = replace(SHORT, crop_seconds=25, n_ctx=8192, blocks=128, width=24, attention_width=6, depth=6)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, int(44_100 * seconds)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SHORT, LONG], ids=["512 positions", "8192 positions"])
def test_codes_and_every_layer_are_those_of_the_oracle(shape: Shape, tmp_path: Path) -> None:
    path = checkpoints.converted_file(tmp_path, shape, shape.depth)
    audio = noise(shape.crop_seconds)
    model = Jukebox(path, shape, range(1, shape.depth + 1), True, "cpu", "float32")

    codes = model.codes(audio, 44_100)
    encoder = oracle.vqvae(checkpoints.vqvae_state(shape), shape)
    scaled = torch.from_numpy(audio / np.abs(audio).max())
    assert torch.equal(codes, oracle.codes(encoder, scaled)[: shape.n_ctx])
    assert len(codes.unique()) > shape.codes // 3  # they say something of the audio

    wanted = oracle.layers(checkpoints.prior_state(shape), shape, codes)
    pooled = torch.from_numpy(model.embed(audio, 44_100))
    assert len(pooled) == len(wanted) == shape.depth
    for number, activations in enumerate(wanted, start=1):
        single = Jukebox(path, shape, [number], False, "cpu", "float32", "none")
        frames = torch.from_numpy(single.embed(audio, 44_100))
        assert relative(frames, activations) < 1e-5, f"layer {number}"
        assert (frames - activations).abs().max() < 5e-5, f"layer {number}"
        assert relative(pooled[number - 1], activations.mean(0)) < 1e-5, f"layer {number}"


@pytest.mark.slow
def test_codes_of_the_true_encoder_are_those_of_the_oracle() -> None:
    state = checkpoints.vqvae_state(FIVE_B)
    audio = torch.from_numpy(noise(4))
    ours = TopEncoder(FIVE_B, state, CHUNK_SAMPLES // 2).codes(audio)
    theirs = oracle.codes(oracle.vqvae(state, FIVE_B), audio)
    assert torch.equal(ours, theirs)
    assert len(ours.unique()) > 250


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())
