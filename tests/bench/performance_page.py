"""``docs/performance.md``: every benchmark owns what stands between its two markers there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def write_section(name: str, lines: Sequence[str], page: Path = PAGE) -> None:
    """Replace the section ``<!-- bench:name -->`` of the page; the rest stays as it is."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{page} must have the markers {begin} and {end}, once")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    section = "\n".join([begin, *lines, end])
    page.write_text(before + section + after, encoding="utf-8")
