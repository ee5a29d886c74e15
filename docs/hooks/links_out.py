"""Links between pages of the repository work on GitHub as they are, and are made to work here.

Some pages outside ``docs/`` are pages of the site, too. A link to any other file of the
repository leads to GitHub; one to a file that there is not stays, and a strict build fails.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
BLOB = "https://github.com/mirbench/mirbench/blob/main/"

#: Pages of the site, by the file of the repository that they are.
ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "splits/README.md": "splits.md",
}

#: What else has a place on the site, as it is.
COPIED = {"leaderboard/index.html": "board/index.html"}

#: Where a link leads that has a better place here.
INSTEAD = {"README.md": "index.md", "leaderboard/README.md": "board/index.html"}

FENCE = re.compile(r"^ *(```|~~~)")
LINK = re.compile(r"(?<!`)\]\((?!\w+:)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files from outside ``docs/``."""
    from mkdocs.structure.files import File

    for source, place in {**ELSEWHERE, **COPIED}.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links out of ``docs/`` to where they lead on the site, or to GitHub."""
    place = page.file.src_uri
    return led(markdown, place)


def led(markdown: str, place: str) -> str:
    """Lead the links of a page, by its place on the site; blocks of code stay as they are."""
    sources = {target: source for source, target in ELSEWHERE.items()}
    source = sources.get(place, f"docs/{place}")
    lines, fenced = [], False
    for line in markdown.split("\n"):
        fenced ^= FENCE.match(line) is not None
        lines.append(line if fenced else LINK.sub(lambda m: _led(m, source, place), line))
    return "\n".join(lines)


def _led(match: re.Match[str], source: str, place: str) -> str:
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
    anchor = match[2] or ""
    target = ELSEWHERE.get(path) or INSTEAD.get(path)
    if target is None and path.startswith("docs/") and (ROOT / path).is_file():
        target = path.removeprefix("docs/")
    if target is not None:
        return f"]({os.path.relpath(target, posixpath.dirname(place) or '.')}{anchor})"
    if (ROOT / path).exists():
        return f"]({BLOB}{path}{anchor})"
    return match[0]
