"""What docstrings owe the reader."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.import_graph import ROOT, module_files

#: Commands are explained by the help of their options. The source of a representation,
#: comments and docstrings included, is part of the fingerprint under which embeddings are
#: kept, and is not touched for its wording.
LEFT_OUT = {"cli", "representations"}
MODULES = [path for path in module_files().values() if not LEFT_OUT & set(path.parts)]


def public_functions(path: Path) -> list[ast.FunctionDef]:
    """Functions and methods of a module whose names, and whose classes' names, are public."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        if isinstance(node, ast.ClassDef) and node.name.startswith("_"):
            continue
        found += [m for m in members if isinstance(m, ast.FunctionDef) and m.name[0] != "_"]
    return [function for function in found if not _is_overload(function)]


def _is_overload(function: ast.FunctionDef) -> bool:
    """Whether it only tells a type checker of one way to call what follows."""
    return any(isinstance(d, ast.Name) and d.id == "overload" for d in function.decorator_list)


def parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument.arg for argument in every if argument.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_of_four_parameters_explains_them_all(path: Path) -> None:
    for function in public_functions(path):
        names = parameters(function)
        if len(names) < 4:
            continue
        text = ast.get_docstring(function) or ""
        section = re.search(r"^Parameters\n-+\n(.*?)(?:^\w[\w ]*\n-+\n|\Z)", text, re.S | re.M)
        found = re.findall(r"^([\w*][\w*, ]*)(?: : |$)", section[1] if section else "", re.M)
        told = {name.strip() for line in found for name in line.split(",")}
        missing = [name for name in names if name not in told]
        assert not missing, f"{path.name}, {function.name}: {', '.join(missing)}"


#: The functions that people call, whose examples are executed: module, and name.
CALLED = (
    ("mirbench.benchmark.registry.parsing", "load_representation"),
    ("mirbench.benchmark.registry.tasks", "load_task"),
    ("mirbench.benchmark.registry.tasks", "load_split"),
    ("mirbench.benchmark.protocol", "get_protocol"),
    ("mirbench.benchmark.probing.data", "ProbeData"),
    ("mirbench.benchmark.probing.train", "train_grid"),
    ("mirbench.benchmark.scoring.metrics", "evaluate"),
    ("mirbench.benchmark.scoring.metrics", "merge_windows"),
    ("mirbench.benchmark.scoring.bootstrap", "intervals"),
    ("mirbench.benchmark.datasets.targets", "encode_targets"),
    ("mirbench.leaderboard.frame", "load_results"),
)
RUNS = ("run", "embed", "probe")


def execute(module: str, name: str) -> None:
    """Execute the examples of a docstring; it must have some, and they must be right."""
    namespace = importlib.import_module(module)
    finder = doctest.DocTestFinder(recurse=False, exclude_empty=True)
    tests = [test for test in finder.find(getattr(namespace, name), name) if test.examples]
    assert tests, f"{module}.{name} has no example"
    output: list[str] = []
    for test in tests:
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=output.append)
        assert not failed, "".join(output)


@pytest.mark.parametrize(("module", "name"), CALLED, ids=lambda part: part.rpartition(".")[2])
def test_the_examples_of_functions_that_people_call(module: str, name: str) -> None:
    execute(module, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_examples_of_the_commands(
    name: str, rendered_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(rendered_cache))
    execute("mirbench.benchmark.runs.commands", name)


@pytest.mark.slow
def test_the_examples_of_the_page_on_python(
    rendered_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(rendered_cache))
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.S | re.M)
    assert len(blocks) == page.count("```") // 2 >= 6
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["mine"][0].representation.live
    assert names["near"].result.representation.live
    assert "of 1:\n  mfcc on rendered_key, quick: weighted_key_score 11.8 [6.1, 18.3]" in repr(
        names["rows"]
    )
    assert repr(names["found"]["rendered_key"]).startswith(
        "Embeddings(task: rendered_key, clips: 288, missing: 0, rows: 576, dims: 80, "
    )
    assert list(names["vectors"].columns) == ["clip_id", "window", *range(80)]
    assert len(list((tmp_path / "my-rows").glob("*/*.json"))) == 3


@pytest.fixture(scope="module")
def rendered_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Share a cache folder among the commands: the corpus is rendered once."""
    return tmp_path_factory.mktemp("cache")
