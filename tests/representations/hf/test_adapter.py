"""The Hugging Face adapter, on tiny encoders with random weights, offline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers.hub_cache import put_in_cache
from helpers.needs import needs
from helpers.plain_representations import plain_encoder

from mirbench.benchmark.api import DataError, UnusableClip, UsageError
from mirbench.benchmark.registry import parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

pytestmark = needs("transformers")

RATE = 16_000


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of two models: wav2vec 2.0 with group, HuBERT with layer normalisation."""
    import torch
    from transformers import (
        HubertConfig,
        HubertModel,
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2Model,
    )

    root = tmp_path_factory.mktemp("encoders")
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "conv_dim": (16, 16, 16),
        "conv_stride": (5, 4, 4),
        "conv_kernel": (10, 8, 4),
        "num_feat_extract_layers": 3,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
    }
    torch.manual_seed(0)
    for name, model, config, norm in (
        ("wav2vec", Wav2Vec2Model, Wav2Vec2Config, "group"),
        ("hubert", HubertModel, HubertConfig, "layer"),
    ):
        stable = norm == "layer"
        made = model(config(feat_extract_norm=norm, do_stable_layer_norm=stable, **shape))
        made.save_pretrained(root / name)
        extractor = Wav2Vec2FeatureExtractor(sampling_rate=RATE, return_attention_mask=stable)
        extractor.save_pretrained(root / name)
    return root


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize("name", ["wav2vec", "hubert"])
def test_a_direct_forward_pass_agrees(encoders: Path, name: str) -> None:
    audios = [noise(n, n) for n in (RATE, 1600, RATE, 5000, RATE, RATE, RATE)]
    wanted = list(map(plain_encoder(encoders / name), audios))
    for layer, pick in (
        ("all", lambda states: states),
        ("mean", lambda states: states.mean(axis=0)),
        ("2", lambda states: states[2]),
    ):
        model = parse_representation(f"hf:{encoders / name}?layer={layer}").load()
        assert (model.sample_rate, model.dims) == (RATE, 32)
        assert getattr(model, "layers", None) == (("0", "1", "2", "3") if layer == "all" else None)
        rows = model.embed_batch(audios, RATE)
        for audio, row, states in zip(audios, rows, wanted, strict=True):
            assert row.dtype == np.float32
            np.testing.assert_allclose(row, pick(states), atol=1e-5)
            np.testing.assert_allclose(model.embed(audio, RATE), row, atol=1e-6)


def test_a_gpu_would_compute_in_true_float32(encoders: Path) -> None:
    import torch

    model = parse_representation(f"hf:{encoders / 'hubert'}").load()
    allowed = []
    model.network.model.register_forward_pre_hook(
        lambda *_: allowed.append(torch.backends.cudnn.allow_tf32)
    )
    model.embed(noise(RATE), RATE)
    assert allowed == [False]


def test_a_gpu_without_memory_does_not_make_a_clip_too_short(encoders: Path) -> None:
    import torch

    model = parse_representation(f"hf:{encoders / 'hubert'}").load()

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.network.model.register_forward_pre_hook(full)
    with pytest.raises(torch.OutOfMemoryError):
        model.embed(noise(1600), RATE)


def test_the_default_is_the_mean_of_the_layers(encoders: Path) -> None:
    spec = parse_representation(f"hf:{encoders / 'hubert'}")
    np.testing.assert_allclose(
        spec.load().embed(noise(RATE), RATE),
        plain_encoder(encoders / "hubert")(noise(RATE)).mean(axis=0),
        atol=1e-5,
    )


def test_long_clips_are_cut_into_equal_pieces(encoders: Path) -> None:
    folder, audio = encoders / "wav2vec", noise(40_000)
    model = parse_representation(f"hf:{folder}?layer=all&chunk=1").load()
    first, second, third = map(plain_encoder(folder), np.array_split(audio, 3))
    # Pieces of 13,334, 13,333 and 13,333 samples have 165 frames each.
    np.testing.assert_allclose(model.embed(audio, RATE), (first + second + third) / 3, atol=1e-5)


def test_silence_and_what_is_too_short(encoders: Path) -> None:
    model = parse_representation(f"hf:{encoders / 'wav2vec'}").load()
    assert np.isfinite(model.embed(np.zeros(RATE, np.float32), RATE)).all()
    with pytest.raises(UnusableClip, match=r"0\.001 s is too short for the model"):
        model.embed(noise(20), RATE)


def test_label_and_fingerprint_follow_the_content(encoders: Path, tmp_path: Path) -> None:
    shutil.copytree(encoders / "hubert", tmp_path / "hubert")
    here, there = (
        parse_representation(f"hf:{folder}?layer=1")
        for folder in (encoders / "hubert", tmp_path / "hubert")
    )
    assert here.label == there.label
    assert here.fingerprint() == there.fingerprint()
    assert here.label.startswith("hf:hubert-")
    assert here.label.endswith(",layer=1")
    assert here.shown_params == there.shown_params
    config = tmp_path / "hubert" / "preprocessor_config.json"
    config.write_text(config.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    changed = parse_representation(f"hf:{tmp_path / 'hubert'}?layer=1")
    assert changed.fingerprint() != here.fingerprint()
    other = parse_representation(f"hf:{tmp_path / 'hubert'}?layer=2")
    assert other.fingerprint() != changed.fingerprint()


def test_a_hub_id_is_found_in_the_cache(encoders: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        parse_representation("hf:someone/tiny-hubert").fingerprint()
    assert str(caught.value).endswith("get it by: hf download someone/tiny-hubert")
    put_in_cache(encoders / "hubert", tmp_path / "hub", "someone/tiny-hubert")
    spec = parse_representation("hf:someone/tiny-hubert?layer=3")
    assert spec.label == "hf:someone:tiny-hubert,layer=3"
    local = parse_representation(f"hf:{encoders / 'hubert'}?layer=3")
    np.testing.assert_array_equal(
        spec.load().embed(noise(RATE), RATE), local.load().embed(noise(RATE), RATE)
    )


def test_weights_as_a_pytorch_file(encoders: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "bin"
    shutil.copytree(encoders / "hubert", folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(
        parse_representation(f"hf:{folder}").load().embed(noise(RATE), RATE),
        parse_representation(f"hf:{encoders / 'hubert'}").load().embed(noise(RATE), RATE),
    )


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pytorch_file_that_runs_code_is_not_run(encoders: Path, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "bin"
    shutil.copytree(encoders / "hubert", folder)
    (folder / "model.safetensors").unlink()
    torch.save({"x": Trap(tmp_path / "trapped")}, folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="transformers cannot load it: "):
        parse_representation(f"hf:{folder}").load()
    assert not (tmp_path / "trapped").exists()


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def model(encoders: Path, tmp_path: Path) -> Path:
    shutil.copytree(encoders / "hubert", tmp_path / "model")
    return tmp_path / "model"


def test_weights_that_would_be_random_are_refused(model: Path) -> None:
    edit(model, num_hidden_layers=4)
    with pytest.raises(DataError, match=r"weights lack \d+ of the model's tensors, the first 'enc"):
        parse_representation(f"hf:{model}").load()


def test_a_damaged_model(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError) as caught:
        parse_representation(f"hf:{model}").load()
    assert str(caught.value).startswith(f"hf:{model}: transformers cannot load it: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("layer=4", "there is no layer '4'; choose mean, all, or one of 0 to 3"),
        ("layer=last", "there is no layer 'last'"),
        ("chunk=0", "chunk must be positive, is 0"),
        ("layers=all", "has no parameter 'layers'; its parameters: layer, chunk, pool, trust_r"),
        ("target=x", "has no parameter 'target'"),
        ("layer", "write parameters as adapter:target?key=value&key=value"),
    ],
)
def test_wrong_parameters(encoders: Path, params: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_representation(f"hf:{encoders / 'hubert'}?{params}").load()
    assert message in str(caught.value)


def test_targets_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no config\.json, so it is no model's folder"):
        parse_representation(f"hf:{tmp_path}").fingerprint()
    with pytest.raises(UsageError, match="there is no such folder, and it is no hub id"):
        parse_representation(f"hf:{tmp_path / 'absent'}").fingerprint()
    nobody = parse_representation("hf:~nobody-of-this-name")
    assert nobody.label == "hf:_nobody-of-this-name"
    with pytest.raises(UsageError, match="there is no such folder, and it is no hub id"):
        nobody.fingerprint()


@pytest.mark.slow
def test_a_run_without_network(tiny: TinyPackage, encoders: Path, tmp_path: Path) -> None:
    """Every layer is probed, and the row names no folder of this machine."""
    shut = tmp_path / "site"
    shut.mkdir()
    (shut / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*arguments, **options): raise OSError('a socket was asked for')\n"
        "socket.socket.connect = refuse\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mirbench.benchmark.cli", "run"),
            *("--rep", f"hf:{encoders / 'wav2vec'}?layer=all", "--task", "tinytask"),
            *("--protocol", "quick", "--out", str(tmp_path / "out"), "--jobs", "1"),
            *("--cache", str(tmp_path / "cache")),
        ],
        env=tiny.env | {"PYTHONPATH": f"{shut}:{tiny.env['PYTHONPATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("hf+wav2vec-*/tinytask.paper.quick.json")
    text = path.read_text()
    row = json.loads(text)
    assert (row["representation"]["layers"], row["representation"]["dims"]) == (4, 32)
    assert "transformers" in row["environment"]["embedded_with"]
    assert str(encoders) not in text
