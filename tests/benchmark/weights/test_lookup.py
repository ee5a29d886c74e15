"""The store of weights: what counts as there, and what makes a fingerprint."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.weights_plugin import A, B, W, array, write_plugin
from safetensors.numpy import load_file, save_file

from mirbench.benchmark.api import (
    DataError,
    MirbenchError,
    MissingWeights,
    PluginError,
    UsageError,
    weights_file,
)
from mirbench.benchmark.files.checksums import file_sha256
from mirbench.benchmark.registry import load_representation, parse_representation
from mirbench.benchmark.runs.named_weights import named_sets
from mirbench.benchmark.weights import conversion
from mirbench.benchmark.weights.add import add_weights
from mirbench.benchmark.weights.sets import WeightSet


@pytest.fixture
def rep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Write the toy plugin, beside the files of its sets, with a cache folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))
    for name, content in (("w.npy", W), ("a.npy", A), ("b.npy", B)):
        Path(name).write_bytes(content)
    yield write_plugin(tmp_path)
    sys.modules.pop("weightypackage", None)


def the_set(rep: str, cache: Path | None = None) -> WeightSet:
    weights = parse_representation(rep, cache).weights
    assert weights is not None
    return weights


def test_added_weights_are_loaded(rep: str, tmp_path: Path) -> None:
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    weights = the_set(rep)
    assert weights.path == tmp_path / "cache" / "weights" / "weighty" / "big.safetensors"
    assert weights.ready
    assert json.loads(weights.note.read_text()) == {
        "representation": "weighty",
        "set": "big",
        "licence": "CC0",
        "bytes": weights.path.stat().st_size,
        "files": {
            "w.npy": {
                "source": "http://127.0.0.1:9/w.npy",
                "bytes": len(W),
                "sha256": file_sha256(Path("w.npy")),
            }
        },
    }
    np.testing.assert_array_equal(load_representation(rep).values, np.arange(16))
    assert not list(weights.folder.glob("*.tmp"))


def test_absent_weights_are_one_sentence(rep: str, tmp_path: Path) -> None:
    with pytest.raises(MissingWeights) as caught:
        load_representation(rep)
    assert str(caught.value) == (
        "the weights of weighty.py are not on this machine: get them with mirbench weights fetch "
        "weighty.py, or, if you have the files, with mirbench weights add weighty.py PATH"
    )
    with pytest.raises(MissingWeights) as caught:
        parse_representation(f"{rep}:model=small", tmp_path / "my cache").load()
    assert f"add weighty.py:model=small PATH --cache '{tmp_path}/my cache'" in str(caught.value)
    assert "or install the package that has them: pip install weightypackage" in str(caught.value)


def test_another_cache_folder_has_weights_of_its_own(rep: str, tmp_path: Path) -> None:
    add_weights(named_sets(rep, tmp_path / "other").candidates, [Path("w.npy")])
    assert not the_set(rep).ready
    assert the_set(rep, tmp_path / "other").ready
    assert parse_representation(rep, tmp_path / "other").load().values[-1] == 15


def test_the_fingerprint_follows_the_original_files(rep: str, tmp_path: Path) -> None:
    absent = parse_representation(rep).fingerprint()
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    first = parse_representation(rep).fingerprint()
    Path("w.npy").write_bytes(array(2, 8, scale=3.0))
    (tmp_path / "cache" / "weights" / "first_seen.json").unlink()
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    second = parse_representation(rep).fingerprint()
    assert len({absent, first, second}) == 3
    the_set(rep).path.unlink()  # the note is enough to find embeddings made elsewhere
    assert parse_representation(rep).fingerprint() == second
    assert parse_representation(f"{rep}:model=small").fingerprint() != absent


def test_a_set_may_differ_in_what_the_card_says(rep: str) -> None:
    text = Path(rep).read_text().replace('"ISC",', '"ISC", "trained_on": "MSD", "parameters": 9,')
    Path(rep).write_text(text)
    found = [parse_representation(name) for name in (rep, f"{rep}:model=small", "mfcc")]
    assert [spec.trained_on for spec in found] == ["none", "MSD", "none"]
    assert [spec.parameters for spec in found] == [None, 9, None]


def test_a_folder_named_like_a_set_changes_nothing(rep: str) -> None:
    before = parse_representation(f"{rep}:model=small")
    Path("small").mkdir()
    after = parse_representation(f"{rep}:model=small")
    assert (after.label, after.fingerprint()) == (before.label, before.fingerprint())


def test_unknown_sets(rep: str) -> None:
    with pytest.raises(UsageError, match="there are no weights 'huge'; there are: big, small"):
        load_representation(f"{rep}:model=huge")
    text = Path(rep).read_text().replace('weights_file("weighty", model)', "weights_file('x', 'y')")
    Path(rep).write_text(text)
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    with pytest.raises(UsageError, match="no representation 'x'"):
        load_representation(rep)
    Path(rep).write_text(text.replace("('x', 'y')", "('mfcc', 'big')"))
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    with pytest.raises(PluginError, match=r"'mfcc' declares no weights 'big'; there are: none"):
        load_representation(rep)


def test_weights_are_looked_up_while_a_model_is_loaded_only() -> None:
    with pytest.raises(PluginError, match=r"get the model from .*load_representation\('mfcc'\)"):
        weights_file("mfcc", "big")


def test_files_of_an_installed_package_are_converted_on_first_use(
    rep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "site" / "weightypackage"
    (package / "small").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('it is not to be imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (package / "small" / "a.npy").write_bytes(A)
    weights = the_set(f"{rep}:model=small")
    assert not weights.available  # one file of two
    (package / "small" / "b.npy").write_bytes(B)
    assert weights.available
    assert not weights.ready
    model = load_representation(f"{rep}:model=small")
    np.testing.assert_array_equal(model.values, [*range(8), *range(0, 16, 2)])
    assert weights.ready
    said = "converting the weights small of the package weightypackage/small, once\n"
    assert capsys.readouterr().err == said
    load_representation(f"{rep}:model=small")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("damage", ["short", "no note", "bad note", "other files", "no weights"])
def test_what_is_not_whole_is_not_there(rep: str, damage: str) -> None:
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    weights = the_set(rep)
    if damage == "short":
        weights.path.write_bytes(weights.path.read_bytes()[:-1])
    elif damage == "no note":
        weights.note.unlink()
    elif damage == "bad note":
        weights.note.write_text("{")
    elif damage == "other files":
        weights.note.write_text(weights.note.read_text().replace("w.npy", "v.npy"))
    else:
        weights.path.unlink()
    assert not weights.ready
    with pytest.raises(MissingWeights):
        load_representation(rep)


def test_another_published_checksum_makes_weights_absent(rep: str, tmp_path: Path) -> None:
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    write_plugin(tmp_path, facts=f', "sha256": "{"0" * 64}"')
    assert not the_set(rep).ready


def test_a_full_disk_leaves_nothing(rep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Any, tensors: Any) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(conversion, "write_tensors", full)
    with pytest.raises(MirbenchError, match=r"cannot write .*big.safetensors: No space left"):
        add_weights(named_sets(rep).candidates, [Path("w.npy")])
    assert not list(the_set(rep).folder.iterdir())


def test_being_interrupted_keeps_the_old_weights(rep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    before = the_set(rep).path.read_bytes()

    def interrupted(file: Any, tensors: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(conversion, "write_tensors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add_weights(named_sets(rep).candidates, [Path("w.npy")])
    assert the_set(rep).ready
    assert the_set(rep).path.read_bytes() == before


def test_a_cache_that_cannot_be_written(rep: str, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MirbenchError, match=r"cannot write .*big.safetensors: (Not a dir|File ex)"):
        add_weights(named_sets(rep).candidates, [Path("w.npy")])


def test_several_processes_convert_at_once(rep: str, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from mirbench.benchmark.weights.add import add_weights;"
        "from mirbench.benchmark.runs.named_weights import named_sets;"
        "[add_weights(named_sets(sys.argv[1]).candidates, [Path('w.npy')]) for _ in range(5)]"
    )
    command = [sys.executable, "-c", program, rep]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert the_set(rep).ready
    assert load_representation(rep).values[-1] == 15
    assert not list(the_set(rep).folder.glob("*.tmp"))


def test_another_file_than_the_first_is_refused(rep: str, tmp_path: Path) -> None:
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    before = the_set(rep).path.read_bytes()
    Path("w.npy").write_bytes(array(2, 8, scale=5.0))
    with pytest.raises(DataError) as caught:
        add_weights(named_sets(rep).candidates, [Path("w.npy")])
    assert "when w.npy of big was seen first it had" in str(caught.value)
    record = tmp_path / "cache" / "weights" / "first_seen.json"
    assert f"delete the line of http://127.0.0.1:9/w.npy from {record}" in str(caught.value)
    assert the_set(rep).path.read_bytes() == before
    for path in the_set(rep).folder.iterdir():  # the record outlives the weights
        path.unlink()
    with pytest.raises(DataError, match="was seen first"):
        add_weights(named_sets(rep).candidates, [Path("w.npy")])
    record.write_text("{}")
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    record.write_text("[")
    with pytest.raises(MirbenchError, match="repair or delete it"):
        add_weights(named_sets(rep).candidates, [Path("w.npy")])


PLAIN = """
from mirbench.benchmark.api import weights_file
CARD = {"weights": {"one": {"licence": "CC0", "files": {"FILE": {"source": "https://x.org/FILE"}}}}}
def load_model(device="cpu", model="one"):
    from safetensors.numpy import load_file
    return load_file(weights_file("plain", "one"))
"""


def test_safetensors_need_no_conversion(rep: str) -> None:
    Path("plain.py").write_text(PLAIN.replace("FILE", "m.safetensors"))
    save_file({"w": np.ones(3, np.float16)}, "mine.safetensors")
    with pytest.raises(DataError, match=r"w\.npy is not a safetensors file"):
        add_weights(named_sets("plain.py").candidates, [Path("w.npy")])
    add_weights(named_sets("plain.py").candidates, [Path("mine.safetensors")])
    assert load_representation("plain.py")["w"].dtype == np.float16
    assert load_file("mine.safetensors").keys() == {"w"}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (PLAIN.replace("FILE", "m.pt"), "weights 'one' need a function convert_weights"),
        (
            PLAIN.replace("FILE", "m.safetensors").replace(
                'CARD = {"w', 'CARD = {"weights_parameter": "set", "w'
            ),
            "load_model has no parameter 'set' (weights_parameter)",
        ),
    ],
)
def test_cards_that_do_not_fit_their_module(rep: str, text: str, mistake: str) -> None:
    Path("plain.py").write_text(text)
    with pytest.raises(PluginError) as caught:
        load_representation("plain.py")
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ("return {}", "convert_weights of 'weighty' gave no tensors"),
        ("return {'a': 'text'}", "tensor 'a' is str, not an array"),
        ("return 3", "convert_weights of 'weighty' raised TypeError: 'int' object is not iter"),
        ("raise KeyError('w')", "convert_weights of 'weighty' raised KeyError: 'w'"),
        ("yield 'a', np.ones(1); raise OSError('odd')", "raised OSError: odd"),
    ],
)
def test_converters_that_fail(rep: str, body: str, mistake: str) -> None:
    text = Path(rep).read_text().replace("    tensors = {}\n", f"    {body}\n", 1)
    Path(rep).write_text(text)
    with pytest.raises(DataError) as caught:
        add_weights(named_sets(f"{rep}:big").candidates, [Path("w.npy")])
    assert mistake in str(caught.value)
    assert not the_set(rep).ready
    assert not list(the_set(rep).folder.glob("*.tmp"))


def test_tensors_may_come_one_by_one(rep: str) -> None:
    text = Path(rep).read_text().replace("    return tensors\n", "    return tensors.items()\n", 1)
    Path(rep).write_text(text)
    add_weights(named_sets(rep).candidates, [Path("w.npy")])
    assert load_representation(rep).values[-1] == 15
