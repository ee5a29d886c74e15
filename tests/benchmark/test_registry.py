"""From a name to a plugin."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.needs import needs

from mirbench.benchmark.api import PluginError, Task, UsageError
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.registry import (
    load_representation,
    load_split,
    load_task,
    parse_representation,
)

if TYPE_CHECKING:
    from conftest import TinyPackage

MODEL = """
    class Model:
        sample_rate, dims = 8000, 1
        def embed(self, audio, sr): ...

    def load_model(device="cpu", layer=3, model="big", factor=0.5, fast=False, extra=None):
        made = Model()
        made.params = (layer, model, factor, fast, extra)
        return made
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(MODEL))
    return path


def test_built_in_names() -> None:
    names = {one.name for one in find_plugins("representation") if one.origin == "built-in"}
    assert {"chroma", "mfcc"} <= names
    assert not any(name.startswith("_") for name in names)
    assert {"gtzan", "giantsteps", "magnatagatune", "emomusic"} <= {
        one.name for one in find_plugins("task")
    }
    assert load_representation("mfcc").dims == 120
    assert load_task("gtzan").name == "gtzan"


def test_a_file(plugin: Path) -> None:
    spec = parse_representation(str(plugin))
    assert (spec.label, spec.plugin.origin, spec.params) == ("mine", "file", {})
    assert spec.load().params == (3, "big", 0.5, False, None)


def test_parameters_have_the_types_of_their_defaults(plugin: Path) -> None:
    text = f"{plugin}:factor=2,model=007,layer=-1,fast=true,extra=1e-3"
    spec = parse_representation(text)
    assert spec.params == {
        "factor": 2.0,
        "model": "007",
        "layer": -1,
        "fast": True,
        "extra": 0.001,
    }
    assert spec.label == "mine:extra=0.001,factor=2.0,fast=True,layer=-1,model=007"
    assert spec.load().params == (-1, "007", 2.0, True, 0.001)
    again = parse_representation(f"{plugin}:{spec.label.partition(':')[2]}")
    assert again.fingerprint() == spec.fingerprint()


def test_defaults_are_dropped(plugin: Path) -> None:
    bare = parse_representation(str(plugin))
    spelt = parse_representation(f"{plugin}:layer=3,model=big,factor=0.50,fast=False,extra=none")
    assert spelt.label == bare.label == "mine"
    assert spelt.fingerprint() == bare.fingerprint()
    assert parse_representation(f"{plugin}:layer=4").fingerprint() != bare.fingerprint()


@pytest.mark.parametrize(
    ("params", "mistake"),
    [
        ("depth=3", "has no parameter 'depth'; its parameters: layer, model, factor, fast, extra"),
        ("device=cuda", "has no parameter 'device'"),
        ("layer", "write parameters as name:key=value,key=value"),
        ("layer=1,layer=2", "the parameter 'layer' is given twice"),
        ("layer=low", "parameter 'layer': 'low' is not of type int"),
        ("layer=1.5", "parameter 'layer': '1.5' is not of type int"),
        ("fast=1", "parameter 'fast': '1' is not of type bool"),
        ("factor=true", "parameter 'factor': 'true' is not of type float"),
    ],
)
def test_wrong_parameters(plugin: Path, params: str, mistake: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_representation(f"{plugin}:{params}")
    assert mistake in str(caught.value)


def test_a_file_that_a_parameter_names_is_part_of_the_fingerprint(
    plugin: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"1")
    text = f"{plugin}:model={weights}"
    before = parse_representation(text).fingerprint()
    assert parse_representation(text).fingerprint() == before
    weights.write_bytes(b"2")
    assert parse_representation(text).fingerprint() != before


def test_an_edited_file_is_loaded_anew(tmp_path: Path) -> None:
    near = tmp_path / "edited_neighbour.py"
    near.write_text("DIMS = 1\n")
    plugin = tmp_path / "edited.py"
    plugin.write_text(
        "from edited_neighbour import DIMS\n"
        "class Model: dims = DIMS\n"
        "def load_model(device='cpu'): return Model()\n"
    )
    assert load_representation(str(plugin)).dims == 1
    near.write_text("DIMS = 22\n")
    assert load_representation(str(plugin)).dims == 22


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mfc", "did you mean mfcc?"),
        ("Chroma", "did you mean chroma or choi?"),
        ("zzzzzz", "there are: ast, choi, chroma, "),
    ],
)
def test_unknown_names(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_representation(name)
    assert str(caught.value).startswith(f"there is no representation {name!r}; {hint}")


def test_unknown_task_and_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no task 'gtzn'; did you mean gtzan"):
        load_task("gtzn")
    with pytest.raises(UsageError, match="there is no file"):
        parse_representation(str(tmp_path / "absent.py"))


def test_a_file_may_not_take_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mfcc.py"
    path.write_text(textwrap.dedent(MODEL))
    with pytest.raises(UsageError) as caught:
        parse_representation(str(path))
    message = str(caught.value)
    assert message.startswith("two representations are named 'mfcc': built-in (mirbench.repr")
    assert str(path) in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import surely_absent", "No module named 'surely_absent'"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("x = 1", "has no function load_model(device, …)"),
        ("def load_model(device): raise OSError('no weights')", "load_model raised OSError: no w"),
        ("def load_model(device, size): ...", "missing 1 required positional argument: 'size'"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "broken_rep.py"
    path.write_text(text)
    with pytest.raises(PluginError) as caught:
        load_representation(str(path))
    assert "broken_rep" in str(caught.value)
    assert reason in str(caught.value)


def test_a_file_with_a_syntax_error(tmp_path: Path) -> None:
    path = tmp_path / "broken_rep.py"
    path.write_text("x = 1\ndef load_model(:\n")
    with pytest.raises(PluginError, match=r"broken_rep\.py, line 2: invalid syntax"):
        parse_representation(str(path))


def test_an_installed_distribution(tiny: TinyPackage) -> None:
    spec = parse_representation("tinyrep:delay=1")
    assert (spec.label, spec.plugin.origin) == ("tinyrep:delay=1.0", "tinypackage")
    model = load_representation("tinyrep")
    assert model.embed(np.zeros(1600, np.float32), 8000).shape == (16,)
    task = load_task("tinytask")
    assert isinstance(task, Task)
    table = load_split(task, "paper")
    assert [len(table.ids(split)) for split in ("train", "valid", "test")] == [90, 30, 30]


def test_two_of_one_name(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> None:
    make_distribution(tmp_path, "rival", "[mirbench.representations]\ntinyrep = rival.model\n")
    (tmp_path / "rival").mkdir()
    (tmp_path / "rival" / "__init__.py").touch()
    (tmp_path / "rival" / "model.py").write_text(textwrap.dedent(MODEL))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError) as caught:
        parse_representation("tinyrep")
    message = str(caught.value)
    assert message.startswith("two representations are named 'tinyrep': ")
    assert "tinypackage (tinypackage.rep)" in message
    assert "rival (rival.model)" in message


def test_an_entry_point_without_its_module(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> None:
    make_distribution(tmp_path, "gone", "[mirbench.representations]\ngonerep = gone.model\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"'gonerep' of gone \(gone\.model\) cannot be imported"):
        parse_representation("gonerep")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("TASK = 1", "TASK is not a mirbench Task"),
        ("raise ValueError('odd')", "cannot be imported: ValueError: odd"),
        ("from tinypackage.task import TASK", "calls itself 'tinytask'"),
        ("from mirbench.benchmark.api import Task\nTASK = Task(name='x')", "TypeError"),
        (
            "from dataclasses import replace\nfrom tinypackage.task import TASK as T\n"
            "TASK = replace(T, name='odd', metrics=('acuracy',))",
            "there is no metric 'acuracy'; known: accuracy, ",
        ),
    ],
)
def test_broken_tasks(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
    text: str,
    reason: str,
) -> None:
    make_distribution(tmp_path, "brokentask", "[mirbench.tasks]\nodd = brokentask:TASK\n")
    (tmp_path / "brokentask.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "brokentask", raising=False)
    with pytest.raises(PluginError, match=r"task 'odd' of brokentask \(brokentask\)") as caught:
        load_task("odd")
    assert reason in str(caught.value)


def test_nothing_is_imported_to_find_plugins(tiny: TinyPackage) -> None:
    for name in [name for name in sys.modules if name.startswith("tinypackage")]:
        del sys.modules[name]
    spec = parse_representation("tinyrep")
    spec.fingerprint()
    assert spec.plugin.card()["title"] == "Tiny spectrum"
    assert not any(name.startswith("tinypackage") for name in sys.modules)


def test_the_fingerprint_follows_files_that_a_default_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text("def load_model(device='cpu', weights='w', folder='f'): return 1\n")
    Path("f").mkdir()
    seen = set()
    for place in (Path("w"), Path("f/a.bin")):
        for content in ("one", "two"):
            place.write_text(content)
            seen.add(parse_representation("m.py").fingerprint())
    assert len(seen) == 4


def test_a_file_in_a_label_stands_by_name_and_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text("def load_model(device='cpu', weights=''): return 1\n")
    labels, prints = [], []
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "w.pt").write_text("the same")
        spec = parse_representation(f"m.py:weights={tmp_path / folder / 'w.pt'}")
        labels.append(spec.label)
        prints.append(spec.fingerprint())
    assert labels[0] == labels[1]
    assert prints[0] == prints[1]
    assert str(tmp_path) not in labels[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("metrics=('r2',)", "r2 is no metric of multiclass tasks; use accuracy"),
        ("metrics=('weighted_key_score',)", "needs the 24 keys as labels"),
        ("metrics=('chroma_accuracy',)", "needs MIDI numbers in a row as labels"),
        ("metrics=('chroma_accuracy',), labels=('60', '62')", "needs MIDI numbers in a row"),
        ("metrics=('acc2',), kind='regression', labels=('bpm',)", "need the labels cosine, sine"),
    ],
)
def test_a_metric_that_does_not_fit_the_task_is_refused(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
    changes: str,
    message: str,
) -> None:
    name = f"unfit{abs(hash(changes))}"
    make_distribution(tmp_path, name, f"[mirbench.tasks]\n{name} = {name}:TASK\n")
    (tmp_path / f"{name}.py").write_text(
        "from dataclasses import replace\nfrom tinypackage.task import TASK as T\n"
        f"TASK = replace(T, name='{name}', {changes})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=message):
        load_task(name)


@needs("avx512")
def test_a_plugin_that_imports_torch_leaves_the_probes_their_kernels(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("import torch\n\ndef load_model(device='cpu'): ...\n")
    code = (
        "from mirbench.benchmark.registry import load_representation\n"
        "load_representation('early.py')\n"
        "import torch\n"
        "print(torch.backends.cpu.get_cpu_capability())"
    )
    env = {key: value for key, value in os.environ.items() if key != "ATEN_CPU_CAPABILITY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("AVX2\n", 0), done.stderr
