"""Where result rows go, and the pages that are rendered from them."""

from __future__ import annotations

import os
from pathlib import Path

from mirbench.benchmark.protocol import AnyProtocol


def default_out(
    protocol: AnyProtocol, here: Path | None = None, limit: int | None = None, live: bool = False
) -> Path:
    """Locate the folder of rows: the board's own in a checkout, else ``./mirbench-results``.

    Only rows that the board can take go into a checkout by default.

    Parameters
    ----------
    protocol : AnyProtocol
        The board has no tables of some.
    here : Path, optional
        Default: the current folder.
    limit : int, optional
        Of rows on the first clips only, how many per split: these stay out.
    live : bool
        Whether rows are of a model object, which nobody can repeat: these stay out.
    """
    here = here or Path.cwd()
    board = here / "leaderboard" / "results"
    project = here / "pyproject.toml"
    checkout = board.is_dir() and project.is_file()
    kept = protocol.on_board and limit is None and not live
    if kept and checkout and 'name = "mirbench"' in project.read_text("utf-8"):
        return board
    return here / "mirbench-results"


def page_folder(results: Path) -> Path:
    """Locate the folder of the pages: above the rows in a checkout, else beside them."""
    absolute = Path(os.path.abspath(results))  # "." and "results" have their places, too
    if absolute.parts[-2:] != ("leaderboard", "results"):
        return results
    return results.parent if results.name == "results" else absolute.parent
