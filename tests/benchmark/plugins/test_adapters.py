"""Adapters: names with a target, and what of it is fingerprinted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mirbench.benchmark.api import PluginError, UsageError
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.runs.listing import list_representations
from mirbench.benchmark.runs.named_weights import named_sets
from mirbench.benchmark.submissions.texts import check_name

if TYPE_CHECKING:
    from conftest import TinyPackage

ADAPTER = """
from pathlib import Path

CARD = {"title": "Text files", "adapter": "text:<file>", "requires": ["numpy"]}

def target_files(target):
    return {"text": Path(target)}

class Model:
    sample_rate, dims = 8000, 1

def load_model(device="cpu", *, target, layer=1, factor=1.0):
    model = Model()
    model.params = (Path(target).read_text(), layer, factor)
    return model
"""


@pytest.fixture
def adapter(
    tiny: TinyPackage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[[Path, str, str], None],
) -> Path:
    """Give a file to name as target, where someone else's adapter ``text`` is installed."""
    module = f"adapter_{tmp_path.name}"
    make_distribution(tmp_path, "texts", f"[mirbench.representations]\ntext = {module}\n")
    (tmp_path / f"{module}.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{tiny.env['PYTHONPATH']}")
    target = tmp_path / "a:b.txt"
    target.write_text("one")
    return target


def change(folder: Path, old: str, new: str) -> None:
    (folder / f"adapter_{folder.name}.py").write_text(ADAPTER.replace(old, new))


def test_target_and_parameters(adapter: Path) -> None:
    spec = parse_representation(f"text:{adapter}?factor=2&layer=1")
    assert spec.load().params == ("one", 1, 2.0)
    assert spec.label == f"text:a:b.txt-{spec.files['target'][:8]},factor=2.0"
    for same in ("?layer=1,factor=2", "?factor=2.0"):
        assert parse_representation(f"text:{adapter}{same}").fingerprint() == spec.fingerprint()
    bare = parse_representation(f"text:{adapter}")
    assert bare.load().params == ("one", 1, 1.0)
    assert bare.fingerprint() != spec.fingerprint()
    adapter.write_text("two")
    assert parse_representation(f"text:{adapter}").fingerprint() != bare.fingerprint()


def test_a_folder_has_a_name_from_within_it_too(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(tmp_path, "Path(target)", 'Path(target, "a:b.txt")')
    monkeypatch.chdir(tmp_path)
    named = parse_representation(f"text:{tmp_path}")
    assert parse_representation("text:.").label == named.label
    assert named.label.startswith(f"text:{tmp_path.name}-")


@pytest.mark.parametrize("name", ["text", "text:x", "hf", "hf:some/model"])
def test_adapters_have_no_weights_in_the_store(adapter: Path, name: str) -> None:
    message = r"'(text|hf)' runs other models, whose weights mirbench does not keep"
    with pytest.raises(UsageError, match=message):
        named_sets(name)


def test_an_adapter_needs_a_target(adapter: Path) -> None:
    for text in ("text", "text:", "text:?layer=2"):
        with pytest.raises(UsageError, match="'text' runs other models; say which: text:<file>"):
            parse_representation(text)


def test_adapters_are_listed_as_they_are_written(adapter: Path) -> None:
    lines = {line.name: line for line in list_representations()}
    assert lines["text:<file>"].ready
    assert lines["hear:<module>"].ready


def test_what_an_adapter_lacks_is_said_in_one_sentence(adapter: Path, tmp_path: Path) -> None:
    change(tmp_path, '"numpy"', '"surely_absent"')
    line = {line.name: line for line in list_representations()}["text:<file>"]
    assert line.status == ("needs surely_absent, which is not installed: pip install surely_absent")
    with pytest.raises(PluginError) as caught:
        parse_representation(f"text:{adapter}").load()
    assert str(caught.value).endswith(f"' {line.status}")


def test_an_adapter_must_name_its_files(adapter: Path, tmp_path: Path) -> None:
    change(tmp_path, "def target_files", "def files")
    with pytest.raises(PluginError, match="is an adapter without a function target_files"):
        parse_representation(f"text:{adapter}").fingerprint()


def test_an_adapter_that_is_a_file_is_told_its_target_as_a_parameter(
    adapter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mytext.py"
    path.write_text(ADAPTER)
    assert parse_representation(f"{path}:target={adapter}").load().params == ("one", 1, 1.0)
    with pytest.raises(PluginError, match="missing 1 required keyword-only argument: 'target'"):
        parse_representation(str(path)).load()


@pytest.mark.parametrize("name", ["a b&c.txt", "x/y.txt", "ä$%{}<b>.txt"])
def test_labels_may_stand_on_the_board(adapter: Path, name: str) -> None:
    target = adapter.parent / name
    target.parent.mkdir(exist_ok=True)
    target.write_text("one")
    spec = parse_representation(f"text:{target}?factor=2")
    assert check_name(spec.label) == []
    assert spec.label.endswith(f"-{spec.files['target'][:8]},factor=2.0")
