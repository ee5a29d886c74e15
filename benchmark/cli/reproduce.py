"""``mirbench reproduce``: the table of a paper, measured again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.cli.options import (
    Cache,
    Data,
    Device,
    Force,
    MaxMissing,
    Out,
    ProtocolName,
    Quiet,
)


def reproduce(
    what: Annotated[str, typer.Argument(metavar="PAPER", help="castellon2021")],
    rep: Annotated[
        list[str] | None, typer.Option("--rep", help="As in Table 3 (repeat) [default: all six]")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Task (repeat) [default: all four]")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="Folder of the archives [default: download them]"),
    ] = None,
    checksums: Annotated[
        Path | None,
        typer.Option("--checksums", help="Table (as of sha256sum) in place of the published one"),
    ] = None,
    data: Data = None,
    device: Device = "cpu",
    protocol: ProtocolName = "castellon2021",
    out: Out = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Probe the features that a paper's authors published; print its table, ours beside theirs."""
    if what != "castellon2021":
        raise UsageError(f"there is nothing to reproduce named {what!r}; there is: castellon2021")
    from mirbench.benchmark.cli.reproduce_report import cell_line, table_3
    from mirbench.benchmark.progress import count, say
    from mirbench.benchmark.reproduction.published_features import read_checksums
    from mirbench.benchmark.reproduction.table3 import reproduce as measure
    from mirbench.leaderboard.references import published_scores

    cells = measure(
        rep,
        task,
        features=features,
        checksums=None if checksums is None else read_checksums(checksums),
        data=data,
        device=device,
        protocol=protocol,
        out=out,
        cache=cache,
        max_missing=max_missing,
        force=force,
        on_cell=lambda cell: say(cell_line(cell)),
    )
    typer.echo(table_3(cells, published_scores(what)))
    failed = [cell for cell in cells if cell.row is None]
    if len(failed) == len(cells) or not all(cell.excused for cell in failed):
        raise MirbenchError(f"{count(len(failed), 'cell', of=len(cells))} could not be measured")
