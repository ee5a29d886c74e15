"""Jukebox's checkpoint files: what is read of them, safely, and what is refused."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import jukebox_checkpoints as checkpoints

from mirbench.benchmark.api import DataError, MissingWeights
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.weights.conversion import convert as convert_set
from mirbench.representations import jukebox
from mirbench.representations.jukebox import shape as shapes
from mirbench.representations.jukebox.weights import (
    PRIOR_FILE,
    convert,
    prior_shapes,
)

SHAPE = checkpoints.SMALL


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return checkpoints.write_checkpoints(tmp_path / "original", SHAPE)


def test_what_is_needed_is_kept_and_nothing_else(files: dict[str, Path]) -> None:
    found = dict(convert(SHAPE, 3, files))
    vqvae, prior = checkpoints.vqvae_state(SHAPE), checkpoints.prior_state(SHAPE)
    names = {key for key in vqvae if key.startswith("encoders.2.")}
    names |= {"bottleneck.level_blocks.2.k"} | set(prior_shapes(SHAPE, 3))
    assert set(found) == names
    assert not any("_attn_mods.3" in name or "x_out" in name for name in found)
    for name, tensor in found.items():
        wanted = (vqvae | prior)[name]
        if "genre" in name or "artist" in name:
            wanted = wanted[:1]
        assert torch.equal(tensor, wanted)
        assert tensor.dtype == (torch.float16 if name.endswith(".w") else torch.float32)


def test_the_five_b_checkpoints_hold_so_many_tensors() -> None:
    assert len(prior_shapes(shapes.FIVE_B, 72)) == 872 - 1  # all but the output table


@pytest.mark.parametrize("zipped", [False, True])
def test_both_containers_are_read(files: dict[str, Path], zipped: bool) -> None:
    state = checkpoints.prior_state(SHAPE)
    checkpoints.write_checkpoint(files[PRIOR_FILE], state, zipped)
    assert zipfile.is_zipfile(files[PRIOR_FILE]) == zipped
    assert torch.equal(
        dict(convert(SHAPE, 1, files))["prior.x_emb.weight"], state["prior.x_emb.weight"]
    )


def test_the_prefix_of_parallel_training_is_taken_off(files: dict[str, Path]) -> None:
    plain = dict(convert(SHAPE, 1, files))
    state = {f"module.{key}": value for key, value in checkpoints.prior_state(SHAPE).items()}
    checkpoints.write_checkpoint(files[PRIOR_FILE], state)
    assert dict(convert(SHAPE, 1, files)).keys() == plain.keys()


def test_matrices_in_float32_are_rounded_to_float16(files: dict[str, Path]) -> None:
    plain = dict(convert(SHAPE, 1, files))
    noise = {
        key: value.float() * (1 + 1e-5) if key.endswith(".w") else value
        for key, value in checkpoints.prior_state(SHAPE).items()
    }
    checkpoints.write_checkpoint(files[PRIOR_FILE], noise)
    key = "prior.transformer._attn_mods.0.mlp.c_fc.w"
    assert torch.equal(dict(convert(SHAPE, 1, files))[key], plain[key])


def test_tensors_are_forgotten_as_they_are_given(files: dict[str, Path]) -> None:
    import weakref

    pairs = convert(SHAPE, 2, files)
    given = weakref.ref(next(pairs)[1])
    next(pairs)
    assert given() is None


def _wrong_file(kind: str, path: Path) -> None:
    state: dict[str, Any] = dict(checkpoints.prior_state(SHAPE))
    if kind == "missing key":
        del state["prior.pos_emb.pos_emb"]
    elif kind == "missing layers":
        state = {key: value for key, value in state.items() if "_attn_mods.1" not in key}
    elif kind == "wrong shape":
        state = checkpoints.prior_state(replace(SHAPE, width=48))
    elif kind == "no tensor":
        state["prior.x_emb.weight"] = 3
    elif kind == "integers":
        state["prior.x_emb.weight"] = state["prior.x_emb.weight"].long()
    checkpoints.write_checkpoint(path, state)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("<html>not found</html>")
    elif kind == "no model":
        torch.save({"state": state}, path)
    elif kind == "a list":
        torch.save([1, 2], path)
    elif kind == "another file":
        checkpoints.write_checkpoint(path, checkpoints.vqvae_state(SHAPE))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing key", "it has no 'prior.pos_emb.pos_emb'$"),
        ("missing layers", "it has no 'prior.transformer._attn_mods.1.attn.c_attn.w' and 11 more"),
        ("wrong shape", r"is of another model: .* has the shape \[3, 48\], not \[3, 32\]"),
        ("no tensor", "'prior.x_emb.weight' is no tensor"),
        ("integers", "'prior.x_emb.weight' is no tensor of floating-point numbers"),
        ("cut", "is not read: it is no checkpoint of PyTorch, or damaged"),
        ("empty", "is not read: it is no checkpoint of PyTorch, or damaged"),
        ("text", "is not read: it is no checkpoint of PyTorch, or damaged"),
        ("no model", "holds no 'model'"),
        ("a list", "holds no 'model'"),
        ("another file", "is not the checkpoint that it should be: it has no 'y_emb"),
    ],
)
def test_wrong_files_are_refused(files: dict[str, Path], kind: str, message: str) -> None:
    _wrong_file(kind, files[PRIOR_FILE])
    with pytest.raises(DataError, match=message) as refused:
        dict(convert(SHAPE, 2, files))
    assert str(files[PRIOR_FILE]) in str(refused.value)


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('the file was run')",)


@pytest.mark.parametrize("zipped", [False, True])
def test_code_in_a_checkpoint_is_not_run(files: dict[str, Path], zipped: bool) -> None:
    state = {**checkpoints.prior_state(SHAPE), "harm": Harmful()}
    checkpoints.write_checkpoint(files[PRIOR_FILE], state, zipped)
    with pytest.raises(DataError, match="holds more than tensors and plain values"):
        dict(convert(SHAPE, 1, files))


def test_a_file_that_is_not_given_is_named(files: dict[str, Path]) -> None:
    del files[PRIOR_FILE]
    with pytest.raises(DataError, match=r"prior_level_2.pth.tar is missing"):
        dict(convert(SHAPE, 1, files))


@pytest.fixture
def small_jukebox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the plugin that of the small model."""
    monkeypatch.setattr(shapes, "FIVE_B", SHAPE)
    defaults = (*jukebox.load_model.__defaults__[:2], 4, *jukebox.load_model.__defaults__[3:])
    monkeypatch.setattr(jukebox.load_model, "__defaults__", defaults)
    monkeypatch.setattr(jukebox, "KEPT_LAYERS", {"5b": 4, "5b-72": SHAPE.depth})


@pytest.mark.usefixtures("small_jukebox")
def test_from_the_original_files_to_an_embedding(files: dict[str, Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    spec = parse_representation("jukebox:layer=3", cache)
    with pytest.raises(MissingWeights, match="mirbench weights fetch jukebox"):
        spec.load()
    assert spec.weights is not None
    convert_set(spec.weights, files)
    audio = np.random.default_rng(0).uniform(-1, 1, 44_100).astype(np.float32)
    embedding = spec.load().embed(audio, 44_100)
    assert embedding.shape == (SHAPE.width,)
    every = parse_representation("jukebox:model=5b-72,layers=all", cache)
    assert every.weights is not None
    convert_set(every.weights, files)
    model = every.load()
    assert model.layers == tuple(str(layer) for layer in range(1, 9))
    np.testing.assert_array_equal(model.embed(audio, 44_100)[2], embedding)
    frames = parse_representation("jukebox:layer=3,pool=none", cache).load().embed(audio, 44_100)
    np.testing.assert_allclose(frames.mean(0), embedding, atol=1e-5)
