"""A fingerprint covers what a model reads and the packages that are edited beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.here import embed_here
from helpers.pairs import embed_clips_of

from mirbench.benchmark.api import Clip
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.registry import load_task, parse_representation

if TYPE_CHECKING:
    from conftest import TinyPackage

PLUGIN = """
import json
from pathlib import Path
import numpy as np
{head}
HERE = Path(__file__).parent

class Model:
    sample_rate = 8000
    dims = 2

    def __init__(self):
        self.scale = {load}

    def embed(self, audio, sr):
        scale = {late}
        return np.array([scale, audio.mean()], np.float32)

def load_model(device="cpu"):
    return Model()
"""

#: How a plugin gets at a number: when it is loaded, when it embeds, and its imports.
WAYS = {
    "numpy beside it": ("float(np.load(HERE / 'w.npy')[0])", "self.scale", ""),
    "npz beside it": ("float(np.load(HERE / 'w.npz')['a'][0])", "self.scale", ""),
    "json when it embeds": ("0", "json.loads((HERE / 'w.json').read_text())", ""),
    "text below it": ("float((HERE / 'data' / 'w.txt').read_text())", "self.scale", ""),
    "safetensors": ("float(load_file(HERE / 'w.st')['a'][0])", "self.scale",
                    "from safetensors.numpy import load_file"),
    "hdf5": ("float(h5py.File(HERE / 'w.h5')['a'][0])", "self.scale", "import h5py"),
    "torch": ("float(torch.load(HERE / 'w.pt', weights_only=True)['a'][0])", "self.scale",
              "import torch"),
    "memory map": ("float(np.memmap(HERE / 'w.bin', np.float32, 'r')[0])", "self.scale", ""),
    "a file elsewhere": ("float(np.load(HERE.parent / 'elsewhere' / 'w.npy')[0])", "self.scale",
                         ""),
}  # fmt: skip


def write_number(folder: Path, number: float) -> None:
    """Write a number in every way that a plugin may read it."""
    import h5py
    import torch
    from safetensors.numpy import save_file

    array = np.array([number], np.float32)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder.parent / "elsewhere").mkdir(exist_ok=True)
    np.save(folder / "w.npy", array)
    np.save(folder.parent / "elsewhere" / "w.npy", array)
    np.savez(folder / "w.npz", a=array)
    (folder / "w.json").write_text(json.dumps(number))
    (folder / "data" / "w.txt").write_text(str(number))
    save_file({"a": array}, folder / "w.st")
    with h5py.File(folder / "w.h5", "w") as file:
        file["a"] = array
    torch.save({"a": torch.from_numpy(array)}, folder / "w.pt")
    array.tofile(folder / "w.bin")
    past = 1_600_000_000 + int(number)  # as if written long ago
    for path in [*folder.rglob("*"), *(folder.parent / "elsewhere").iterdir()]:
        os.utime(path, (past, past))


@pytest.fixture
def clips(tiny: TinyPackage) -> list[Clip]:
    return read_clips(load_task("tinytask"), tiny.data / "tinytask")[:3]


@pytest.fixture
def embed(clips: list[Clip], tmp_path: Path) -> Callable[[Path], Embeddings]:
    def embed(plugin: Path, jobs: int = 1) -> Embeddings:
        spec = parse_representation(str(plugin), tmp_path / "cache")
        task, cache = load_task("tinytask"), tmp_path / "cache"
        return embed_clips_of(spec, task, clips, cache, watched=True, jobs=jobs)

    return embed


@pytest.mark.parametrize("way", WAYS)
def test_what_a_model_reads_is_part_of_it(
    way: str, embed: Callable[..., Embeddings], tmp_path: Path
) -> None:
    load, late, head = WAYS[way]
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    plugin.write_text(PLUGIN.format(load=load, late=late, head=head))
    first = embed(plugin)
    assert first.matrix()[:, 0].tolist() == [1, 1, 1]
    assert embed(plugin).computed == 0
    write_number(folder, 2.0)
    again = embed(plugin)
    assert again.matrix()[:, 0].tolist() == [2, 2, 2]
    assert again.computed == 3
    write_number(folder, 1.0)  # as it was
    assert embed(plugin).computed == 0


def test_a_file_that_only_its_time_has_changed_of_is_the_same(
    embed: Callable[..., Embeddings], tmp_path: Path
) -> None:
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    load, late, head = WAYS["numpy beside it"]
    plugin.write_text(PLUGIN.format(load=load, late=late, head=head))
    embed(plugin)
    os.utime(folder / "w.npy")
    assert embed(plugin).computed == 0


def test_what_a_model_writes_is_no_part_of_it(
    embed: Callable[..., Embeddings], tmp_path: Path
) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    plugin = folder / "mine.py"
    log = "(HERE / 'log.txt').open('a').write('x') and 0"
    plugin.write_text(PLUGIN.format(load="0", late=log, head=""))
    embed(plugin)
    assert embed(plugin).computed == 0


def test_a_file_that_is_read_late_counts_from_then_on(
    embed: Callable[..., Embeddings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    late = "json.loads((HERE / 'w.json').read_text()) if abs(audio[0]) != FIRST[0] else 0"
    head = "FIRST = []"
    text = PLUGIN.format(load="0", late=late, head=head)
    plugin.write_text(
        text.replace(
            "        scale =", "        FIRST or FIRST.append(abs(audio[0]))\n        scale ="
        )
    )
    embed(plugin)
    assert "reads files that it did not read at first (w.json)" in capsys.readouterr().err
    assert embed(plugin).computed == 3
    assert embed(plugin).computed == 0
    write_number(folder, 2.0)
    assert embed(plugin).computed == 3


@pytest.mark.parametrize("place", ["package", "module", "imported by another"])
def test_a_package_under_development_is_part_of_what_imports_it(
    place: str, embed: Callable[..., Embeddings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "mynet").mkdir(parents=True)
    edited = {
        "package": site / "mynet" / "__init__.py",
        "module": site / "mymodule.py",
        "imported by another": site / "mylayers.py",
    }[place]
    (site / "mynet" / "__init__.py").write_text("")
    name = {"package": "mynet", "module": "mymodule"}.get(place, "mynet")
    if place == "imported by another":
        (site / "mynet" / "__init__.py").write_text("from mylayers import SCALE\n")
    edited.write_text("SCALE = 1.0\n")
    monkeypatch.syspath_prepend(site)
    plugin = tmp_path / "wrap.py"
    plugin.write_text(PLUGIN.format(load=f"{name}.SCALE", late="self.scale", head=f"import {name}"))
    assert embed(plugin).matrix()[0, 0] == 1
    assert embed(plugin).computed == 0
    edited.write_text("SCALE = 2.0\n")
    assert embed(plugin).matrix()[0, 0] == 2


def test_where_the_files_are_absent_the_embeddings_are_found(
    embed: Callable[..., Embeddings], tmp_path: Path
) -> None:
    """As on a laptop, to which a store was copied."""
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    load, late, head = WAYS["numpy beside it"]
    plugin.write_text(PLUGIN.format(load=load, late=late, head=head))
    embed(plugin)
    fingerprint = parse_representation(str(plugin), tmp_path / "cache").fingerprint()
    (folder / "w.npy").unlink()
    assert parse_representation(str(plugin), tmp_path / "cache").fingerprint() == fingerprint


def test_a_damaged_record_is_made_again(embed: Callable[..., Embeddings], tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    load, late, head = WAYS["numpy beside it"]
    plugin.write_text(PLUGIN.format(load=load, late=late, head=head))
    embed(plugin)
    (record,) = (tmp_path / "cache" / "made_from").glob("*.json")
    record.write_text(record.read_text().replace("w.npy", "v.npy"))
    assert embed(plugin).computed == 0
    assert "w.npy" in record.read_text()


HELPER = """
from pathlib import Path
import numpy as np
W = float(np.load(Path(__file__).with_name("w.npy"))[0])
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_neighbour_reads_when_it_is_imported(
    jobs: int, embed: Callable[..., Embeddings], tmp_path: Path
) -> None:
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    (folder / "helper.py").write_text(HELPER)
    plugin = folder / "mine.py"
    head = "import helper"
    plugin.write_text(PLUGIN.format(load="helper.W", late="self.scale", head=head))
    assert embed(plugin, jobs).matrix()[0, 0] == 1
    write_number(folder, 2.0)
    assert embed(plugin, jobs).matrix()[:, 0].tolist() == [2, 2, 2]


def test_two_files_of_one_name_both_count(embed: Callable[..., Embeddings], tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    for place in ("x", "y"):
        (tmp_path / place).mkdir()
    load = "sum(float((HERE.parent / p / 'w.txt').read_text()) for p in 'xy')"
    plugin.write_text(PLUGIN.format(load=load, late="self.scale", head=""))
    for number, place in ((1, "x"), (10, "y")):
        (tmp_path / place / "w.txt").write_text(str(number))
        os.utime(tmp_path / place / "w.txt", (1e9, 1e9))
    assert embed(plugin).matrix()[0, 0] == 11
    (tmp_path / "x" / "w.txt").write_text("2")
    os.utime(tmp_path / "x" / "w.txt", (1.1e9, 1.1e9))
    assert embed(plugin).matrix()[0, 0] == 12


def test_the_audio_beside_a_plugin_is_no_part_of_it(
    embed: Callable[..., Embeddings], clips: list[Clip], tmp_path: Path
) -> None:
    assert clips[0].path is not None
    plugin = clips[0].path.parent / "mine.py"
    try:
        plugin.write_text(PLUGIN.format(load="0", late="0", head=""))
        embed(plugin)
        (record,) = (tmp_path / "cache" / "made_from").glob("*.json")
        assert json.loads(record.read_text())["files"] == []
    finally:
        plugin.unlink()


@pytest.mark.parametrize("when", ["when it is loaded", "when it embeds"])
@pytest.mark.parametrize("lag", [0.0, 0.3], ids=["at once", "clocks far apart"])
def test_weights_that_are_downloaded_at_first_count(
    lag: float,
    when: str,
    embed: Callable[..., Embeddings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A machine that is fast enough looks a second time while the file still seems new: with
    # clocks far apart, each does.
    if lag:
        embed_here(monkeypatch)
        monkeypatch.setattr("mirbench.benchmark.embedding.reading.CLOCKS_APART", lag)
        monkeypatch.setattr("mirbench.benchmark.embedding.learn.CLOCKS_APART", lag)
    folder = tmp_path / "plugin"
    folder.mkdir()
    plugin = folder / "mine.py"
    head = "from os import path\ndef fetched(p):\n    p.exists() or p.write_text('1')\n    return p"
    number = "float(fetched(HERE / 'w.txt').read_text())"
    load, late = (number, "self.scale") if when == "when it is loaded" else ("0", number)
    plugin.write_text(PLUGIN.format(load=load, late=late, head=head))
    assert embed(plugin).matrix()[0, 0] == 1
    assert embed(plugin).computed == 0
    (folder / "w.txt").write_text("2")
    assert embed(plugin).matrix()[0, 0] == 2


def test_an_unusable_first_clip_and_weights_that_are_read_late(
    embed: Callable[..., Embeddings], clips: list[Clip], tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    clips[0] = Clip(clips[0].id, tmp_path / "empty.wav", clips[0].label, clips[0].group)
    folder = tmp_path / "plugin"
    write_number(folder, 1.0)
    plugin = folder / "mine.py"
    late = "json.loads((HERE / 'w.json').read_text())"
    plugin.write_text(PLUGIN.format(load="0", late=late, head=""))
    assert embed(plugin).matrix()[:, 0].tolist() == [1, 1]
    write_number(folder, 2.0)
    assert embed(plugin).matrix()[:, 0].tolist() == [2, 2]


def test_a_template_in_a_package_under_development_is_no_obstacle(
    embed: Callable[..., Embeddings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "devpackage"
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").write_text("SCALE = 1\n")
    (package / "templates" / "t.py").write_text("{{ name }} = not python\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    plugin = tmp_path / "wrap.py"
    head = "import devpackage"
    plugin.write_text(PLUGIN.format(load="devpackage.SCALE", late="self.scale", head=head))
    assert embed(plugin).matrix()[0, 0] == 1
