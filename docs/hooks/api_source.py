"""The reference is read off the source, which is not imported, hence needs nothing installed.

The checkout is no folder ``mirbench``, as a reader of packages expects, so one is made of
links to its packages.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("benchmark", "leaderboard")

_made = tempfile.TemporaryDirectory(prefix="mirbench-docs-")


@event_priority(100)  # before mkdocstrings reads its settings
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Say where the packages are."""
    package = Path(_made.name) / "mirbench"
    package.mkdir(exist_ok=True)
    for name in PACKAGES:
        link = package / name
        if not link.exists():
            link.symlink_to(ROOT / name, target_is_directory=True)
    handlers = config.plugins["mkdocstrings"].config["handlers"]
    handlers["python"]["paths"] = [_made.name]
    return config
