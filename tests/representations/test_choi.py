"""CHOI equals the authors' own features, and a plain forward pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from helpers.plain_representations import plain_choi, read_hdf5

from mirbench.benchmark.api import DataError, UsageError
from mirbench.benchmark.datasets.audio import read_audio
from mirbench.representations.choi import CARD, convert_weights

Load = Callable[[str], Any]


@pytest.fixture(scope="module")
def clips() -> list[npt.NDArray[np.float32]]:
    """Five clips at 12 kHz: loud, quiet, short, silent, longer than 29 s."""
    rng = np.random.default_rng(0)
    times = np.arange(5 * 12_000) / 12_000
    tone = 0.5 * np.sin(2 * np.pi * 220 * times) + 0.1 * rng.normal(size=len(times))
    quiet = 0.001 * rng.normal(size=29 * 12_000)
    found = [tone, quiet, tone[:1_200], np.zeros(12_000), np.tile(tone, 7)]
    return [clip.astype(np.float32) for clip in found]


def test_equals_the_authors_features_of_real_recordings(shared: Path) -> None:
    from mirbench.representations._choi_network import Choi

    folder = shared / "reference" / "choi"
    files = {name: folder / name for name in CARD["weights"]["choi"]["files"]}
    weights = convert_weights("choi", files)
    assert sum(v.size for k, v in weights.items() if k[0].isdigit()) == CARD["parameters"]
    expected = np.load(folder / "expected.npz")
    audios = []
    for name in expected["files"]:
        path = shared / "audio" / str(name)
        # As the harness does: no more is decoded than the model looks at.
        duration = 29.0 if soundfile.info(path).duration > 29 else None
        audios.append(read_audio(path, 12_000, duration=duration))
    assert len(audios) == 9
    together = Choi(weights).embed_batch(audios, 12_000)
    np.testing.assert_allclose(together, expected["batch_of_nine"], rtol=0, atol=1e-4)
    alone = Choi(weights, norm="clip").embed_batch(audios, 12_000)
    np.testing.assert_allclose(alone, expected["each_alone"], rtol=0, atol=1e-4)
    for audio, wanted in zip(audios, expected["each_alone"], strict=True):
        np.testing.assert_allclose(Choi(weights).embed(audio, 12_000), wanted, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_batch_equals_a_plain_forward_pass(
    load: Load, random_weights: Path, clips: list[npt.NDArray[np.float32]]
) -> None:
    originals = random_weights / "originals" / "choi"
    networks = read_hdf5({path.name: path for path in originals.iterdir()})
    model = load("choi")
    assert model.batch_dependent
    assert model.batch_size == 256
    found = model.embed_batch(clips, 12_000)
    np.testing.assert_allclose(found, plain_choi(networks, clips), rtol=1e-3, atol=1e-3)
    alone = load("choi:norm=clip").embed_batch(clips, 12_000)
    wanted = np.concatenate([plain_choi(networks, [clip]) for clip in clips])
    np.testing.assert_allclose(alone, wanted, rtol=1e-3, atol=1e-3)
    assert np.abs(alone - found).max() > 0.1


def test_short_clips_are_repeated_and_long_ones_cut(
    load: Load, clips: list[npt.NDArray[np.float32]]
) -> None:
    model = load("choi:norm=clip")
    tone, long = clips[0], clips[4]
    np.testing.assert_array_equal(model.embed(tone, 12_000), model.embed(long, 12_000))


def test_strips_are_as_good_as_whole_maps_which_a_gpu_makes(
    load: Load, clips: list[npt.NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load("choi")
    in_strips = model.embed_batch(clips, 12_000)
    monkeypatch.setattr("mirbench.representations._choi_network.STRIP", 1360)
    whole = model.embed_batch(clips, 12_000)
    np.testing.assert_allclose(in_strips, whole, rtol=1e-4, atol=1e-4)


def test_another_norm_is_a_usage_error(load: Load) -> None:
    with pytest.raises(UsageError, match="there are batch and clip"):
        load("choi:norm=layer")


@pytest.fixture
def copies(random_weights: Path, tmp_path: Path) -> dict[str, Path]:
    """Weight files that a test may damage."""
    folder = shutil.copytree(random_weights / "originals" / "choi", tmp_path / "choi")
    return {path.name: path for path in folder.iterdir()}


def test_says_why_files_are_not_its_weights(copies: dict[str, Path]) -> None:
    first, second = (copies[f"weights_layer{n}_theano.hdf5"] for n in (0, 1))

    def mistake(files: dict[str, Path]) -> str:
        with pytest.raises(DataError) as caught:
            convert_weights("choi", files)
        return str(caught.value)

    assert "no ConvBNEluDr/convolution2d_2_W" in mistake(copies | {second.name: first})
    assert "more than 1 blocks" in mistake(copies | {first.name: second})
    content = second.read_bytes()
    second.write_bytes(content[: len(content) // 2])
    assert "no HDF5 file, or damaged" in mistake(copies)
    second.write_bytes(b"<html>not found</html>")
    assert f"{second.name} is no HDF5 file" in mistake(copies)
    second.write_bytes(content)
    with h5py.File(second, "r+") as file:
        file["melgram/param_1"][...] = file["melgram/param_0"][...]
    assert "no Fourier transform" in mistake(copies)
    with h5py.File(second, "w") as file:
        file["something"] = np.ones(3)
    assert "no melgram/param_0" in mistake(copies)
