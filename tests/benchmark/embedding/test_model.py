"""Every mistake of a plugin becomes one sentence that names the plugin and the clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mirbench.benchmark.api import PluginError, Representation, UnusableClip
from mirbench.benchmark.embedding.model import ModelInfo, describe_model, embed_clips

AUDIO = [np.full(10, value, dtype=np.float32) for value in (1, 2, 3)]
IDS = ["a", "b", "c"]


class Model:
    sample_rate = 8000
    dims = 2

    def embed(self, audio: np.ndarray, sr: int) -> Any:
        return np.array([audio[0], sr], dtype=np.float32)


class BatchModel(Model):
    def __init__(self, batch: Callable[[list[np.ndarray]], Any]) -> None:
        self.batch = batch
        self.alone = 0

    def embed(self, audio: np.ndarray, sr: int) -> Any:
        self.alone += 1
        return super().embed(audio, sr)

    def embed_batch(self, audios: list[np.ndarray], sr: int) -> Any:
        return self.batch(audios)


def with_members(**members: Any) -> Any:
    return type("Other", (Model,), members)()


def returning(value: Any) -> Any:
    def embed(self: Any, audio: np.ndarray, sr: int) -> Any:
        return value() if callable(value) and audio[0] == 2 else Model.embed(self, audio, sr)

    return with_members(embed=embed)


def embed_all(model: Any) -> list[Any]:
    return embed_clips(model, describe_model(model, "mine"), AUDIO, IDS)


def test_a_right_model_works() -> None:
    assert isinstance(Model(), Representation)
    assert [row.tolist() for row in embed_all(Model())] == [[1, 8000], [2, 8000], [3, 8000]]


def _torch_tensor() -> Any:
    import torch

    return torch.zeros(2)


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (lambda: np.zeros(3, np.float32), "shape [3], but the model declares dims = 2"),
        *(
            (lambda shape=shape: np.zeros(shape, np.float32), f"has shape [2]{advice}")
            for shape, advice in [
                ((1, 2), "; return x[0] or x.squeeze(0)"),
                ((2, 1), "; return x.squeeze()"),
                ((1, 1, 2), "; return x.squeeze()"),
                ((1, 2, 1), "; return x.squeeze()"),
                ((7, 2), "; average frames, x.mean(axis=0), or name layers in model.layers"),
                ((2, 7), "; average frames, x.mean(axis=1)"),
                ((0, 2), "; average frames, x.mean(axis=0), or name layers in model.layers"),
                ((3, 7), ""),
                ((), ""),
            ]
        ),
        (lambda: np.zeros(2), "dtype float64, not float32"),
        (lambda: np.array([0, np.nan], np.float32), "NaN in 1 of 2 values"),
        (lambda: np.array([np.inf, -np.inf], np.float32), "infinity in 2 of 2 values"),
        (lambda: [0.0, 0.0], "list, not a NumPy array"),
        (lambda: None, "NoneType, not a NumPy array"),
        (_torch_tensor, "torch.Tensor, not a NumPy array (call .detach().cpu().numpy() on it)"),
    ],
)
def test_wrong_embeddings(value: Callable[[], Any], mistake: str) -> None:
    with pytest.raises(PluginError) as caught:
        embed_all(returning(value))
    message = str(caught.value)
    assert message.startswith("representation 'mine', clip 'b': embed returned ")
    assert mistake in message
    assert "\n" not in message


def test_layers_are_part_of_the_shape() -> None:
    model = with_members(
        layers=("low", "high"), embed=lambda self, audio, sr: np.zeros(2, np.float32)
    )
    with pytest.raises(PluginError, match=r"shape \[2\].* dims = 2 and 2 layers.*\[2, 2\]"):
        embed_all(model)


@pytest.mark.parametrize(
    ("dims", "layers", "shape", "advice"),
    [
        (2, ("low", "high"), (1, 2, 2), "has shape [2, 2]; return x[0] or x.squeeze(0)"),
        (2, ("low", "high"), (2, 2, 1), "has shape [2, 2]; return x.squeeze()"),
        (2, ("low", "high"), (5, 2), "dims = 2 and 2 layers, so one embedding has shape [2, 2]"),
        (3, ("only",), (3,), "dims = 3 and 1 layer, so one embedding has shape [1, 3]"),
        (1, (), (1, 1), "has shape [1]; return x[0] or x.squeeze(0)"),
        (512, (), (1, 512), "has shape [512]; return x[0] or x.squeeze(0)"),
    ],
)
def test_what_to_do_about_a_shape(
    dims: int, layers: tuple[str, ...], shape: tuple[int, ...], advice: str
) -> None:
    array = np.zeros(shape, np.float32)
    model = with_members(dims=dims, layers=layers, embed=lambda self, audio, sr: array)
    with pytest.raises(PluginError) as caught:
        embed_all(model)
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize("shape", [(3, 1, 2), (3, 2, 1), (3, 7, 2), (3, 1, 1, 2), (3, 2, 7)])
def test_a_batch_with_an_axis_too_many(shape: tuple[int, ...]) -> None:
    with pytest.raises(PluginError, match=r"clip 'a': embed_batch returned shape .*; (re|av)"):
        embed_all(BatchModel(lambda audios: np.zeros(shape, np.float32)))


def test_a_batch_of_one_clip_is_that_clip() -> None:
    def fail(audios: list[np.ndarray]) -> None:
        raise NameError("stak")

    model = BatchModel(fail)
    model.batch_dependent, model.batch_size = True, 4  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="'mine', clip 'a': embed_batch raised NameError"):
        embed_clips(model, describe_model(model, "mine"), AUDIO[:1], IDS[:1])
    model = BatchModel(lambda audios: audios * 2)
    with pytest.raises(PluginError, match="embed_batch returned 6 embeddings for 3 clips that sta"):
        embed_all(model)


def test_an_exception_names_plugin_and_clip() -> None:
    def fail() -> None:
        raise RuntimeError("no such kernel")

    with pytest.raises(PluginError) as caught:
        embed_all(returning(fail))
    said = "representation 'mine', clip 'b': embed raised RuntimeError: no such kernel"
    assert str(caught.value).startswith(f"{said} ({__file__}, line ")


def test_an_unusable_clip_does_not_stop_the_others() -> None:
    def refuse() -> None:
        raise UnusableClip("too short for me")

    first, second, third = embed_all(returning(refuse))
    assert isinstance(second, UnusableClip)
    assert (first[0], third[0]) == (1, 3)


def _rows(audios: list[np.ndarray]) -> np.ndarray:
    return np.array([[audio[0], 8000] for audio in audios], dtype=np.float32)


def test_embed_batch_is_used() -> None:
    model = BatchModel(_rows)
    assert [row[0] for row in embed_all(model)] == [1, 2, 3]
    assert model.alone == 0


@pytest.mark.parametrize("error", [MemoryError("GPU"), UnusableClip("one is too short")])
def test_a_failing_batch_is_embedded_one_by_one(error: Exception) -> None:
    def fail(audios: list[np.ndarray]) -> None:
        raise error

    model = BatchModel(fail)
    assert [row[0] for row in embed_all(model)] == [1, 2, 3]
    assert model.alone == 3


@pytest.mark.parametrize(
    ("batch", "mistake"),
    [
        (lambda audios: _rows(audios[:2]), "embed_batch returned 2 embeddings for 3 clips"),
        (lambda audios: None, "embed_batch returned NoneType for 3 clips that start with 'a'"),
        (lambda audios: _rows(audios)[:, :1], "clip 'a': embed_batch returned shape [1]"),
        (lambda audios: _rows(audios) / np.float32([[1], [1], [0]]), "clip 'c': embed_batch"),
    ],
)
def test_a_batch_that_breaks_the_contract_is_not_hidden(batch: Any, mistake: str) -> None:
    with np.errstate(divide="ignore"), pytest.raises(PluginError) as caught:
        embed_all(BatchModel(batch))
    assert str(caught.value).startswith("representation 'mine'")
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("members", "mistake"),
    [
        ({"sample_rate": 22_050.0}, "sample_rate must be a positive int, but is 22050.0"),
        ({"sample_rate": None}, "sample_rate must be a positive int, but is None"),
        ({"dims": 0}, "dims must be a positive int, but is 0"),
        ({"dims": True}, "dims must be a positive int, but is True"),
        ({"embed": None}, "the model has no method embed(audio, sr)"),
        ({"layers": "conv"}, "layers must be a tuple of names, is 'conv'"),
        ({"layers": 3}, "layers must be a tuple of names, is 3"),
        ({"layers": (1, 2)}, "layers must be a tuple of names, is (1, 2)"),
        ({"max_seconds": -1}, "max_seconds must be positive, is -1"),
        ({"max_seconds": "long"}, "max_seconds must be positive, is 'long'"),
        ({"batch_size": "big"}, "batch_size must be positive, is 'big'"),
    ],
)
def test_wrong_declarations(members: dict[str, Any], mistake: str) -> None:
    with pytest.raises(PluginError) as caught:
        describe_model(with_members(**members), "mine")
    assert str(caught.value) == f"representation 'mine': {mistake}"


def test_declarations_are_read() -> None:
    model = with_members(dims=np.int64(4), layers=["x", "y"], max_seconds=29)
    assert describe_model(model, "mine") == ModelInfo("mine", 8000, 4, ("x", "y"), 29.0)
    assert describe_model(model, "mine").shape == (2, 4)


def test_a_bug_in_embed_batch_is_not_hidden_by_embed() -> None:
    def fail(audios: list[np.ndarray]) -> None:
        raise NameError("stak")

    with pytest.raises(PluginError, match="3 clips that start with 'a': embed_batch raised NameE"):
        embed_all(BatchModel(fail))
