"""docs/models.md knows every name, and every checkpoint that a name stands for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.hub_cache import STANDS_IN

from mirbench.benchmark.plugins.finding import find_plugin, find_plugins

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")

#: What is told of a name: dims, layer, weights, licence, seconds, how it was verified.
CELLS = 7


def rows() -> dict[str, list[str]]:
    """Cells of the rows of the tables of names, by the name that a row begins with."""
    found = {}
    for line in PAGE.splitlines():
        match = re.match(r"\| `(\w+)(?:`|:)", line)
        if match and match[1] not in found:
            found[match[1]] = [cell.strip() for cell in line.strip("|").split(" | ")]
    return found


def test_every_built_in_name_has_a_whole_row() -> None:
    names = {
        plugin.name
        for plugin in find_plugins("representation")
        if plugin.origin == "built-in" and "adapter" not in plugin.card()
    }
    modules = (ROOT / "examples" / "wheels" / "mirbench_wheels").glob("[!_]*.py")
    names |= {module.stem for module in modules}
    assert {"chroma", "mert", "resemblyzer"} <= names == set(rows())
    for name, cells in rows().items():
        assert len(cells) == CELLS, name
        assert all(cells), name
        assert re.search(r"weights|librosa", cells[-1]), name


@pytest.mark.parametrize("name", STANDS_IN)
def test_every_checkpoint_is_named_beside_its_name(name: str) -> None:
    models = find_plugin("representation", name).load_module().MODELS
    first, *others = models.ids
    told = rows()[name][1]
    assert told.startswith(f"`{models.ids[first]}`")
    for model in others:
        assert re.search(rf"`(model=)?{re.escape(model)}`: `{models.ids[model]}`", told), model


def test_the_readme_points_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/models.md)" in readme
