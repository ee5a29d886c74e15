"""``mirbench leaderboard validate`` and ``submit``: rows from others, and rows for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.cli.board import board
from mirbench.benchmark.cli.options import Data
from mirbench.benchmark.evaluation.places import page_folder
from mirbench.benchmark.progress import count

__all__ = ["board"]


@board.command("validate")
def leaderboard_validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="Rows, or folders with rows")
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            "--board", help="Folder of rows to compare with [default: the folder of the files]"
        ),
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only rows that are not on --board, byte for byte")
    ] = False,
    data: Data = None,
) -> None:
    """Check result rows: say for each file what is wrong and how to mend it."""
    from mirbench.benchmark.submissions.validation import validate, withdrawn
    from mirbench.benchmark.submissions.verdict import verdict_lines

    if changed and (against is None or len(files) != 1):
        raise UsageError("--changed compares one folder with the one that --board names")
    verdicts = list(validate(files, against, changed, data))
    for line in verdict_lines(verdicts):
        typer.echo(line)
    for place in withdrawn(files[0], against) if changed and against else ():
        typer.echo(f"withdrawn {place}")
    if not all(verdict.accepted for verdict in verdicts):
        raise MirbenchError("not every row was accepted")


@board.command("submit")
def leaderboard_submit(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of rows, as of a run")],
    rep: Annotated[
        list[str] | None, typer.Option("--rep", help="Only rows of this representation (repeat)")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Checkout of mirbench [default: the one around this folder]"),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace rows that are there and differ")
    ] = False,
    data: Data = None,
) -> None:
    """Check the complete rows of a run and put them into a checkout, for a pull request."""
    from mirbench.benchmark.submissions.packing import find_checkout, next_steps, pack
    from mirbench.benchmark.submissions.verdict import verdict_lines
    from mirbench.leaderboard import build_pages

    checkout = find_checkout(to)
    packed = pack(results, checkout, rep or [], replace, data)
    for line in verdict_lines(packed.verdicts):
        typer.echo(line)
    if packed.left_out:
        typer.echo(
            f"left out: {count(packed.left_out, 'row')} of other protocols than the main board's, "
            "or of a few clips (--limit)"
        )
    if not packed.accepted:
        raise MirbenchError("nothing was copied, because not every row was accepted")
    folder = checkout / "leaderboard" / "results"
    pages = build_pages(folder, page_folder(folder))
    typer.echo(next_steps(checkout, packed, pages))
