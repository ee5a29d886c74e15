"""What people expect of any command line: its version, lists for programs."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mirbench import benchmark
from mirbench.benchmark.plugins.source import file_source
from mirbench.benchmark.runs.catalogue import RepresentationEntry, TaskEntry

if TYPE_CHECKING:
    from pathlib import Path

Main = Callable[..., tuple[int, str, str]]


def test_the_version_is_that_of_the_package(main: Main) -> None:
    version = importlib.metadata.version("mirbench")
    assert benchmark.__version__ == version
    assert main("--version") == (0, f"mirbench {version}\n", "")


def test_asking_for_the_version_imports_nothing_heavy() -> None:
    code = (
        "import sys, mirbench.benchmark as b; assert b.__version__; "
        "assert not {'torch', 'numpy', 'librosa', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_lists_for_programs(main: Main) -> None:
    status, out, _ = main("list", "--json")
    assert status == 0
    content = json.loads(out)
    assert list(content) == ["schema_version", "mirbench", "representations", "tasks"]
    representations = {entry["name"]: entry for entry in content["representations"]}
    tasks = {entry["name"]: entry for entry in content["tasks"]}
    for entry in representations.values():
        assert set(entry) == set(RepresentationEntry.__annotations__)
        assert entry["ready"] == (entry["missing"] is None)
    for entry in tasks.values():
        assert set(entry) == set(TaskEntry.__annotations__)
    mfcc, tiny = representations["mfcc"], representations["tinyrep"]
    assert (mfcc["dims"], mfcc["licence"], mfcc["ready"]) == (120, "ISC (librosa)", True)
    assert (tiny["dims"], tiny["licence"], tiny["origin"]) == (16, None, "tinypackage")
    assert "mirbench weights fetch choi" in representations["choi"]["missing"]
    assert representations["musicnn"]["weights"][0].keys() == {"name", "licence", "ready"}
    gtzan, key = tasks["gtzan"], tasks["rendered_key"]
    assert (gtzan["dims"], gtzan["kind"], gtzan["ready"]) == (10, "multiclass", False)
    assert "gtzan" in gtzan["missing"]
    assert (key["ready"], key["missing"], key["metrics"][0]) == (True, None, "weighted_key_score")
    assert all(entry["licence"] for entry in tasks.values())


def test_one_list_for_programs(main: Main) -> None:
    assert "representations" not in json.loads(main("list", "tasks", "--json")[1])


@pytest.mark.parametrize(
    ("text", "dims"),
    [
        ("class A:\n    dims = 512\n", 512),
        ("class A:\n    dims: int = 512\n", 512),
        ("class A:\n    dims = 512\nclass B:\n    dims = 4\n", None),
        ("class A:\n    dims = 512\n    def __init__(self, n): self.dims = n\n", None),
        ("class A:\n    @property\n    def dims(self): return 4\n", None),
        ("class A:\n    dims = N * 2\n", None),
        ("class A:\n    dims = True\n", None),
        ("dims, rate = 3, 4\n", None),
        ("x = 1\n", None),
    ],
)
def test_dims_are_told_only_where_nothing_else_can_decide(
    text: str, dims: int | None, tmp_path: Path
) -> None:
    (tmp_path / "model.py").write_text(text)
    assert file_source(tmp_path / "model.py").stated_dims() == dims
