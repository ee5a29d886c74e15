"""No page may load anything from another host: the build fails if one does."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

#: Attributes by which a page loads something, by tag; what a reader clicks on is not loaded.
LOADING = {
    "audio": {"src"},
    "embed": {"src"},
    "iframe": {"src"},
    "image": {"href", "xlink:href"},
    "img": {"src", "srcset"},
    "input": {"src"},
    "object": {"data"},
    "script": {"src"},
    "source": {"src", "srcset"},
    "use": {"href", "xlink:href"},
    "video": {"src", "poster"},
}

#: Kinds of <link> that a browser follows by itself.
FOLLOWED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest"}

FOREIGN = re.compile(r"^\s*(https?:)?//")
IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""")


class _Loads(HTMLParser):
    """Addresses on other hosts that a page loads from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        loading = set(LOADING.get(tag, ()))
        if tag == "link" and set(told.get("rel", "").split()) & FOLLOWED:
            loading.add("href")
        self.found += [told[name] for name in loading & set(told) if FOREIGN.match(told[name])]
        self.found += IN_STYLE.findall(told.get("style", ""))


def foreign(text: str) -> list[str]:
    """Addresses on other hosts that an HTML page loads from."""
    parser = _Loads()
    parser.feed(text)
    return parser.found + IN_STYLE.findall(text)


def on_post_build(config: MkDocsConfig) -> None:
    """Look through every page and style sheet that was written."""
    from mkdocs.exceptions import PluginError

    site = Path(config.site_dir)
    for path in sorted(site.rglob("*")):
        if path.suffix == ".html":
            found = foreign(path.read_text(encoding="utf-8"))
        elif path.suffix == ".css":
            found = IN_STYLE.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        if found:
            name = path.relative_to(site)
            raise PluginError(f"{name} loads from another host: {', '.join(sorted(set(found)))}")
