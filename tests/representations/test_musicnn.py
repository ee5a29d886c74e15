"""MUSICNN equals the original under TensorFlow, and a plain forward pass."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch
from helpers.needs import require
from helpers.plain_representations import plain_log_mel, plain_musicnn
from helpers.weight_files import musicnn_files, musicnn_variables

from mirbench.benchmark.api import DataError, UnusableClip, UsageError
from mirbench.benchmark.datasets.audio import read_audio
from mirbench.representations.musicnn import CARD, SIZES, convert_weights, variable_shapes

Load = Callable[[str], Any]

RATE = 16_000


def released(name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of the PyPI package, converted; the test is skipped where it is not installed."""
    require("musicnn")
    spec = importlib.util.find_spec("musicnn")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / name
    return convert_weights(
        name, {file: folder / file for file in (".index", ".data-00000-of-00001")}
    )


@pytest.fixture(scope="module")
def clip() -> npt.NDArray[np.float32]:
    """Seven seconds at 16 kHz: two patches and a rest."""
    rng = np.random.default_rng(0)
    times = np.arange(7 * RATE) / RATE
    wave = 0.4 * np.sin(2 * np.pi * 330 * times) * np.sin(2 * np.pi * times) ** 2
    return (wave + 0.05 * rng.normal(size=len(times))).astype(np.float32)


def test_equals_the_original_from_the_waveform_on(shared: Path) -> None:
    from mirbench.representations._musicnn_network import Musicnn, pool

    model = Musicnn(released("MTT_musicnn"))
    expected = np.load(shared / "reference" / "musicnn_mtt_reflect.npz")
    audio, rate = soundfile.read(shared / "reference" / "musicnn_input.wav", dtype="float32")
    assert rate == model.sample_rate
    pooled = pool(model.network.maps(model.patches(audio)))
    found = {
        "logmel": model.log_mel(audio),
        "mean_pool": pooled[:, :753],
        "max_pool": pooled[:, 753:],
        "penultimate": model.network.dense(pooled),
        "taggram": model.tags(audio),
    }
    assert set(found) == set(expected.files)
    for name, value in found.items():
        np.testing.assert_allclose(np.asarray(value), expected[name], rtol=0, atol=1e-3)
    embedding = np.concatenate([expected["mean_pool"].mean(0), expected["max_pool"].mean(0)])
    np.testing.assert_allclose(model.embed(audio, rate), embedding, rtol=0, atol=1e-3)


def test_hears_what_a_recording_of_magnatagatune_is(shared: Path) -> None:
    from mirbench.representations._musicnn_network import Musicnn

    model = Musicnn(released("MTT_musicnn"))
    labels = importlib.import_module("musicnn.configuration").MTT_LABELS
    audio = read_audio(shared / "audio" / "joram_solipsism_magnatagatune.mp3", RATE)
    likely = np.argsort(-model.tags(audio).mean(0))
    assert [labels[n] for n in likely[:3]] == ["techno", "electronic", "synth"]


@pytest.mark.parametrize("name", ["MSD_musicnn", "MTT_musicnn"])
def test_the_card_counts_the_weights(name: str) -> None:
    weights = released(name)
    assert sum(v.size for v in weights.values()) == CARD["weights"][name]["parameters"]
    assert all(v.dtype == np.float32 for v in weights.values())


@pytest.mark.parametrize(("name", "dims"), [("MSD_musicnn_big", 4_194), ("MTT_musicnn", 1_506)])
def test_every_choice_of_layers_equals_a_plain_forward_pass(
    load: Load, name: str, dims: int, clip: npt.NDArray[np.float32]
) -> None:
    plain = plain_musicnn(musicnn_variables(variable_shapes(name)), clip)
    filters, units = SIZES[name]

    def pooled(*maps: str) -> Any:
        joined = np.concatenate([plain[part] for part in maps], axis=1)
        return np.concatenate([joined.mean(2), joined.max(2)], axis=1).mean(0)

    expected = {
        "pool": np.concatenate([plain["mean_pool"].mean(0), plain["max_pool"].mean(0)]),
        "front": pooled("front"),
        "mid": np.stack([pooled(part) for part in ("c1", "c2", "c3")]),
        "dense": plain["penultimate"].mean(0),
    }
    shapes = {"pool": (dims,), "front": (1_122,), "mid": (3, 2 * filters), "dense": (units,)}
    for layers, wanted in expected.items():
        model = load(f"musicnn:model={name},layers={layers}")
        found = model.embed(clip, RATE)
        assert found.shape == shapes[layers]
        assert model.dims == found.shape[-1]
        assert model.layers == (("c1", "c2", "c3") if layers == "mid" else ())
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
    np.testing.assert_allclose(model.tags(clip), plain["taggram"], rtol=0, atol=1e-3)


def test_the_default_is_the_papers(load: Load) -> None:
    model = load("musicnn")
    assert model.dims == 4_194
    total = sum(
        int(np.prod(shape))
        for name, shape in variable_shapes("MSD_musicnn_big").items()
        if "moving" not in name
    )
    assert total == CARD["parameters"]


def test_the_spectrogram_is_librosas_bit_by_bit(load: Load, clip: npt.NDArray[np.float32]) -> None:
    model = load("musicnn:model=MTT_musicnn")
    np.testing.assert_array_equal(model.log_mel(clip), plain_log_mel(clip))
    # Far beyond full scale, half precision would overflow to infinity.
    assert np.isfinite(model.log_mel(1_000 * clip)).all()


def test_a_patch_must_be_complete(load: Load, clip: npt.NDArray[np.float32]) -> None:
    model = load("musicnn:model=MTT_musicnn")
    shortest = 186 * 256
    assert len(model.patches(clip[:shortest])) == 1
    assert len(model.patches(clip[: shortest + 256 * 187 - 1])) == 1
    assert len(model.patches(clip[: shortest + 256 * 187])) == 2
    with pytest.raises(UnusableClip, match=r"needs at least 2\.98 s of audio, this clip has 2\.98"):
        model.embed(clip[: shortest - 1], RATE)


def test_many_patches_go_through_the_network_few_at_a_time(
    load: Load, clip: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load("musicnn:model=MTT_musicnn")
    seen: list[int] = []
    maps = model.network.maps

    def counted(patches: torch.Tensor) -> torch.Tensor:
        seen.append(len(patches))
        return torch.as_tensor(maps(patches))

    monkeypatch.setattr(model.network, "maps", counted)
    model.embed(np.tile(clip, 4), RATE)
    assert sum(seen) == 9
    assert max(seen) <= 2


def test_unknown_parameters_are_usage_errors(load: Load) -> None:
    with pytest.raises(UsageError, match="MSD_musicnn_big, MSD_musicnn, MTT_musicnn"):
        load("musicnn:model=MSD_vgg")
    with pytest.raises(UsageError, match="there are pool, front, mid, dense"):
        load("musicnn:layers=all")


def test_says_why_files_are_not_that_network(random_weights: Path, tmp_path: Path) -> None:
    originals = random_weights / "originals"

    def files(name: str) -> dict[str, Path]:
        folder = originals / name
        return {part: folder / part for part in (".index", ".data-00000-of-00001")}

    with pytest.raises(DataError, match=r"not the checkpoint of MSD_musicnn: conv2d_5/kernel has"):
        convert_weights("MSD_musicnn", files("MSD_musicnn_big"))
    with pytest.raises(DataError, match="is damaged: the checksum of"):
        convert_weights(
            "MSD_musicnn_big",
            files("MSD_musicnn_big") | {".data-00000-of-00001": _zeros(tmp_path / "zeros")},
        )
    variables = musicnn_variables(variable_shapes("MTT_musicnn"))
    variables["dense/bias"][3] = np.nan
    with pytest.raises(DataError, match="dense/bias is not finite"):
        convert_weights("MTT_musicnn", musicnn_files(tmp_path / "nan", variables))
    del variables["dense_1/bias"]
    with pytest.raises(DataError, match="no variable 'dense_1/bias'"):
        convert_weights("MTT_musicnn", musicnn_files(tmp_path / "less", variables))


def _zeros(path: Path) -> Path:
    path.write_bytes(bytes(100_000_000))
    return path
