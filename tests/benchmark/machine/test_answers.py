"""What may come out of a sandbox, and what is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbench.benchmark.api import DataError, PluginError
from mirbench.benchmark.embedding.model import ModelInfo
from mirbench.benchmark.embedding.trial import Difference, Seen
from mirbench.benchmark.embedding.worker import Decoded, Outcome
from mirbench.benchmark.machine.answers import numbers, read_answer, write_answer


def arrays() -> dict[Any, Any]:
    return {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.zeros((0, 4)),
        "c": np.array([True, False]),
        "d": np.asfortranarray(np.arange(6).reshape(2, 3)),
        (0, 1): np.array(3, ">i2"),
    }


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (1, 2.5, "é", b"x", True, [frozenset({"a"}), {1, 2}]),
        ModelInfo("m", 8000, 3, ("a",), load_seconds=1.0),
        Difference(0.5, "x"),
        {Path("/a/b"): np.float32(0.1)},
        (3, True),
    ],
)
def test_plain_values_and_records_come_back_as_they_were(answer: Any) -> None:
    assert read_answer(write_answer(answer)) == answer


def test_arrays_come_back_as_they_were_and_can_be_written() -> None:
    for key, array in read_answer(write_answer(arrays())).items():
        before = arrays()[key]
        assert (array.dtype, array.shape) == (before.dtype, before.shape)
        np.testing.assert_array_equal(array, before)
        assert array.flags.writeable
    assert pickle.loads(write_answer(arrays()))["a"].shape == (2, 3)


def test_what_workers_send_comes_back() -> None:
    rows: dict[str, Any] = {"x": np.ones(3, np.float32)}
    outcome = Outcome(0, rows, {"y": "short"}, 1.0, 2, ("a",), {"numpy": "2"}, None)
    info = ModelInfo("m", 8000, 3, ("a",), load_seconds=1.0)
    seen = Seen(1, rows, Difference(), None, 0.5, info, False, None)
    decoded = Decoded({(0, 0): rows["x"]}, {}, frozenset({"y"}), 0.1)
    for sent in (outcome, seen, decoded):
        assert type(read_answer(write_answer(sent))) is type(sent)
    back = read_answer(write_answer(outcome))
    assert (back.missing, back.layers, back.made_with) == ({"y": "short"}, ("a",), {"numpy": "2"})
    np.testing.assert_array_equal(back.rows["x"], rows["x"])


@pytest.mark.parametrize("error", [DataError("x"), ValueError(1, "y"), OSError(2, "z", "f")])
def test_errors_come_back(error: Exception) -> None:
    error.add_note("n")
    back = read_answer(write_answer(error))
    assert (type(back), back.args, back.__notes__) == (type(error), error.args, ["n"])


class Calls:
    """Pickled as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Calls(os.system, "true"),
        Calls(eval, "1"),
        Calls(getattr, "x", "upper"),
        Calls(__import__, "os"),
        Calls(write_answer, 1),
        Calls(Path.write_text, Path("x"), "y"),
        np.array([Calls(os.getpid)]),
        np.dtype("O"),
    ],
)
def test_calls_are_refused(evil: Any) -> None:
    content = pickle.dumps({"made_with": [evil]})
    pickle.loads(content) if isinstance(evil, np.dtype) else None
    with pytest.raises(PluginError, match="out of the sandbox"):
        read_answer(content)


def test_arrays_of_objects_and_of_a_wrong_size_are_refused() -> None:
    good = write_answer(np.ones(2, np.float32))
    assert b"<f4" in good
    for kind in (b"|O8", b"<f8", b"<M8"):
        with pytest.raises(PluginError, match="out of the sandbox"):
            read_answer(good.replace(b"<f4", kind))


def test_classes_of_mirbench_are_not_changed() -> None:
    """An opcode sets attributes of what was built before, be it a class."""
    place = f"{ModelInfo.__module__}\n{ModelInfo.__qualname__}\n".encode()
    change = b"\x80\x02c" + place + b"N}X\x05\x00\x00\x00shapeK\x01s\x86b."
    with pytest.raises(PluginError, match="would change mirbench"):
        read_answer(change)
    assert isinstance(ModelInfo.shape, property)


def test_functions_of_mirbench_are_not_changed() -> None:
    place = f"{numbers.__module__}\n{numbers.__qualname__}\n".encode()
    change = b"\x80\x02c" + place + b"}X\x06\x00\x00\x00harmedK\x01sb."
    with pytest.raises(PluginError, match="would change mirbench"):
        read_answer(change)
    assert not hasattr(numbers, "harmed")


@pytest.mark.parametrize("content", [b"", b"x", b"\x80\x04.", write_answer([1] * 99)[:-5]])
def test_damage_is_said(content: bytes) -> None:
    with pytest.raises(PluginError, match="cannot be read"):
        read_answer(content)
