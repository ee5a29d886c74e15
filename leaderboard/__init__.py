"""The leaderboard: result rows in, Markdown and HTML out.

``from mirbench.leaderboard import load_results`` gives the rows as a tidy
pandas DataFrame; it is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirbench.leaderboard.build import build_pages, refresh_pages, stale_pages
    from mirbench.leaderboard.frame import load_results

__all__ = ["build_pages", "load_results", "refresh_pages", "stale_pages"]


def __getattr__(name: str) -> Any:
    if name == "load_results":
        from mirbench.leaderboard.frame import load_results

        return load_results
    if name in ("build_pages", "refresh_pages", "stale_pages"):
        from mirbench.leaderboard import build

        return getattr(build, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
