"""``mirbench leaderboard``: render result rows, and explain them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.evaluation.places import page_folder

board = typer.Typer(help="The leaderboard.", no_args_is_help=True)


Results = Annotated[Path | None, typer.Option("--results", help="Folder of rows [default: as run]")]
Pages = Annotated[
    Path | None, typer.Option("--out", help="Folder of the pages [default: beside the rows]")
]


@board.command("build")
def leaderboard_build(
    results: Results = None,
    out: Pages = None,
    latex: Annotated[
        bool, typer.Option("--latex", help="Write each table as LaTeX, too: figures/*.tex")
    ] = False,
    svg: Annotated[
        bool, typer.Option("--svg", help="Draw each table as a vector figure, too: figures/*.svg")
    ] = False,
) -> None:
    """Render the pages of the board from result rows."""
    from mirbench.leaderboard import build_pages

    folder = _rows(results)
    for path in build_pages(folder, out or page_folder(folder), latex, svg):
        typer.echo(f"wrote {path}")


@board.command("check")
def leaderboard_check(results: Results = None, out: Pages = None) -> None:
    """Fail if a page is not what build would write, or is left over."""
    from mirbench.leaderboard import stale_pages

    folder = _rows(results)
    stale = stale_pages(folder, out or page_folder(folder))
    if stale:
        options = f" --results {results}" if results else ""
        options += f" --out {out}" if out else ""
        raise MirbenchError(
            f"{', '.join(map(str, stale))}: not what the rows give; "
            f"mend with: mirbench leaderboard build{options}"
        )
    typer.echo("the board is up to date")


@board.command("why")
def leaderboard_why(
    name: Annotated[str, typer.Argument(metavar="REP", help="Name, as on the board")],
    results: Results = None,
) -> None:
    """Say what a representation lacks on the board, and how to get it."""
    from mirbench.leaderboard.lacks import explain_lacks
    from mirbench.leaderboard.rows import read_rows

    rows = read_rows(_rows(results))
    typer.echo("\n".join(explain_lacks([row.result for row in rows], name)))


def _rows(results: Path | None) -> Path:
    from mirbench.benchmark.evaluation.places import default_out
    from mirbench.benchmark.protocol import CASTELLON2021

    folder = results or default_out(CASTELLON2021)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; name one with --results")
    return folder
