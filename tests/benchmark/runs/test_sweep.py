"""Sweeps over layers, end to end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mirbench.benchmark import cli
from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.probing.group import Group
from mirbench.benchmark.result import Result, read_result
from mirbench.benchmark.runs.sweep import single_layer, sweep, with_layers

if TYPE_CHECKING:
    from conftest import TinyPackage

PLUGIN = '''
"""Five layers; the third hears the pitch, and noise grows away from it."""

from pathlib import Path

import numpy as np

CARD = {{"title": "Five layers", "trained_on": "none", "requires": ["numpy"]}}


class Five:
    sample_rate = 8000
    dims = 16
    heard_seconds = 512 / 8000

    def __init__(self, layers):
        if layers not in ("", "all"):
            raise ValueError(f"there is no layer {{layers}}")
        if layers or {always}:
            self.layers = ("1", "2", "3", "4", "5")

    def embed(self, audio, sr):
        with Path({log!r}).open("a") as file:
            file.write("x")
        bands = np.array_split(np.abs(np.fft.rfft(audio, 512)), 16)
        heard = np.log1p([band.mean() for band in bands])
        rng = np.random.default_rng(abs(int(audio.sum() * 1e6)))
        rows = [heard + 3 * abs(n - 2) * rng.standard_normal(16) for n in range(5)]
        return np.float32(rows if hasattr(self, "layers") else rows[2])


def load_model({parameters}):
    return Five({layers})
'''


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., str]:
    """Give a function that writes the plugin; by default its layers must be asked for."""

    def write(name: str = "five", always: bool = False, parameters: str = "") -> str:
        text = PLUGIN.format(
            always=always,
            log=str(tmp_path / "embedded"),
            parameters=parameters or 'device="cpu", layer: int = 3, layers=""',
            layers="''" if parameters else "layers",
        )
        (tmp_path / f"{name}.py").write_text(text)
        return str(tmp_path / f"{name}.py")

    return write


@pytest.fixture
def options(tiny: TinyPackage, tmp_path: Path) -> dict[str, Any]:
    """Options of a sweep of the tiny task in this process."""
    return {
        "task": "tinytask",
        "data": tiny.data,
        "cache": tmp_path / "cache",
        "out": tmp_path / "out",
        "jobs": 1,
    }


@pytest.fixture
def groups_trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the groups of probes that are trained: one a layer under quick."""
    trained: list[int] = []
    train = Group.train

    def counting(self: Group, *arguments: Any) -> Any:
        trained.append(len(trained))
        return train(self, *arguments)

    monkeypatch.setattr(Group, "train", counting)
    return trained


@pytest.mark.slow
def test_the_best_layer_is_found(
    write_plugin: Callable[..., str], options: dict[str, Any], tmp_path: Path
) -> None:
    (result,) = sweep(write_plugin(), **options)
    assert result.representation.name == "five:layers=all"
    assert (result.representation.layers, result.protocol.probes) == (5, 15)
    assert [point.layer for point in result.curve] == ["1", "2", "3", "4", "5"]
    scores = [point.valid for point in result.curve]
    assert max(scores) == scores[2] == result.probe.valid > 0.9
    assert min(scores) < 0.7
    assert (result.probe.layer, result.probe.index) == ("3", result.curve[2].index)
    # All layers in one pass; and those of the look before, and to see which files are read:
    # ten times a clip of the task, a synthetic one, and silence.
    assert len((tmp_path / "embedded").read_text()) == 150 + 12


@pytest.mark.slow
def test_a_finished_sweep_computes_nothing(
    write_plugin: Callable[..., str],
    options: dict[str, Any],
    tmp_path: Path,
    groups_trained: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rep = write_plugin()
    rows: list[Any] = []
    sweep(rep, **options, on_row=rows.append)
    content = rows[0].path.read_bytes()
    assert len(groups_trained) == 5
    # Nor is the model loaded again: the store may have been filled on another machine.
    monkeypatch.setattr("mirbench.benchmark.runs.each.model_info", None)
    sweep(rep, **options, on_row=rows.append)
    assert [row.found for row in rows] == [False, True]
    assert rows[1].path.read_bytes() == content
    assert len(groups_trained) == 5
    assert len((tmp_path / "embedded").read_text()) == 150 + 12


@pytest.mark.slow
def test_a_sweep_that_stopped_goes_on_with_the_next_layer(
    write_plugin: Callable[..., str],
    options: dict[str, Any],
    tmp_path: Path,
    groups_trained: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rep = write_plugin()
    (whole,) = sweep(rep, **(options | {"out": tmp_path / "other"}))
    groups_trained.clear()
    counting = Group.train

    def stopping(self: Group, *arguments: Any) -> Any:
        if len(groups_trained) == 2:
            raise KeyboardInterrupt
        return counting(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Group, "train", stopping)
        with pytest.raises(KeyboardInterrupt):
            sweep(rep, **options)
    groups_trained.clear()
    (result,) = sweep(rep, **options)
    assert len(groups_trained) == 3
    assert (result.curve, result.scores) == (whole.curve, whole.scores)


@pytest.mark.slow
def test_run_has_the_same_row(
    write_plugin: Callable[..., str], options: dict[str, Any], groups_trained: list[int]
) -> None:
    from mirbench.benchmark import run

    rep = write_plugin(always=True)
    (swept,) = sweep(rep, **options)
    assert swept.representation.name == "five:layers=all"
    (ran,) = run(f"{rep}:layers=all", protocol="quick", **options)
    assert ran == swept
    assert len(groups_trained) == 5


@pytest.mark.slow
def test_a_row_from_before_curves_is_made_again(
    write_plugin: Callable[..., str], options: dict[str, Any]
) -> None:
    rows: list[Any] = []
    rep = write_plugin()
    sweep(rep, **options, on_row=rows.append)
    fields = json.loads(rows[0].path.read_text())
    del fields["curve"]
    rows[0].path.write_text(json.dumps(fields))
    assert read_result(rows[0].path).curve == ()
    sweep(rep, **options, on_row=rows.append)
    assert not rows[1].found
    assert len(read_result(rows[0].path).curve) == 5


def test_a_row_without_layers_has_no_curve(make_result: Callable[..., Result]) -> None:
    result = make_result()
    assert '"curve"' not in result.to_json()
    assert Result.model_validate_json(result.to_json()) == result


def test_which_form_has_the_layers(write_plugin: Callable[..., str], tmp_path: Path) -> None:
    asked = write_plugin("asked")
    assert with_layers(asked, tmp_path).label == "asked:layers=all"
    assert with_layers(f"{asked}:layer=4", tmp_path).label == "asked:layer=4,layers=all"
    assert with_layers(f"{asked}:layers=all", tmp_path).label == "asked:layers=all"
    fixed = write_plugin("fixed", always=True, parameters='device="cpu"')
    assert with_layers(fixed, tmp_path).label == "fixed"


def test_a_single_layer_has_a_name_where_there_is_a_parameter(
    write_plugin: Callable[..., str],
) -> None:
    asked = write_plugin("asked")
    assert single_layer(asked, "4") == f"{asked}:layer=4"
    assert single_layer(f"{asked}:layer=2,layers=all", "4") == f"{asked}:layer=4"
    assert single_layer(asked, "encoder.4") is None  # the parameter is a number
    assert single_layer(write_plugin("fixed", parameters='device="cpu"'), "4") is None


def test_layers_of_an_adapter(tmp_path: Path) -> None:
    module = tmp_path / "hub" / "model"
    module.mkdir(parents=True)
    (module / "config.json").write_text("{}")
    named = f"hf:{module}?layer=all&chunk=10"
    assert single_layer(named, "4") == f"hf:{module}?chunk=10.0&layer=4"
    with pytest.raises(MirbenchError, match=r"layer=all|transformers|config"):
        with_layers(f"hf:{module}", tmp_path)


@pytest.mark.parametrize(
    "parameters",
    ['device="cpu"', 'device="cpu", layers: int = 2', 'device="cpu", layers="first"'],
)
def test_without_layers(write_plugin: Callable[..., str], tmp_path: Path, parameters: str) -> None:
    with pytest.raises(UsageError, match="'five' has no layers to sweep; probe it with: mirbench"):
        with_layers(write_plugin(parameters=parameters), tmp_path)


def test_the_reason_why_all_layers_cannot_be_had_is_told(tmp_path: Path) -> None:
    path = tmp_path / "refusing.py"
    path.write_text(
        "class Model:\n    sample_rate, dims = 8000, 2\n    def embed(self, audio, sr): ...\n"
        "def load_model(device='cpu', layers=''):\n    if layers: raise ValueError('too many')\n"
        "    return Model()\n"
    )
    with pytest.raises(
        UsageError, match=r"layers=all fails: .*too many .*line 5\)\); probe it with"
    ):
        with_layers(str(path), tmp_path)


@pytest.mark.slow
def test_the_command_line(
    write_plugin: Callable[..., str],
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MIRBENCH_DATA", str(tiny.data))

    def call(*arguments: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["mirbench", *arguments])
        status: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    write_plugin()
    arguments = ("sweep", "--task", "tinytask", "--jobs", "1", "--rep")
    status, out, err = call(*arguments, "five.py", "--dry-run")
    assert status == 0, err
    assert "five:layers=all" in out
    assert " 15 " in out
    assert not (tmp_path / "mirbench-results").exists()

    status, out, err = call(*arguments, "five.py")
    assert status == 0, err
    assert ", layer 3 " in out
    assert "for trying things out" in out
    folder = tmp_path / "mirbench-results" / "five+layers=all"
    names = {path.name for path in folder.iterdir()}
    assert {"tinytask.paper.quick.json", "layers.paper.quick.png"} <= names
    assert out.splitlines()[-1] == (
        "layer 3 with the complete protocol: mirbench run --rep five.py:layer=3 --task tinytask"
    )

    status, out, err = call(*arguments, "tinyrep")
    assert (status, out) == (2, "")
    assert err == (
        "mirbench: representation 'tinyrep' has no layers to sweep; probe it with: "
        "mirbench run --rep tinyrep\n"
    )
    status, out, err = call(*arguments, "five.py:layers=9")
    assert (status, out) == (1, "")
    assert "load_model raised ValueError: there is no layer 9" in err
    status, out, err = call(*arguments, "five.py", "--protocol", "slow")
    assert (status, out) == (2, "")
    assert "there is no protocol 'slow'" in err
