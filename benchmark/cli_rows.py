"""What a command that writes result rows prints at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.cli_board import page_folder

if TYPE_CHECKING:
    from mirbench.benchmark.runner import Row


def report_rows(rows: Sequence[Row]) -> None:
    """Print rows as a table and render the leaderboard that they belong to."""
    if not rows:
        return
    from mirbench.benchmark.reports import row_table
    from mirbench.leaderboard import build_pages

    typer.echo(row_table(rows))
    folder = rows[0].path.parent.parent
    typer.echo(f"rows: {folder}")
    try:
        typer.echo(f"leaderboard: {build_pages(folder, page_folder(folder))[-1]}")
    except MirbenchError as error:  # the rows are written; a page can be rendered later
        typer.echo(f"mirbench: the leaderboard was not rendered: {error}", err=True)
