"""What there is, with the reason why something cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mirbench.benchmark.runs.listing import list_representations, list_tasks

if TYPE_CHECKING:
    from conftest import TinyPackage

BROKEN = {
    "raises": ("raise RuntimeError('no licence')", "cannot be imported: RuntimeError: no licence"),
    "lacks": ("import surely_absent", "ModuleNotFoundError: No module named 'surely_absent'"),
    "syntax": ("def load_model(:\n", "syntax.py, line 1: invalid syntax"),
    "leaves": ("import os; os._exit(3)", None),
    "empty": ("x = 1", "it has no function load_model"),
    "needs": (
        'CARD = {"requires": ["surely_absent.sub"], "install": "pip install mine[gpu]"}\n'
        "def load_model(device='cpu'): ...",
        "needs surely_absent.sub, which is not installed: pip install mine[gpu]",
    ),
    "card": (
        'CARD = {"requires": "torch"}\ndef load_model(device="cpu"): ...',
        "its CARD is wrong: requires must be a list of names",
    ),
    "nested": ("if True:\n    def load_model(device='cpu'):\n        print('x')", "ready"),
    "prints": ("print('[')\ndef load_model(device='cpu'): ...", "ready"),
}


@pytest.fixture
def many(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> TinyPackage:
    points = "".join(f"{name} = many.{name}\n" for name in [*BROKEN, "gone"])
    make_distribution(tmp_path, "many", f"[mirbench.representations]\n{points}")
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "__init__.py").touch()
    for name, (text, _) in BROKEN.items():
        (tmp_path / "many" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{tiny.env['PYTHONPATH']}")
    return tiny


def test_representations_with_their_state(many: TinyPackage) -> None:
    lines = {line.name: line for line in list_representations()}
    assert lines["mfcc"].ready
    assert (lines["tinyrep"].status, lines["tinyrep"].title) == ("ready", "Tiny spectrum")
    assert lines["gone"].status == "there is no module many.gone"
    for name, (_, reason) in BROKEN.items():
        assert lines[name].origin == "many"
        assert lines[name].ready == (reason == "ready")
        assert (reason or "ended the process") in lines[name].status, name


def test_names_used_twice(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> None:
    make_distribution(tmp_path, "rival", "[mirbench.tasks]\ntinytask = rival:TASK\n")
    monkeypatch.syspath_prepend(tmp_path)
    twice = [line for line in list_tasks() if line.name == "tinytask"]
    assert len(twice) == 2
    for line in twice:
        assert not line.ready
        assert line.status == (
            "name used twice: rival (rival) and tinypackage (tinypackage.task)"
        ) or line.status == ("name used twice: tinypackage (tinypackage.task) and rival (rival)")


def test_tasks_with_their_state(tiny: TinyPackage, tmp_path: Path) -> None:
    lines = {line.name: line for line in list_tasks(tiny.data, tmp_path)}
    assert lines["tinytask"].status == f"ready: {tiny.data / 'tinytask'}"
    assert not lines["gtzan"].ready
    absent = {line.name: line for line in list_tasks(tmp_path / "absent", tmp_path)}
    assert absent["tinytask"].status.startswith(f"no audio in {tmp_path / 'absent' / 'tinytask'}")


def test_listing_imports_nothing_heavy(tiny: TinyPackage) -> None:
    program = (
        "import sys; from mirbench.benchmark.cli import app; app(['list'], standalone_mode=False);"
        "heavy = {'torch', 'librosa', 'sklearn', 'pandas', 'tinypackage.rep'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=tiny.env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "tinytask" in done.stdout
    assert "chroma" in done.stdout
