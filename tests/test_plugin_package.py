"""The example package in tests/plugin_package: what ``mirbench new`` writes, and that it works."""

from __future__ import annotations

import ast
import json
import os
import shutil
import site
import subprocess
import tomllib
import venv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirbench.benchmark.runs.new_plugin import NewPlugin

PACKAGE = Path(__file__).parent / "plugin_package"
MODULE = "mirbench_example"

#: What the package was begun with.
BEGUN = (
    NewPlugin(kind="representation", name="timbre", package=True, layers=True, batch=True),
    NewPlugin(kind="task", name="waveforms", package=True),
)


def generated(plugin: NewPlugin) -> dict[str, str]:
    """Return what ``mirbench new`` writes, by where that is in the example."""
    files = {path.removeprefix(f"{plugin.name}/"): text for path, text in plugin.files().items()}
    return {path.replace(f"src/{plugin.name}/", f"src/{MODULE}/"): files[path] for path in files}


def shipped() -> set[str]:
    paths = (path for path in PACKAGE.rglob("*") if path.is_file())
    found = {path.relative_to(PACKAGE) for path in paths}
    return {str(path) for path in found if "__pycache__" not in path.parts}


def names(body: Iterable[ast.stmt]) -> Iterator[str]:
    """List what modules and classes define: functions with their parameters, and values."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield f"{node.name}({', '.join(each.arg for each in node.args.args)})"
        elif isinstance(node, ast.ClassDef):
            yield f"class {node.name}({', '.join(map(ast.unparse, node.bases))})"
            yield from names(node.body)
        elif isinstance(node, ast.Assign):
            yield ast.unparse(node.targets[0])


def card(text: str) -> dict[str, Any]:
    (node,) = (
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CARD"
    )
    found: dict[str, Any] = ast.literal_eval(node)
    return found


def test_the_files_are_those_of_the_generator() -> None:
    written = {path for plugin in BEGUN for path in generated(plugin)}
    assert shipped() - written == {f"src/{MODULE}/splits/waveforms.higher.csv"}
    assert written <= shipped()


@pytest.mark.parametrize("plugin", BEGUN, ids=lambda plugin: plugin.kind)
def test_the_project_says_what_the_generator_says(plugin: NewPlugin) -> None:
    made = tomllib.loads(generated(plugin)["pyproject.toml"])
    mine = tomllib.loads((PACKAGE / "pyproject.toml").read_text())
    assert mine["build-system"] == made["build-system"]
    project, other = mine["project"], made["project"]
    assert other.keys() <= project.keys()
    for key in ("requires-python", "optional-dependencies"):
        assert project[key] == other[key]
    assert set(other["dependencies"]) <= set(project["dependencies"])
    ((group, points),) = other["entry-points"].items()
    place = points[plugin.name].replace(plugin.name, MODULE, 1)
    assert project["entry-points"][group] == {plugin.name: place}
    tools, others = mine["tool"]["setuptools"], made["tool"]["setuptools"]
    assert tools["packages"] == others["packages"]
    assert others.get("package-data", {}) in ({}, {plugin.name: tools["package-data"][MODULE]})


#: What the example has otherwise: its bands need weights, and it has two splits to test.
OTHERWISE = {
    "_bands(frames, layer)",
    "test_the_split_is_of_the_clips(tmp_path)",
    "test_the_split_can_be_written_again(tmp_path)",
}


@pytest.mark.parametrize(
    ("plugin", "path"),
    [(plugin, path) for plugin in BEGUN for path in generated(plugin) if path.endswith(".py")],
    ids=lambda each: each if isinstance(each, str) else each.kind,
)
def test_modules_have_what_the_generator_writes(plugin: NewPlugin, path: str) -> None:
    made, mine = generated(plugin)[path], (PACKAGE / path).read_text()
    assert set(names(ast.parse(made).body)) - OTHERWISE <= set(names(ast.parse(mine).body))
    assert "Choice:" not in mine
    assert "As generated" not in mine
    if path.endswith("model.py"):
        assert card(made).keys() <= card(mine).keys()


def test_the_readme_names_the_commands_that_it_was_begun_with() -> None:
    readme = (PACKAGE / "README.md").read_text()
    for plugin in BEGUN:
        forms = [f"--{form}" for form in ("package", "layers", "batch") if getattr(plugin, form)]
        assert f"mirbench new {plugin.kind} {plugin.name} {' '.join(forms)}\n" in readme
        for command in ("pip install -e '.[test]'", "pytest"):
            assert f"\n{command}\n" in readme
            assert f"\n{command}\n" in generated(plugin)["README.md"]


Python = Callable[..., str]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """Install the package into a fresh environment; give its Python, run in a folder elsewhere."""
    root = tmp_path_factory.mktemp("example")
    elsewhere = root / "elsewhere"
    elsewhere.mkdir()
    copy = shutil.copytree(PACKAGE, root / "package")  # where pip builds
    venv.create(root / "venv", with_pip=False)
    (packages,) = (root / "venv").glob("lib/python*/site-packages")
    # mirbench and what it needs, as this environment has them, editable or not.
    shared = [f"import site; site.addsitedir({place!r})\n" for place in site.getsitepackages()]
    (packages / "shared.pth").write_text("".join(shared))
    env = {key: value for key, value in os.environ.items() if not key.startswith("MIRBENCH_")}
    env |= {"MIRBENCH_CACHE": str(root / "cache"), "PIP_NO_INPUT": "1"}

    def run(*arguments: str | Path) -> str:
        command = [str(root / "venv" / "bin" / "python"), *map(str, arguments)]
        done = subprocess.run(command, cwd=elsewhere, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    run("-m", "pip", "install", *options, copy)
    shutil.rmtree(copy / "src")
    shutil.rmtree(copy / "build")
    run("-m", f"{MODULE}.task", "example", "data/waveforms")
    return run


def mirbench(python: Python, *arguments: str | Path) -> str:
    return python("-m", "mirbench.benchmark.cli", *arguments)


MEASURED = ("--rep", "timbre", "--task", "waveforms", "--data", "data", "--protocol", "quick")


@pytest.mark.slow
def test_it_is_listed(python: Python) -> None:
    listed = json.loads(mirbench(python, "list", "--json"))
    for kind, title in (("representations", "Timbre"), ("tasks", "Waveforms")):
        (found,) = (each for each in listed[kind] if each["title"] == title)
        assert found["origin"] == "mirbench-example"


@pytest.mark.slow
def test_it_is_run_and_swept(python: Python, tmp_path: Path) -> None:
    mirbench(python, "run", *MEASURED, "--out", tmp_path / "run")
    mirbench(python, "sweep", *MEASURED, "--split", "higher", "--out", tmp_path / "swept")
    (one,) = (tmp_path / "run").rglob("waveforms.paper.quick.json")
    (every,) = (tmp_path / "swept").rglob("waveforms.higher.quick.json")
    score, other = (json.loads(path.read_text()) for path in (one, every))
    for row, layers in ((score, 0), (other, 3)):
        assert row["representation"]["origin"] == row["task"]["origin"] == "mirbench-example"
        assert row["representation"]["layers"] == layers
    score, other = (row["scores"]["accuracy"]["value"] for row in (score, other))
    assert score > 0.9
    assert score > other > 1 / 3  # of three labels, at pitches that no probe was trained on


@pytest.mark.slow
def test_nothing_is_found_in_it(python: Python) -> None:
    report = json.loads(mirbench(python, "check", "--rep", "timbre", "--json", "-", "-q"))
    assert report["counts"]["passed"] >= 18  # there may be no GPU, or no time for ten minutes
    assert report["counts"]["warning"] == report["counts"]["failed"] == 0


@pytest.mark.slow
def test_its_own_tests_pass(python: Python, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE / "tests", tmp_path / "tests")
    shutil.copy(PACKAGE / "pyproject.toml", tmp_path)
    told = python("-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path)
    assert " passed" in told
