"""What can be asked of a model: layers, standard deviations, pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.needs import needs

from mirbench.benchmark.api import DataError, PluginError, UsageError
from mirbench.benchmark.registry import parse_representation

pytestmark = needs("transformers")

Open = Callable[..., Any]
Saved = Callable[[str], Path]


def noise(samples: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize("name", ["hubert", "encodec-24", "whisper"])
def test_standard_deviations_are_over_the_frames_of_all_pieces(
    saved: Saved, open_model: Open, name: str
) -> None:
    from helpers.plain_families import plain_model

    model, plain = open_model(name, pool="mean_std", chunk=1), plain_model(name, saved(name))
    audio = noise(int(2.5 * model.sample_rate))
    pieces = [plain(piece) for piece in np.array_split(audio, 3)]
    states = [np.concatenate(parts).astype(np.float64) for parts in zip(*pieces, strict=True)]
    means = np.mean([state.mean(axis=0) for state in states], axis=0)
    deviations = np.mean([state.std(axis=0) for state in states], axis=0)
    found = model.embed(audio, model.sample_rate)
    assert found.shape == (model.dims,) == (2 * len(means),)
    np.testing.assert_allclose(found, np.concatenate([means, deviations]), atol=1e-5)
    if name == "hubert":
        every = open_model(name, pool="mean_std", chunk=1, layer="all")
        rows = every.embed(audio, every.sample_rate)
        assert rows.shape == (len(every.layers), every.dims) == (4, 64)
        np.testing.assert_allclose(rows.mean(axis=0), found, atol=1e-6)


def test_ast_has_what_its_classifier_takes_in(saved: Saved, open_model: Open) -> None:
    import torch
    from transformers import ASTFeatureExtractor, ASTModel

    model = open_model("ast", layer="pooled")
    audio = noise(16_000)
    folder = saved("ast")
    inputs = ASTFeatureExtractor.from_pretrained(folder)(
        audio, sampling_rate=16_000, return_tensors="pt"
    )
    with torch.no_grad():
        wanted = ASTModel.from_pretrained(folder).eval()(**inputs).pooler_output[0].numpy()
    np.testing.assert_allclose(model.embed(audio, 16_000), wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["clap", "clap-fusion"])
def test_clap_projects_into_the_space_of_texts(saved: Saved, open_model: Open, name: str) -> None:
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    model = open_model(name, layer="projected")
    audio = noise(96_000)
    found = model.embed(audio, 48_000)
    folder = saved(name)
    inputs = ClapFeatureExtractor.from_pretrained(folder)(
        audio, sampling_rate=48_000, return_tensors="pt"
    )
    with torch.no_grad():
        unit = ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs)
    unit = unit if isinstance(unit, torch.Tensor) else unit.pooler_output
    assert np.linalg.norm(found) != pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(found / np.linalg.norm(found), unit[0].numpy(), atol=1e-5)


def test_clap_draws_nothing_at_random(saved: Saved, open_model: Open) -> None:
    """Its extractor would cut a window out of what is longer than the model takes in."""
    from transformers import ClapFeatureExtractor

    audio = noise(3 * 48_000)
    extractor = ClapFeatureExtractor.from_pretrained(saved("clap"))
    cut = [extractor(audio, sampling_rate=48_000)["input_features"] for _ in range(2)]
    assert not np.array_equal(*cut)
    model = open_model("clap")
    np.testing.assert_array_equal(model.embed(audio, 48_000), model.embed(audio, 48_000))


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("ast", {"layer": 4}, "there is no layer '4'; choose mean, all, pooled, or one of 0 to 3"),
        ("clap", {"layer": "all"}, "there is no layer 'all'; choose mean, projected"),
        ("encodec-24", {"layer": 0}, "there is no layer '0'; choose mean"),
        ("clap", {"pool": "mean_std"}, "the model gives one of each piece; leave pool out"),
        ("ast", {"pool": "mean_std", "layer": "pooled"}, "gives one of each piece"),
        ("hubert", {"pool": "max"}, "pool must be mean or mean_std, not 'max'"),
        ("ast", {"chunk": 10}, "takes in at most 1.28 s at once, and chunk is 10"),
        ("encodec-48", {"chunk": 1}, "takes in at most 0.99 s at once, and chunk is 1"),
    ],
)
def test_what_a_model_has_not(
    open_model: Open, name: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        open_model(name, **params)
    assert message in str(caught.value)


def test_a_shorter_piece_is_taken(open_model: Open) -> None:
    model = open_model("ast", chunk=0.5)
    assert model.most == 8_000
    assert model.embed(noise(16_000), 16_000).shape == (32,)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("musicgen", "is of type musicgen: run it as musicgen:model=small, medium or large"),
        ("jukebox", "is of type jukebox: run it as jukebox"),
        ("bert", "models of type 'bert' are not run, for what is to be taken of them is not"),
        (None, "its config.json has no model_type, so its type is unknown"),
        (["hubert"], "has no model_type"),
    ],
)
def test_types_that_are_not_run(tmp_path: Path, kind: object, message: str) -> None:
    import json

    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(PluginError if isinstance(kind, str) else DataError) as caught:
        parse_representation(f"hf:{tmp_path}").load()
    assert message in str(caught.value)
    if kind == "bert":
        assert "known types: audio-spectrogram-transformer, clap, " in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "\udcff", "[" * 100_000])
def test_a_configuration_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=r"config\.json (cannot be read|is no JSON object)"):
        parse_representation(f"hf:{tmp_path}").load()


def test_an_adapter_after_the_encoder_is_refused(tmp_path: Path) -> None:
    """Its last state has another rate, so nothing could stand for the normalised one."""
    from helpers.tiny_models import STABLE, wave

    model, extractor = wave("Wav2Vec2", **STABLE, add_adapter=True)
    model.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    with pytest.raises(PluginError) as caught:
        parse_representation(f"hf:{tmp_path}").load()
    assert str(caught.value).startswith(f"hf:{tmp_path}: the encoder has an adapter")
