"""The ways in which a model is silently random in part, each shown and then avoided."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.needs import needs

from mirbench.benchmark.api import DataError, PluginError
from mirbench.benchmark.registry import parse_representation

pytestmark = needs("transformers")

Open = Callable[..., Any]
Saved = Callable[[str], Path]

#: A HuBERT-like encoder with a rotation that no checkpoint holds, and a plain tensor.
CODE = """\
import torch
from transformers import HubertConfig, HubertModel

class OwnConfig(HubertConfig):
    model_type = "foreign"

class OwnModel(HubertModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        {buffer}
        {shift}

    def forward(self, *arguments, **options):
        output = super().forward(*arguments, **options)
        turn = lambda state: state * torch.cos(self.scale) + self.shift.to(state.device)
        output.hidden_states = tuple(map(turn, output.hidden_states))
        output.last_hidden_state = turn(output.last_hidden_state)
        return output
"""
COUNTED = 'self.register_buffer("scale", torch.arange(32) / 32, persistent=False)'
DRAWN = 'self.register_buffer("scale", torch.rand(32), persistent=False)'
SHIFTS = {
    "buffer": 'self.register_buffer("shift", torch.arange(32) / 64, persistent=False)',
    "attribute": "self.shift = torch.arange(32) / 64",
}
AUTO = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}


def noise(samples: int = 16_000) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def copy(folder: Path, place: Path, **changes: object) -> Path:
    from helpers.tiny_models import edit_config

    shutil.copytree(folder, place)
    edit_config(place, **changes)
    return place


def foreign(saved: Saved, place: Path, buffer: str, shift: str = "attribute") -> Path:
    folder = copy(saved("hubert"), place, model_type="foreign", auto_map=AUTO)
    (folder / "own.py").write_text(CODE.format(buffer=buffer, shift=SHIFTS[shift]))
    return folder


def trusted(folder: Path, **params: object) -> Any:
    more = "".join(f"&{key}={value}" for key, value in params.items())
    return parse_representation(f"hf:{folder}?trust_remote_code=true{more}").load()


@pytest.mark.parametrize("shift", SHIFTS)
def test_tensors_that_are_in_no_checkpoint(
    saved: Saved, open_model: Open, tmp_path: Path, shift: str
) -> None:
    """In transformers 5 buffers hold what lay in memory, and plain tensors nothing at all."""
    folder = foreign(saved, tmp_path / "counted", COUNTED, shift)
    plain = open_model("hubert", layer="all").embed(noise(), 16_000)
    wanted = plain * np.cos(np.arange(32) / 32) + np.arange(32) / 64
    for _ in range(3):
        found = trusted(folder, layer="all").embed(noise(), 16_000)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_buffers_that_are_drawn_at_random(saved: Saved, tmp_path: Path) -> None:
    folder = foreign(saved, tmp_path / "drawn", DRAWN)
    with pytest.raises(PluginError) as caught:
        trusted(folder)
    assert "'scale' is not in the checkpoint and is drawn at random whenever" in str(caught.value)


def test_code_that_is_not_trusted_does_not_run(saved: Saved, tmp_path: Path) -> None:
    folder = foreign(saved, tmp_path / "model", COUNTED)
    code = (folder / "own.py").read_text()
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{code}")
    with pytest.raises(PluginError) as caught:
        parse_representation(f"hf:{folder}").load()
    assert "comes with Python code of its own" in str(caught.value)
    assert "trust_remote_code=true" in str(caught.value)
    assert not (tmp_path / "ran").exists()
    assert trusted(folder).embed(noise(), 16_000).shape == (32,)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        ("output.hidden_states = None", "returns no hidden states"),
        ("output.hidden_states = output.hidden_states[0]", "returns no hidden states"),
        ("output.hidden_states = output.hidden_states[0][0],", "returns no hidden states"),
        (
            "output.hidden_states = (output.hidden_states[0][..., :4], *output.hidden_states)",
            "hidden states have unequal widths",
        ),
        ("raise KeyError('x')", "the model does not run: KeyError: 'x'"),
    ],
)
def test_code_that_returns_something_else(
    saved: Saved, tmp_path: Path, forward: str, message: str
) -> None:
    folder = foreign(saved, tmp_path / "model", COUNTED)
    code = (folder / "own.py").read_text()
    (folder / "own.py").write_text(code.replace("turn = lambda", f"{forward}; turn = lambda", 1))
    code = (folder / "own.py").read_text()
    lines = [line for line in code.splitlines() if "= tuple(map" not in line]
    (folder / "own.py").write_text("\n".join(lines))
    with pytest.raises((DataError, PluginError)) as caught:
        trusted(folder)
    assert str(caught.value).startswith(f"hf:{folder}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["mert", "mert-large"])
def test_mert_is_run_without_its_code(saved: Saved, open_model: Open, name: str) -> None:
    """Its code stops under transformers 4, and returns no hidden states under 5."""
    assert not list(saved(name).glob("*.py"))
    model = open_model(name, layer="all")
    assert (model.sample_rate, model.layers, model.dims) == (24_000, ("0", "1", "2", "3"), 32)
    audio = noise(5 * 24_000)
    np.testing.assert_array_equal(
        open_model(name, layer="all", trust_remote_code="true").embed(audio, 24_000),
        model.embed(audio, 24_000),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_extractor_cqt": True}, "has constant-Q features (feature_extractor_cqt is set)"),
        ({"deepnorm": True}, "has DeepNorm (deepnorm is set), which no HuBERT has"),
        ({"attention_relax": 0}, "has attention_relax 0, which is no scale"),
        ({"attention_relax": "much"}, "has attention_relax 'much', which is no scale"),
    ],
)
def test_a_mert_that_is_more_than_a_hubert(
    saved: Saved, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    folder = copy(saved("mert"), tmp_path / "model", **changes)
    for more in ("", "?trust_remote_code=true"):
        with pytest.raises(PluginError) as caught:
            parse_representation(f"hf:{folder}{more}").load()
        assert str(caught.value).startswith(f"hf:{folder}: this MERT ")
        assert message in str(caught.value)


def test_old_names_of_weight_normalisation_are_read(saved: Saved, tmp_path: Path) -> None:
    """As in MERT's own files."""
    import torch
    from safetensors.torch import load_file

    folder = copy(saved("mert"), tmp_path / "model")
    old = {
        "parametrizations.weight.original0": "weight_g",
        "parametrizations.weight.original1": "weight_v",
    }
    tensors = {}
    for key, tensor in load_file(folder / "model.safetensors").items():
        stem = next((key.replace(new, name) for new, name in old.items() if new in key), key)
        tensors[stem] = tensor
    assert sum("weight_g" in key for key in tensors) == 1
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(
        parse_representation(f"hf:{folder}").load().embed(noise(24_000), 24_000),
        parse_representation(f"hf:{saved('mert')}").load().embed(noise(24_000), 24_000),
    )


@pytest.mark.parametrize(
    ("whole", "part", "first"),
    [
        ("qwen2-audio", "qwen2_audio_encoder", "conv1"),
        ("mert", "mert_model", "encoder.layers.0"),
        ("whisper", "whisper", "decoder.layers.0"),
    ],
)
def test_weights_under_other_names_are_missed(
    saved: Saved, tmp_path: Path, whole: str, part: str, first: str
) -> None:
    """A class of a part finds nothing in the whole; transformers only warns of that."""
    from helpers.tiny_models import edit_config
    from safetensors.torch import load_file, save_file

    folder = copy(saved(whole), tmp_path / "model", model_type=part)
    if whole == "qwen2-audio":
        shutil.copy(saved("qwen2-audio-tower") / "config.json", folder)
    else:
        tensors = load_file(folder / "model.safetensors")
        kept = {k: v for k, v in tensors.items() if not k.startswith(first)}
        assert len(kept) < len(tensors)
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        edit_config(folder)
    with pytest.raises(DataError, match=r"its weights lack \d+ of the model's tensors") as caught:
        parse_representation(f"hf:{folder}").load()
    assert first in str(caught.value)
