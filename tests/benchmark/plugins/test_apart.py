"""What a plugin file imports from its own folder is its alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mirbench.benchmark.registry import load_representation, parse_representation

MODEL = """
{head}

class Model:
    sample_rate = 8000
    dims = 1

    def embed(self, audio, sr):
        {lazy}
        return value()

def load_model(device="cpu"):
    return Model()
"""

HELPER = "import numpy as np\ndef value():\n    return np.array([{number}], np.float32)\n"


def write(folder: Path, number: int, how: str, name: str = "model") -> str:
    """Write a plugin whose embedding is a number that its neighbour gives; and name it."""
    package = {"a module": "net.py", "a package": "net/__init__.py", "a namespace": "net/deep.py"}
    place = folder / package.get(how, "net.py")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(HELPER.format(number=number))
    line = "from net.deep import value" if how == "a namespace" else "from net import value"
    if how == "a module of a package":
        (folder / "net.py").unlink()
        (folder / "net").mkdir()
        (folder / "net" / "__init__.py").write_text("from net.inner import value\n")
        (folder / "net" / "inner.py").write_text(HELPER.format(number=number))
    lazy = how == "when it is needed"
    path = folder / f"{name}.py"
    path.write_text(MODEL.format(head="" if lazy else line, lazy=line if lazy else "pass"))
    return str(path)


def embedded(name: str) -> float:
    spec = parse_representation(name)
    model = spec.load()
    with spec.plugin.running():
        return float(model.embed(np.zeros(8000, np.float32), 8000)[0])


@pytest.mark.parametrize(
    "how",
    ["a module", "a package", "a namespace", "a module of a package", "when it is needed"],
)
def test_each_plugin_has_its_own_neighbour(how: str, tmp_path: Path) -> None:
    first = write(tmp_path / "a", 1, how, "model_a")
    second = write(tmp_path / "b", 2, how, "model_b")
    assert [embedded(name) for name in (first, second, first)] == [1, 2, 1]
    assert "net" not in sys.modules
    assert not {str(tmp_path / "a"), str(tmp_path / "b")} & set(sys.path)


def test_two_models_at_once_keep_their_neighbours(tmp_path: Path) -> None:
    names = [write(tmp_path / f"{n}", n, "when it is needed", f"m{n}") for n in (1, 2)]
    specs = [parse_representation(name) for name in names]
    models = [spec.load() for spec in specs]
    for _ in range(2):
        for number, spec, model in zip((1, 2), specs, models, strict=True):
            with spec.plugin.running():
                assert model.embed(np.zeros(8, np.float32), 8000)[0] == number


def test_a_neighbour_comes_before_an_installed_package_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "net").mkdir(parents=True)
    (site / "net" / "__init__.py").write_text(HELPER.format(number=9))
    monkeypatch.syspath_prepend(site)
    import net  # type: ignore[import-not-found]

    assert embedded(write(tmp_path / "a", 1, "a module")) == 1
    assert sys.modules["net"] is net  # and it is everybody else's as before
    assert net.value()[0] == 9
    del sys.modules["net"]


def test_a_neighbour_that_is_edited_is_imported_anew(tmp_path: Path) -> None:
    name = write(tmp_path / "a", 1, "a module")
    assert embedded(name) == 1
    (tmp_path / "a" / "net.py").write_text(HELPER.format(number=3))
    assert embedded(name) == 3


def test_the_standard_library_stays_what_it_is(tmp_path: Path) -> None:
    """Other packages count on it: a neighbour called ``random.py`` is not taken for it."""
    name = write(tmp_path / "a", 1, "a module")
    (tmp_path / "a" / "random.py").write_text("raise RuntimeError('not the library')\n")
    assert embedded(name) == 1
    code = (
        "import sys; from mirbench.benchmark.registry import load_representation as load;"
        "load(sys.argv[1]); import random; print(random.random() < 1)"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_plugins_of_the_same_name_in_two_folders(tmp_path: Path) -> None:
    first = write(tmp_path / "a", 1, "a module", "model")
    second = write(tmp_path / "b", 2, "a module", "model")
    assert [embedded(name) for name in (first, second, first)] == [1, 2, 1]


def test_an_error_while_loading_leaves_nothing_behind(tmp_path: Path) -> None:
    name = write(tmp_path / "a", 1, "a module")
    (tmp_path / "a" / "net.py").write_text("import nowhere_at_all\n")
    before = list(sys.path)
    with pytest.raises(Exception, match="nowhere_at_all"):
        load_representation(name)
    assert sys.path == before
    assert "net" not in sys.modules


def test_a_folder_that_plugins_put_on_the_path_is_their_own(tmp_path: Path) -> None:
    names = []
    for number, place in ((1, "a"), (2, "b")):
        source = tmp_path / place / "src"
        source.mkdir(parents=True)
        (source / "net.py").write_text(HELPER.format(number=number))
        head = (
            "import sys; from pathlib import Path\n"
            "sys.path.insert(0, str(Path(__file__).parent / 'src'))\nfrom net import value"
        )
        path = tmp_path / place / f"plug_{place}.py"
        path.write_text(MODEL.format(head=head, lazy="from net import value as value"))
        names.append(str(path))
    before = list(sys.path)
    assert [embedded(name) for name in [*names, *names]] == [1, 2, 1, 2]
    assert sys.path == before


def test_a_folder_named_like_an_installed_package_is_none_of_it(tmp_path: Path) -> None:
    """A clone beside the plugin, say, whose ``setup.py`` makes no package of it."""
    name = write(tmp_path / "a", 1, "a module")
    (tmp_path / "a" / "soxr").mkdir()
    (tmp_path / "a" / "soxr" / "setup.py").write_text("")
    code = (
        "import soxr, sys; from mirbench.benchmark.registry import load_representation as load;"
        "load(sys.argv[1]); import soxr as again; print(again is soxr)"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
