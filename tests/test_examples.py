"""What the documentation tells its readers to do works, and prints what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.examples import blocks, follow
from helpers.import_graph import ROOT

DOCS = ROOT / "docs"

#: Pages that are followed from the top.
FOLLOWED = ("batches", "embeddings", "layers", "tutorial", "windows")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all pages, so that the corpus is rendered once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLLOWED)
def test_a_page_can_be_followed(name: str, tmp_path: Path, cache: Path) -> None:
    # Nobody's defaults; caches of libraries stay, which take seconds to make.
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "MIRBENCH_DATA": ""}
    env = {"MIRBENCH_CACHE": str(cache)} | config
    follow(DOCS / f"{name}.md", tmp_path, env)


def test_every_page_with_marked_examples_is_followed() -> None:
    marked = {
        path.stem
        for path in DOCS.glob("*.md")
        if any(block.language == "sh" for block in blocks(path))
    }
    assert marked == set(FOLLOWED)


def test_following_finds_mistakes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\necho one 1; echo two\n```\n\n```text\none 2\n…\ntwo\n```\n")
    follow(page, tmp_path, {})
    page.write_text("```sh\necho one; echo two\n```\n\n```text\ntwo\none\n```\n")
    with pytest.raises(AssertionError, match="line 5: not printed, or not here: one"):
        follow(page, tmp_path, {})
    page.write_text('```python title="a.py"\nx = 1\n```\n\n```python\nimport a\na.y\n```\n')
    with pytest.raises(AssertionError, match=r"page.md, line 5: exit status 1(.|\n)*no attribute"):
        follow(page, tmp_path, {})
    page.write_text("<!-- tests: not run: why -->\n```sh\nfalse\n```\n\n```sh\nfalse\n```\n")
    with pytest.raises(AssertionError, match="line 6"):
        follow(page, tmp_path, {})
