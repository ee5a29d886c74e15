"""The documentation site: what a strict build cannot see by itself."""

from __future__ import annotations

import configparser
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from helpers.import_graph import ROOT

DOCS = ROOT / "docs"


def hook(name: str) -> ModuleType:
    """Load a hook of mkdocs.yml, which needs MkDocs only once it is called by it."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ci_builds_it_strictly() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    assert "docs" in tox["tox"]["env_list"].replace(" ", "").split(",")
    assert tox["testenv:docs"]["commands"].startswith("mkdocs build --strict ")


def test_every_hook_is_used() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in (DOCS / "hooks").glob("*.py"):
        assert f"  - docs/hooks/{path.name}\n" in text


def test_a_folder_in_the_nav_stands_for_its_pages(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for name in ("b.md", "README.md", "a.md", "notes.toml"):
        (tmp_path / "tasks" / name).write_text("x")
    content = hook("nav_folders")._content([{"Tasks": "tasks/"}, {"Home": "index.md"}], tmp_path)
    pages = ["tasks/README.md", {"a": "tasks/a.md"}, {"b": "tasks/b.md"}]
    assert content == [{"Tasks": pages}, {"Home": "index.md"}]


@pytest.mark.parametrize(
    ("place", "link", "led"),
    [
        ("sweep.md", "store.md#parts", "store.md#parts"),
        ("adapters.md", "../CONTRIBUTING.md#a", "contributing.md#a"),
        ("tasks/gtzan.md", "../../splits/README.md", "../splits.md"),
        ("protocols.md", "../README.md", "index.md"),
        ("contributing.md", "docs/sweep.md", "sweep.md"),
        ("contributing.md", "leaderboard/README.md", "board/index.html"),
        ("splits.md", "../docs/datasets.md", "datasets.md"),
        (
            "tasks/gtzan.md",
            "../../LICENSE",
            "https://github.com/mirbench/mirbench/blob/main/LICENSE",
        ),
        ("sweep.md", "../no-such-file.md", "../no-such-file.md"),
        ("sweep.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_links_lead_somewhere_on_the_site_too(place: str, link: str, led: str) -> None:
    lead = hook("links_out").led
    assert lead(f"a [b]({link}) c", place) == f"a [b]({led}) c"
    fenced = f"```\na [b]({link}) c\n```"
    assert lead(fenced, place) == fenced


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ["https://cdn.example/x.js"]),
        ('<img src="//images.example/x.png">', ["//images.example/x.png"]),
        ('<link rel="preconnect" href="https://fonts.example">', ["https://fonts.example"]),
        ("<style>a{background:url('https://b.example/c')}</style>", ["https://b.example/c"]),
        ('<p style="background:url(//b.example/c)">', ["//b.example/c"]),
        ('<a href="https://github.com">x</a><link rel="canonical" href="https://y.example">', []),
        ('<script src="assets/x.js"></script><img src="data:image/png;base64,">', []),
    ],
)
def test_what_a_page_loads_from_other_hosts_is_found(html: str, found: list[str]) -> None:
    assert hook("own_host_only").foreign(html)[:1] == found
