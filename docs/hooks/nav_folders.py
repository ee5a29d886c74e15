"""A folder in the nav of mkdocs.yml, ``tasks/``, stands for every page in it, the index first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the folders of the nav."""
    docs = Path(config.docs_dir)
    config.nav = [_filled(entry, docs) for entry in config.nav or []]
    return config


def _filled(entry: Any, docs: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {title: _content(value, docs) for title, value in entry.items()}


def _content(value: Any, docs: Path) -> Any:
    if isinstance(value, list):
        return [_filled(entry, docs) for entry in value]
    if not str(value).endswith("/"):
        return value
    pages = [path.stem for path in sorted((docs / value).glob("*.md")) if path.stem != "README"]
    return [f"{value}README.md", *({page: f"{value}{page}.md"} for page in pages)]
