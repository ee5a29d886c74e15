"""Safetensors, written tensor by tensor."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.files import tensorfile
from mirbench.benchmark.files.tensorfile import write_tensors

TENSORS: dict[str, Any] = {
    "bytes": np.arange(3, dtype=np.uint8),
    "half": np.array([[1.5, -2], [3, 4]], np.float16),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 4), np.float32),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "foreign": np.array([1.0, 2.0], ">f8"),
    'ünï"': np.array([True, False]),
}


def write(path: Path, tensors: Any) -> dict[str, tuple[int, ...]]:
    with path.open("wb") as file:
        return write_tensors(file, tensors)


@pytest.mark.parametrize("as_pairs", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, as_pairs: bool) -> None:
    path = tmp_path / "x.safetensors"
    shapes = write(path, iter(TENSORS.items()) if as_pairs else TENSORS)
    assert shapes == {name: values.shape for name, values in TENSORS.items()}
    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == set(TENSORS)
        for name, values in TENSORS.items():
            found = file.get_tensor(name)
            assert found.dtype == values.dtype.newbyteorder("=")
            np.testing.assert_array_equal(found, values)
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert header % 8 == 0
    assert (path.stat().st_size < 4000) == (not as_pairs)


def test_tensors_of_pytorch(tmp_path: Path) -> None:
    tensors = {
        "half": torch.randn(3, 5).half(),
        "brain": torch.randn(7).bfloat16(),
        "turned": torch.randn(3, 5).T,
        "wanted": torch.nn.Parameter(torch.randn(2)),
    }
    write(tmp_path / "x.safetensors", tensors)
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        for name, values in tensors.items():
            found = file.get_tensor(name)
            assert found.dtype == values.dtype
            assert torch.equal(found, values)


def test_one_tensor_is_in_memory_at_a_time(tmp_path: Path) -> None:
    size = 1 << 20

    def pairs() -> Iterator[tuple[str, Any]]:
        for number in range(20):
            yield f"t{number}", np.full(size // 4, number, np.float32)

    tracemalloc.start()
    try:
        write(tmp_path / "x.safetensors", pairs())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The next one is made before the last is let go of, and the header is kept in memory.
    assert peak < 2 * size + 3 * tensorfile.RESERVED
    assert (tmp_path / "x.safetensors").stat().st_size > 20 * size


@pytest.mark.parametrize(
    ("tensors", "mistake"),
    [
        ([("a", np.ones(1)), ("a", np.ones(1))], "tensor 'a': a name is text and comes once"),
        ([(1, np.ones(1))], "tensor 1: a name is text"),
        ({"__metadata__": np.ones(1)}, "a name is text"),
        ({"a": [1.0]}, "tensor 'a' is list, not an array"),
        ({"a": np.ones(1, complex)}, "tensor 'a' has the type complex128"),
    ],
)
def test_what_is_no_tensor_is_named(tmp_path: Path, tensors: Any, mistake: str) -> None:
    with pytest.raises(PluginError) as caught:
        write(tmp_path / "x", tensors)
    assert mistake in str(caught.value)


def test_names_that_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorfile, "RESERVED", 64)
    with pytest.raises(PluginError, match="the names of 9 tensors do not fit into 64 bytes"):
        write(tmp_path / "x", ((f"t{number}", np.ones(1)) for number in range(9)))


def test_pytorch_is_not_imported_for_arrays(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np; from mirbench.benchmark.files.tensorfile import write_tensors;"
        "write_tensors(open(sys.argv[1], 'wb'), {'a': np.ones(2)});"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "x")], check=True)
