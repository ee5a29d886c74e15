"""CLMR reads checkpoints of every form, and equals a plain, unbatched forward pass."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from helpers.plain_representations import plain_clmr, sample_cnn
from helpers.weight_files import clmr_file, clmr_state

from mirbench.benchmark.api import DataError, UnusableClip, UsageError
from mirbench.representations.clmr import CARD, convert_weights

Load = Callable[[str], Any]

RATE = 22_050


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return clmr_state()


@pytest.fixture(scope="module")
def clip() -> npt.NDArray[np.float32]:
    """Nine seconds at 22,050 Hz: three frames and a rest."""
    rng = np.random.default_rng(0)
    times = np.arange(9 * RATE) / RATE
    wave = 0.4 * np.sin(2 * np.pi * 440 * times) * times / 9
    return (wave + 0.05 * rng.normal(size=len(times))).astype(np.float32)


def convert(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    return convert_weights("clmr", {path.name: path})


@pytest.mark.parametrize("form", ["plain", "lightning", "bare"])
@pytest.mark.parametrize("frame", [59_409, 59_049])
def test_every_form_of_checkpoint_equals_a_plain_forward_pass(
    form: str,
    frame: int,
    state: dict[str, torch.Tensor],
    clip: npt.NDArray[np.float32],
    tmp_path: Path,
) -> None:
    from mirbench.representations._clmr_network import Clmr

    weights = convert(clmr_file(tmp_path / "clmr_epoch=10000.ckpt", state, form))
    found = Clmr(weights, frame=frame).embed(clip, RATE)
    wanted = plain_clmr(sample_cnn(state), clip, frame)
    assert found.shape == (512,)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_the_card_counts_the_weights(state: dict[str, torch.Tensor]) -> None:
    assert sum(p.numel() for p in sample_cnn().parameters()) == CARD["parameters"]


def test_the_last_frame_is_left_out(load: Load, clip: npt.NDArray[np.float32]) -> None:
    model = load("clmr")
    assert model.frame == 59_409
    frames = [len(model.frames(clip[:length])) for length in (59_410, 118_818, 118_819)]
    assert frames == [1, 1, 2]
    for length in (59_409, 100):
        with pytest.raises(UnusableClip, match=r"needs more than 2\.69 s of audio \(59409 samples"):
            model.embed(clip[:length], RATE)
    other = load("clmr:frame=59049")
    assert len(other.frames(clip[:59_050])) == 1
    assert not np.allclose(other.embed(clip, RATE), model.embed(clip, RATE))


@pytest.mark.parametrize("frame", [59_048, 118_098])
def test_a_frame_must_leave_one_vector(load: Load, frame: int) -> None:
    with pytest.raises(UsageError, match="between 59049 and 118097"):
        load(f"clmr:frame={frame}")


@pytest.mark.parametrize("frame", [59_049, 59_409, 118_097])
def test_allowed_frames_leave_one_vector(frame: int) -> None:
    assert sample_cnn()(torch.zeros(1, 1, frame)).shape == (1, 512)


def test_classes_that_a_checkpoint_names_are_not_needed(
    state: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("lightning_of_long_ago")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("class EarlyStopping:\n    def __init__(self): self.patience = 3\n", vars(module))
    module.EarlyStopping.__module__ = module.__name__
    path = clmr_file(tmp_path / "clmr.ckpt", state, "lightning")
    content = torch.load(path, weights_only=True)
    callback: Any = module.EarlyStopping
    content["callbacks"] = {callback: {"wait": 1}, "object": callback()}
    torch.save(content, path)
    monkeypatch.delitem(sys.modules, module.__name__)
    plain = convert(clmr_file(tmp_path / "plain.ckpt", state))
    found = convert(path)
    assert set(found) == set(plain)
    for name, value in plain.items():
        np.testing.assert_array_equal(found[name], value)


class _Harmful:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"open({str(self.target)!r}, 'w').close()",))


def test_code_in_a_checkpoint_is_not_run(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    target, path = tmp_path / "harm", tmp_path / "clmr.ckpt"
    content = {"state_dict": {f"model.encoder.{k}": v for k, v in state.items()}}
    torch.save(content | {"callbacks": _Harmful(target)}, path)
    assert set(convert(path)) == {f"{n}.{part}" for n in range(11) for part in ("weight", "bias")}
    assert not target.exists()


def test_says_why_a_file_is_not_its_encoder(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    def mistake(path: Path) -> str:
        with pytest.raises(DataError) as caught:
            convert(path)
        return str(caught.value)

    page = tmp_path / "page.ckpt"
    page.write_text("<html>not found</html>")
    assert "page.ckpt is no PyTorch checkpoint" in mistake(page)
    path = clmr_file(tmp_path / "clmr.ckpt", state)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "clmr.ckpt is no PyTorch checkpoint" in mistake(path)
    torch.save([1, 2, 3], path)
    assert "no PyTorch state dict" in mistake(path)
    torch.save({"fc.weight": torch.ones(3)}, path)
    assert "has no encoder" in mistake(path)
    less = {name: value for name, value in state.items() if name != "sequential.4.1.running_var"}
    assert "sequential.4.1.running_var should have the shape [256], but there is none" in mistake(
        clmr_file(path, less)
    )
    wrong = state | {"sequential.3.0.weight": torch.ones(256, 128, 5)}
    assert "there is one of shape [256, 128, 5]" in mistake(clmr_file(path, wrong))
    endless = state | {"sequential.3.0.bias": torch.full((256,), torch.inf)}
    assert "sequential.3.0.bias is not finite" in mistake(clmr_file(path, endless))
