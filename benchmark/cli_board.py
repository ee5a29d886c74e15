"""``mirbench leaderboard``: render result rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.api import UsageError

board = typer.Typer(help="The leaderboard.", no_args_is_help=True)


@board.command("build")
def leaderboard_build(
    results: Annotated[
        Path | None,
        typer.Option("--results", help="Folder of rows [default: as run]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the pages go [default: beside the rows]")
    ] = None,
) -> None:
    """Render README.md and index.html from result rows."""
    from mirbench.benchmark.jobs import default_out
    from mirbench.benchmark.protocol import CASTELLON2021
    from mirbench.leaderboard import build_pages

    folder = results or default_out(CASTELLON2021)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; name one with --results")
    for path in build_pages(folder, out or page_folder(folder)):
        typer.echo(f"wrote {path}")


def page_folder(results: Path) -> Path:
    """Give the folder of the pages: above the rows in a checkout, else beside them."""
    own = results.name == "results" and results.parent.name == "leaderboard"
    return results.parent if own else results
