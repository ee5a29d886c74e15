"""What ``mirbench new`` writes: it runs as it is, and hides nothing that is there."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.registry import load_split, load_task, parse_representation
from mirbench.benchmark.runs.new_plugin import NewPlugin, check_new_name, write_plugin
from mirbench.benchmark.runs.sweep import with_layers

if TYPE_CHECKING:
    from conftest import TinyPackage

Main = Callable[..., tuple[int, str, str]]
FORMS = list(itertools.product((False, True), repeat=2))


def begin(kind: str, folder: Path, name: str = "my_own", **forms: bool) -> list[Path]:
    assert kind in ("representation", "task")
    plugin = NewPlugin(kind=kind, name=name, **forms)  # type: ignore[arg-type]
    return write_plugin(plugin, folder)


@pytest.mark.parametrize(("layers", "batch"), FORMS)
def test_every_form_of_a_representation(tmp_path: Path, layers: bool, batch: bool) -> None:
    (path,) = begin("representation", tmp_path, layers=layers, batch=batch)
    spec = parse_representation(str(path))
    assert spec.plugin.card()["trained_on"] == "none"
    model = spec.load()
    assert hasattr(model, "embed_batch") == batch
    assert ("layers" in (spec.plugin.source.parameters() if spec.plugin.source else {})) == layers
    rng = np.random.default_rng(0)
    audios = [rng.normal(0, 0.1, n).astype(np.float32) for n in (1, 1024, 22_050, 30_001)]
    each = np.stack([model.embed(audio, model.sample_rate) for audio in audios])
    assert (each.shape, each.dtype) == ((4, model.dims), np.float32)
    if batch:
        np.testing.assert_allclose(model.embed_batch(audios, model.sample_rate), each, rtol=1e-3)
    if layers:
        whole = parse_representation(f"{path}:layers=all").load()
        rows = np.stack([whole.embed(audio, whole.sample_rate) for audio in audios])
        assert rows.shape == (4, len(whole.layers), whole.dims)
        np.testing.assert_array_equal(rows[:, whole.layers.index("logarithm")], each)
        if batch:
            together = whole.embed_batch(audios, whole.sample_rate)
            np.testing.assert_allclose(together, rows, rtol=1e-3, atol=1e-6)


def test_comments_say_where_choices_are_made(tmp_path: Path) -> None:
    (model,) = begin("representation", tmp_path, "one", layers=True)
    task, _ = begin("task", tmp_path, "two")
    choices = {
        path: set(re.findall(r"Choice: ([\w ]+)", path.read_text())) for path in (model, task)
    }
    expected = {"licence", "trained_on", "weights", "sample rate", "layers", "pooling over time"}
    assert expected <= choices[model]
    assert {"labels", "group", "metrics", "splits", "window", "licence"} <= choices[task]


def test_the_split_is_what_the_file_would_write(tmp_path: Path) -> None:
    path, split = begin("task", tmp_path)
    written = split.read_bytes()
    split.unlink()
    (tmp_path / "data").mkdir()

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, path.name, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = call("splits", "data/my_own")
    assert (done.returncode, "has 0 groups of clips" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
    assert call("example", "data/my_own").returncode == 0
    assert call("splits", "data/my_own").returncode == 0
    assert split.read_bytes() == written
    assert "is there; if no row was measured with it" in call("splits", "data/my_own").stderr
    assert split.read_bytes() == written
    assert "say what to do: python my_own.py example|splits FOLDER" in call("help").stderr
    task = load_task(str(path))
    table = load_split(task, "paper")
    assert [len(table.ids(part)) for part in ("train", "valid", "test")] == [24, 8, 8]
    assert set(table.of) == {clip.id for clip in task.read_clips(tmp_path / "data" / "my_own")}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("my-model", "cannot be the name: it becomes that of a Python module"),
        ("1st", "cannot be the name"),
        ("größe", "cannot be the name"),
        ("class", "cannot be the name"),
        ("_mine", "cannot be the name"),
        ("x" * 51, "cannot be the name"),
        ("../up", "cannot be the name"),
        ("", "cannot be the name"),
        ("mfcc", "there is a representation 'mfcc' already, built-in"),
        ("MFCC", "there is a representation 'mfcc' already, built-in"),
        ("numpy", "Python has a module 'numpy' already"),
    ],
)
def test_names_that_cannot_be(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        begin("representation", tmp_path, name)
    assert reason in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_task_may_be_called_as_a_representation_is() -> None:
    check_new_name("task", "mfcc")
    with pytest.raises(UsageError, match="there is a task 'gtzan' already"):
        check_new_name("task", "gtzan")


@pytest.mark.parametrize("package", [False, True])
@pytest.mark.parametrize("kind", ["representation", "task"])
def test_nothing_is_overwritten(tmp_path: Path, kind: str, package: bool) -> None:
    begin(kind, tmp_path, package=package)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="is there, and is not overwritten"):
        begin(kind, tmp_path, package=package)
    assert {path: path.read_bytes() for path in before} == before


def test_not_even_a_split_or_a_broken_link(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "my_own.paper.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"my_own\.paper\.csv is there"):
        begin("task", tmp_path)
    assert not (tmp_path / "my_own.py").exists()
    (tmp_path / "my_own.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(UsageError, match=r"my_own\.py is there"):
        begin("representation", tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "splits").write_text("a file")
    with pytest.raises(MirbenchError, match="splits is in the way"):
        begin("task", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["splits"]


@pytest.mark.slow
def test_files_run_as_they_are(main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = ("--protocol", "quick", "--out", "rows", "--data", "data", "--jobs", "1")
    status, out, said = main("new", "representation", "own_rep", "--layers", "--batch")
    assert (status, said) == (0, "")
    assert "wrote own_rep.py" in out
    assert "mirbench run --rep ./own_rep.py --task rendered_key --protocol quick" in out
    assert main("new", "task", "own_task")[0] == 0
    (tmp_path / "data").mkdir()
    run = ("run", "--rep", "./own_rep.py", "--task", "./own_task.py")
    status, _, said = main(*run, *rules)
    assert status == 1
    assert "Make the example with: python own_task.py example data/own_task" in said
    subprocess.run([sys.executable, "own_task.py", "example", "data/own_task"], check=True)
    status, _, said = main(*run, *rules)
    assert status == 0, said
    row = json.loads(Path("rows/own_rep/own_task.paper.quick.json").read_text())
    assert (row["task"]["origin"], row["representation"]["origin"]) == ("file", "file")
    assert row["scores"]["accuracy"]["value"] > 0.9
    assert with_layers("./own_rep.py").text == "./own_rep.py:layers=all"
    status, _, said = main("sweep", *run[1:], *rules)
    assert status == 0, said


@pytest.fixture
def installed(tmp_path: Path, tiny: TinyPackage) -> Callable[[Path], dict[str, str]]:
    """Install a package into a folder: the environment in which Python finds it."""

    def install(package: Path) -> dict[str, str]:
        site = tmp_path / "site"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        command += ["--no-build-isolation", "--target", str(site), str(package)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        return tiny.env | {"PYTHONPATH": path, "MIRBENCH_CACHE": str(tmp_path / "cache")}

    return install


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "forms"),
    [("representation", {}), ("representation", {"layers": True, "batch": True}), ("task", {})],
)
def test_packages_pass_their_own_tests(
    tmp_path: Path,
    installed: Callable[[Path], dict[str, str]],
    kind: str,
    forms: dict[str, bool],
) -> None:
    begin(kind, tmp_path, "own_package", package=True, **forms)
    env = installed(tmp_path / "own_package")
    tests = tmp_path / "own_package" / "tests"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(command, cwd=tests, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    listed = [sys.executable, "-m", "mirbench.benchmark.cli", "list", f"{kind}s"]
    done = subprocess.run(listed, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "Own package [own_package]" in done.stdout
    if kind == "task":
        wheel = tmp_path / "site" / "own_package" / "splits" / "own_package.paper.csv"
        assert wheel.is_file()
