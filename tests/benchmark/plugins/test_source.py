"""What is read off a plugin's source without importing it."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.plugins.source import Source, file_source, module_source, package_source


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def changes(source: Source, path: Path) -> bool:
    """Whether editing a file changes the digest."""

    def digest() -> str:
        return Source(source.path, source.root, source.package).digest()

    before, content = digest(), path.read_text()
    path.write_text(content + "\nEDITED = 1\n")
    after = digest()
    path.write_text(content)
    assert digest() == before
    return after != before


def test_a_file_and_its_neighbours(tmp_path: Path) -> None:
    plugin = write(tmp_path / "mine.py", "import numpy\nfrom near import f\nimport net.deep\n")
    near = write(tmp_path / "near.py", "def f():\n    import lazily\n")
    lazily = write(tmp_path / "lazily.py", "")
    deep = write(tmp_path / "net" / "deep.py", "")
    unrelated = write(tmp_path / "unrelated.py", "")
    source = file_source(plugin)
    assert source.files() == [lazily, plugin, near, deep]
    assert all(changes(source, path) for path in (plugin, near, lazily, deep))
    assert not changes(source, unrelated)


def test_a_neighbour_that_is_a_package_counts_whole(tmp_path: Path) -> None:
    plugin = write(tmp_path / "mine.py", "import net\n")
    write(tmp_path / "net" / "__init__.py", "")
    assert changes(file_source(plugin), write(tmp_path / "net" / "layers" / "conv.py", ""))


def test_a_cycle_of_imports_ends(tmp_path: Path) -> None:
    plugin = write(tmp_path / "mine.py", "import other\n")
    other = write(tmp_path / "other.py", "import mine\n")
    assert file_source(plugin).files() == [plugin, other]


def test_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "srcpkg"
    write(package / "__init__.py", "raise RuntimeError('must not be imported')\n")
    model = write(package / "model.py", "from .net import conv\nfrom srcpkg import tools\n")
    conv = write(package / "net" / "conv.py", "from ..deep.er import x\n")
    write(package / "net" / "__init__.py", "")
    tools = write(package / "tools.py", "")
    deeper = write(package / "deep" / "er.py", "")
    unrelated = write(package / "train.py", "")
    source = module_source("srcpkg.model")
    assert source.path == model
    assert all(changes(source, path) for path in (model, conv, tools, deeper))
    assert not changes(source, unrelated)
    assert module_source("srcpkg").path == package / "__init__.py"
    with pytest.raises(ModuleNotFoundError, match=r"srcpkg\.absent"):
        module_source("srcpkg.absent")
    with pytest.raises(ModuleNotFoundError):
        module_source("surely_absent")


def test_a_built_in_folder_of_modules(tmp_path: Path) -> None:
    init = write(tmp_path / "jukebox" / "__init__.py", "from own.shared import f\n")
    inner = write(tmp_path / "jukebox" / "prior.py", "")
    shared = write(tmp_path / "shared.py", "")
    other = write(tmp_path / "mfcc.py", "")
    source = package_source("own", tmp_path, "jukebox")
    assert all(changes(source, path) for path in (init, inner, shared))
    assert not changes(source, other)


def test_names_of_files_count(tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "mine.py", "import one\n")
    write(tmp_path / "a" / "one.py", "x = 1\n")
    two = write(tmp_path / "b" / "mine.py", "import two\n")
    write(tmp_path / "b" / "two.py", "x = 1\n")
    same = write(tmp_path / "c" / "mine.py", "import one\n")
    write(tmp_path / "c" / "one.py", "x = 1\n")
    digests = [file_source(path).digest() for path in (one, two, same)]
    assert digests[0] == digests[2] != digests[1]


def test_literals_and_parameters(tmp_path: Path) -> None:
    plugin = write(
        tmp_path / "mine.py",
        """
        CARD: dict = {"title": "Mine"}
        COMPUTED = dict(title="x")
        ODD = {[]: 1}

        def load_model(device="cpu", layer: int = 3, *, model="big", factor=-0.5, needed): ...
        """,
    )
    source = file_source(plugin)
    assert source.literal("CARD") == {"title": "Mine"}
    assert source.literal("COMPUTED") is None
    assert source.literal("ODD") is None
    assert source.literal("ABSENT") is None
    parameters = {"layer": 3, "model": "big", "factor": -0.5, "needed": None}
    assert source.parameters() == parameters
    assert source.defines("load_model")
    assert source.defines("COMPUTED")
    assert not source.defines("device")


@pytest.mark.parametrize("text", ["def load_model(**params): ...", "from x import load_model"])
def test_parameters_that_the_source_does_not_tell(tmp_path: Path, text: str) -> None:
    source = file_source(write(tmp_path / "mine.py", text))
    assert source.parameters() is None
    assert source.defines("load_model")


def test_an_edit_shows_whatever_the_clock_says(tmp_path: Path) -> None:
    plugin = write(tmp_path / "mine.py", "CARD = {'title': 'one'}\n")
    assert file_source(plugin).literal("CARD") == {"title": "one"}
    times = plugin.stat()
    write(plugin, "CARD = {'title': 'two'}\n")
    os.utime(plugin, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert plugin.stat().st_size == times.st_size
    assert file_source(plugin).literal("CARD") == {"title": "two"}


def test_a_text_is_parsed_once(tmp_path: Path) -> None:
    plugin = write(tmp_path / "mine.py", "def load_model(device='cpu'): ...\n")
    assert file_source(plugin).tree is file_source(plugin).tree


def test_source_that_cannot_be_parsed(tmp_path: Path) -> None:
    near = write(tmp_path / "near.py", "x = (\n")
    plugin = write(tmp_path / "mine.py", "import near\n")
    with pytest.raises(PluginError, match=r"near\.py, line 1: '\(' was never closed"):
        file_source(plugin).digest()
    near.write_bytes(b"x = '\xff'\n")
    with pytest.raises(PluginError, match=r"near\.py"):
        file_source(plugin).digest()
    near.write_bytes(b"x = 1\0\n")
    with pytest.raises(PluginError, match=r"near\.py"):
        file_source(plugin).digest()
