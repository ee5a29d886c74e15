"""``mirbench weights``: list, download or add the weights of representations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.cli.completion import complete_representation
from mirbench.benchmark.cli.options import Cache, Quiet

weights = typer.Typer(help="List, download or add model weights.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="REP",
        help="Representation: NAME, NAME:SET or NAME:key=value",
        autocompletion=complete_representation,
    ),
]


@weights.command("list")
def weights_list(
    rep: Annotated[
        str | None, typer.Argument(metavar="REP", help="Representation [default: all]")
    ] = None,
    cache: Cache = None,
) -> None:
    """List weights: source, size, checksum and licence, and whether they are here."""
    from mirbench.benchmark.cli.weights_report import weights_report

    typer.echo(weights_report(rep, cache))


@weights.command("fetch")
def weights_fetch(
    rep: Name,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the downloaded files after conversion")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if they are here")] = False,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Download weights, check and convert them; run it again to go on where it stopped."""
    from mirbench.benchmark.cli.weights_report import fetch_report
    from mirbench.benchmark.runs.named_weights import named_sets
    from mirbench.benchmark.weights.fetch import fetch_weights

    typer.echo(fetch_report(fetch_weights(named_sets(rep, cache).weights, keep, force)))


@weights.command("add")
def weights_add(
    rep: Name,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Files, folders or zip archives")
    ],
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Take weights that you have: recognise which they are, and convert them."""
    from mirbench.benchmark.cli.weights_report import added_report
    from mirbench.benchmark.runs.named_weights import named_sets
    from mirbench.benchmark.weights.add import add_weights

    typer.echo(added_report(add_weights(named_sets(rep, cache).candidates, paths)))
