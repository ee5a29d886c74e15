"""What a command that writes result rows prints at its end, or beforehand by ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.evaluation.places import page_folder

if TYPE_CHECKING:
    from mirbench.benchmark.result import Row


def report_rows(rows: Sequence[Row]) -> None:
    """Print rows as a table and render the leaderboard that they belong to."""
    if not rows:
        return
    from mirbench.benchmark.cli.tables import row_table
    from mirbench.leaderboard import refresh_pages

    typer.echo(row_table(rows))
    if rows[0].result.protocol.limit is not None:
        typer.echo("\n".join(f"row: {row.path}" for row in rows))
        return
    folder = rows[0].path.parent.parent
    typer.echo(f"rows: {folder}")
    try:
        pages = {page.name: page for page in refresh_pages(folder, page_folder(folder))}
        typer.echo(f"leaderboard: {pages['index.html']}")
    except MirbenchError as error:  # the rows are written; a page can be rendered later
        typer.echo(f"mirbench: the leaderboard was not rendered: {error}", err=True)


def report_plan(
    rep: Sequence[str],
    task: Sequence[str] | None,
    *,
    part: str | None,
    deform: Sequence[str] | None = None,
    limit: int | None = None,
    **options: Any,
) -> None:
    """Print what a run would do; the other options are those of `runs.dry_run.dry_run`.

    Raises
    ------
    UsageError
        If a part of the run is asked for, or deformed clips, or a few.
    MirbenchError
        If some of it would not be run, with the reasons.
    """
    if part is not None:
        raise UsageError("--dry-run tells of the whole run: leave --part out, and divide by N")
    if deform:
        raise UsageError("--dry-run tells of the run on clean clips: leave --deform out")
    if limit is not None:
        raise UsageError("--dry-run tells of the run on all clips: leave --limit out")
    from mirbench.benchmark.cli.tables import plan_table
    from mirbench.benchmark.runs.dry_run import dry_run

    missing: list[str] = []
    plans = dry_run(rep, task, on_missing=missing.append, **options)
    typer.echo(plan_table(list(plans)))
    if missing:
        raise MirbenchError("\n".join(["would not be run:", *missing]))
