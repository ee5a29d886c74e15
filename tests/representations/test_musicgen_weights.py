"""MusicGen's weights: found, checked, fingerprinted, planned; and a run from the command line."""

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
from helpers.musicgen_checkpoints import DEPTH, WIDTH, write_checkpoint
from helpers.needs import needs

from mirbench.benchmark.api import DataError, MissingWeights, UsageError
from mirbench.benchmark.plugins.finding import find_plugin
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.runs.listing import list_representations
from mirbench.representations.musicgen import load_model, plan_model
from mirbench.representations.musicgen.planning import (
    ENCODEC_FLOPS,
    ENCODEC_PARAMETERS,
    flops_of_clip,
    parameters,
)
from mirbench.representations.musicgen.shape import MODELS, Options, Shape, read_shape

if TYPE_CHECKING:
    from conftest import TinyPackage

pytestmark = needs("transformers")

RATE = 32_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("musicgen") / "tiny")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Give a copy that a test may damage."""
    shutil.copytree(made, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.3, RATE // 2).astype(np.float32)


def rewrite(folder: Path, **changes: Any) -> None:
    """Replace tensors of a model's file; None removes one."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path) | changes
    kept = {key: value for key, value in tensors.items() if value is not None}
    save_file(kept, path, metadata={"format": "pt"})


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["decoder"] |= changes
    path.write_text(json.dumps(config))


def test_what_is_kept_is_what_the_file_holds(made: Path) -> None:
    """The class of the decoder alone would load from the same file and be random."""
    import torch
    from safetensors.torch import load_file

    tensors = load_file(made / "model.safetensors")
    model = load_model(weights=str(made), text="empty", layers="all")
    kept = dict(model._decoder.named_parameters())
    assert len(kept) > 30
    for name, value in kept.items():
        assert torch.equal(value, tensors[f"decoder.model.decoder.{name}"]), name
    codec = model._codec.state_dict()
    assert {key.split(".")[0] for key in codec} == {"encoder", "quantizer"}
    for name, value in codec.items():
        assert torch.equal(value, tensors[f"audio_encoder.{name}"]), name


@pytest.mark.parametrize(
    "name",
    [
        "decoder.model.decoder.layers.1.fc1.weight",
        "audio_encoder.encoder.layers.0.conv.bias",
        "text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight",
    ],
)
def test_weights_that_would_be_random_are_refused(folder: Path, name: str) -> None:
    rewrite(folder, **{name: None})
    with pytest.raises(DataError) as caught:
        load_model(weights=str(folder))
    assert str(caught.value).endswith(
        f"lack 1 of the model's tensors, the first {name!r}; it would be random in part"
    )


def test_weights_of_other_sizes_are_refused(folder: Path) -> None:
    edit(folder, num_hidden_layers=DEPTH + 1)
    with pytest.raises(DataError, match=r"lack \d+ of the model's tensors, the first 'decoder\."):
        load_model(weights=str(folder))
    edit(folder, num_hidden_layers=DEPTH, ffn_dim=48)
    with pytest.raises(DataError, match=r"musicgen: (transformers cannot load|the weights in) "):
        load_model(weights=str(folder))


def test_another_padding_is_refused(folder: Path) -> None:
    edit(folder, pad_token_id=0)
    with pytest.raises(DataError, match="its padding is token 0, which should be 64, the first"):
        load_model(weights=str(folder))


def test_damaged_and_foreign_folders(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"musicgen: transformers cannot load .*model: ") as caught:
        load_model(weights=str(folder))
    assert "\n" not in str(caught.value)
    (folder / "config.json").write_text('{"model_type": "hubert", "decoder": {}}')
    with pytest.raises(DataError, match="is of a model of type 'hubert', not 'musicgen'"):
        load_model(weights=str(folder))
    (folder / "config.json").write_text('{"model_type": "musicgen", "decoder": {"ffn_dim": "8"}}')
    with pytest.raises(DataError, match="must be whole numbers above 0"):
        load_model(weights=str(folder))
    for text in ("[1]", "{", '{"model_type": "musicgen", "decoder": 3}'):
        (folder / "config.json").write_text(text)
        with pytest.raises(DataError, match="is no configuration of a MusicGen model"):
            load_model(weights=str(folder))
    with pytest.raises(DataError, match=r"absent holds no config\.json with weights beside it"):
        load_model(weights=str(tmp_path / "absent"))


def test_weights_as_a_pytorch_file(made: Path, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(
        load_model(weights=str(folder)).embed(noise(), RATE),
        load_model(weights=str(made)).embed(noise(), RATE),
    )


def test_absent_weights_are_explained_and_a_dry_run_needs_none(hub: Path) -> None:
    spec = parse_representation("musicgen:model=medium")
    with pytest.raises(MissingWeights) as caught:
        spec.load()
    assert str(caught.value) == (
        f"the weights of musicgen:model=medium are not in the Hugging Face cache ({hub}): get "
        "them with hf download facebook/musicgen-medium --exclude '*state_dict.bin', or name a "
        "folder that holds them by the parameter weights"
    )
    with pytest.raises(MissingWeights):
        spec.prepare_weights()
    assert spec.weights_sha256 == {}
    assert spec.fingerprint() != parse_representation("musicgen").fingerprint()
    cost = spec.cost(30, "cpu")
    assert cost.shape == (1536,)
    assert cost.flops > 2e12
    (line,) = [line for line in list_representations() if line.name == "musicgen"]
    assert not line.ready
    assert "hf download facebook/musicgen-small" in line.status


def test_the_cache_is_found_and_decides_the_fingerprint(made: Path, hub: Path) -> None:
    put_in_cache(made, hub, "facebook/musicgen-small")
    spec = parse_representation("musicgen:layer=2")
    (line,) = [line for line in list_representations() if line.name == "musicgen"]
    assert (line.ready, line.status) == (True, "ready")
    assert sorted(spec.weights_sha256) == ["config.json", "model.safetensors"]
    local = parse_representation(f"musicgen:layer=2,weights={made}")
    np.testing.assert_array_equal(
        spec.load().embed(noise(), RATE), local.load().embed(noise(), RATE)
    )
    assert local.weights_sha256 == spec.weights_sha256
    assert local.label.startswith("musicgen:layer=2,weights=tiny-")
    before = spec.fingerprint()
    snapshot = hub / "models--facebook--musicgen-small" / "snapshots" / "abc"
    (snapshot / "README.md").write_text("more words")
    assert parse_representation("musicgen:layer=2").fingerprint() == before
    rewrite(snapshot, **{"decoder.model.decoder.layer_norm.bias": None})
    assert parse_representation("musicgen:layer=2").fingerprint() != before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("layer=4", "layer must be 0 to 3 with this model, not 4"),
        ("layer=last", "layer must be 0 to 3 with this model, not 'last'"),
        ("layer=true", "layer must be 0 to 3 with this model, not True"),
        ("layers=3", "layers must be 'all' or be left out, not 3"),
        ("text=song", "text must be null or empty, not 'song'"),
        ("pattern=flat", "pattern must be delay or none, not 'flat'"),
        ("dtype=bfloat16", "dtype must be float32 or float16, not 'bfloat16'"),
        ("dtype=auto", "dtype must be float32 or float16, not 'auto'"),
        ("chunk=0", "chunk must be above 0 and at most 30 seconds"),
        ("chunk=30.5", "chunk must be above 0 and at most 30 seconds"),
        ("preset=best", "preset must be syntheory or be left out, not 'best'"),
        ("preset=syntheory,text=null", "text is empty with preset=syntheory; leave it out"),
        ("preset=syntheory,pattern=delay", "pattern is none with preset=syntheory; leave it out"),
        ("model=large", "give model or weights, not both"),
        ("model=huge", "musicgen has the models small, medium, large, stereo-small, stereo-me"),
        ("target=x", "has no parameter 'target'"),
    ],
)
def test_wrong_parameters(made: Path, params: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_representation(f"musicgen:weights={made},{params}").load()
    assert message in str(caught.value)


def test_sizes_are_those_of_the_folder(made: Path) -> None:
    assert read_shape(made) == Shape(width=WIDTH, depth=DEPTH, inner=32, codebooks=4, codes=64)
    assert plan_model(1.0, weights=str(made), layers="all").shape == (DEPTH + 1, WIDTH)


def options(**changes: Any) -> Options:
    usual = {"text": "null", "pattern": "delay", "chunk": 30.0, "dtype": "float32"}
    return Options(layers=(DEPTH,), named=False, peak=False, **usual | changes)


@pytest.mark.parametrize("text", ["null", "empty"])
def test_parameters_and_operations_are_those_that_pytorch_counts(made: Path, text: str) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model, shape = load_model(weights=str(made), text=text, layer=DEPTH), read_shape(made)
    chosen = options(text=text)
    kept = sum(value.numel() for value in model._decoder.parameters())
    assert parameters(shape, chosen) == kept
    model._decoder.config._attn_implementation = "eager"  # a fused one is not counted
    counter = FlopCounterMode(display=False)
    codes = model.codes(noise(), RATE)[0]
    with counter, torch.inference_mode():
        model._run(codes[None], lambda _: None)
    counted = counter.get_total_flops()
    if text == "empty":  # keys and values of the one token, left out of the estimate
        counted -= DEPTH * (2 * 2 * WIDTH**2 + 4 * 26 * WIDTH)
    assert flops_of_clip(shape, chosen, 0.5) - 25 * ENCODEC_FLOPS == counted


@pytest.mark.slow
def test_the_published_sizes() -> None:
    """Numbers of weights and operations, EnCodec's and those that were worked out elsewhere."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import EncodecConfig, EncodecModel

    config = EncodecConfig(
        target_bandwidths=[2.2],
        sampling_rate=RATE,
        upsampling_ratios=[8, 5, 4, 4],
        num_filters=64,
        codebook_size=2048,
        codebook_dim=128,
        num_residual_layers=1,
        use_causal_conv=False,
    )
    codec = EncodecModel(config).eval()
    books = sum(layer.codebook.embed.numel() for layer in codec.quantizer.layers)
    assert books == 4 * 2048 * 128
    kept = sum(value.numel() for value in codec.encoder.parameters())
    assert kept + books == ENCODEC_PARAMETERS
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        codec.encoder(torch.zeros(1, 1, RATE))
    recurrent = 50 * 2 * 2 * 8 * 1024**2  # of two layers, which it does not count
    search = 50 * 4 * 2 * 2048 * 128
    counted = counter.get_total_flops()
    assert abs((counted + recurrent + search) / 50 / ENCODEC_FLOPS - 1) < 0.001
    for model, gigabytes, empty in (("small", 1.2, 1.3), ("medium", 5.4, 5.4), ("large", 9.7, 9.3)):
        shape = MODELS[model]
        every = tuple(range(shape.depth + 1))
        null = Options(**{**_fields(options()), "layers": every})
        assert abs(parameters(shape, null) * 4 / 1e9 / gigabytes - 1) < 0.06
        heard = Options(**{**_fields(null), "text": "empty"})
        teraflops = (flops_of_clip(shape, heard, 30) - 1500 * ENCODEC_FLOPS) / 1e12
        assert abs(teraflops / empty - 1) < 0.04


def _fields(chosen: Options) -> dict[str, Any]:
    return {name: getattr(chosen, name) for name in Options.__dataclass_fields__}


def test_the_card_names_what_the_model_was_trained_on() -> None:
    spec = parse_representation("musicgen")
    assert "vocals removed" in (spec.trained_on or "")
    assert find_plugin("representation", "musicgen").card()["licence"] == "CC BY-NC 4.0"


@pytest.mark.slow
def test_a_run_without_network(tiny: TinyPackage, made: Path, hub: Path, tmp_path: Path) -> None:
    put_in_cache(made, hub, "facebook/musicgen-small")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mirbench.benchmark.cli", "run"),
            *("--rep", "musicgen:layer=2", "--task", "tinytask"),
            *("--protocol", "quick", "--out", str(tmp_path / "out"), "--jobs", "1"),
            *("--cache", str(tmp_path / "cache")),
        ],
        env=tiny.env | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("musicgen*/tinytask.paper.quick.json")
    row = json.loads(path.read_text())
    told = row["representation"]
    assert (told["name"], told["dims"]) == ("musicgen:layer=2", WIDTH)
    assert sorted(told["weights"]) == ["config.json", "model.safetensors"]
    assert "transformers" in row["environment"]["embedded_with"]
