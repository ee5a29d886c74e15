"""How pages are rendered: templates in which every text of a row is escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from mirbench.leaderboard.escaping import html


def page_environment() -> Environment:
    """Open the templates; their filter ``text`` is `escaping.html`."""
    environment = Environment(
        loader=PackageLoader("mirbench.leaderboard"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["text"] = html
    return environment
