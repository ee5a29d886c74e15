"""The command line: a thin shell over `mirbench.benchmark.runs.commands`.

Exit status: 0 done, 1 something failed (the reason is on stderr), 2 wrong
usage. Modules that do the work are imported inside the commands, so that
``mirbench --help`` stays quick.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.cli.data import datasets
from mirbench.benchmark.cli.options import (
    Cache,
    Data,
    Device,
    Force,
    FullHash,
    Jobs,
    MaxMissing,
    Memory,
    Out,
    ProtocolName,
    Rep,
    Reps,
    SplitName,
    Tasks,
    gib,
)
from mirbench.benchmark.cli.rows import report_plan, report_rows
from mirbench.benchmark.cli.submissions import board
from mirbench.benchmark.cli.sweep import sweep
from mirbench.benchmark.cli.weights import weights

if TYPE_CHECKING:
    from mirbench.benchmark.result import Row

app = typer.Typer(
    help="Benchmark music-audio representations with shallow probes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(board, name="leaderboard")
app.add_typer(datasets, name="data")
app.command()(sweep)
app.add_typer(weights, name="weights")


@app.command()
def run(
    rep: Reps,
    task: Tasks = None,
    split: SplitName = "paper",
    data: Data = None,
    device: Device = "cpu",
    jobs: Jobs = None,
    engine: Annotated[
        str, typer.Option("--engine", help="local: processes of this machine")
    ] = "local",
    protocol: ProtocolName = "castellon2021",
    out: Out = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    force: Force = False,
    full_hash: FullHash = False,
    memory: Memory = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be computed, and what it would take")
    ] = False,
) -> None:
    """Embed and probe representations; write a result row for each task and the leaderboard."""
    if engine != "local":
        raise UsageError(f"there is no engine {engine!r} in this version; use local")
    if dry_run:
        report_plan(
            rep,
            task,
            split=split,
            data=data,
            device=device,
            jobs=jobs,
            protocol=protocol,
            out=out,
            cache=cache,
            full_hash=full_hash,
        )
        return
    from mirbench.benchmark.runs import commands

    rows: list[Row] = []
    try:
        commands.run(
            rep,
            task,
            split=split,
            data=data,
            device=device,
            jobs=jobs,
            protocol=protocol,
            out=out,
            cache=cache,
            max_missing=max_missing,
            force=force,
            memory=gib(memory),
            full_hash=full_hash,
            on_row=rows.append,
        )
    finally:
        report_rows(rows)


@app.command()
def embed(
    rep: Rep,
    task: Tasks = None,
    split: SplitName = "paper",
    data: Data = None,
    device: Device = "cpu",
    jobs: Jobs = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write <task>.npz files into this folder")
    ] = None,
    cache: Cache = None,
    full_hash: FullHash = False,
    max_missing: MaxMissing = 0.05,
) -> None:
    """Embed the clips of tasks into the store, without probing."""
    from mirbench.benchmark.embedding.embeddings import check_missing
    from mirbench.benchmark.runs import commands

    done = commands.embed(
        rep,
        task,
        split=split,
        data=data,
        device=device,
        jobs=jobs,
        out=out,
        cache=cache,
        full_hash=full_hash,
    )
    for name, found in done.items():
        typer.echo(
            f"{name}: {len(found.clip_ids) - len(found.missing)} clips embedded "
            f"({found.computed} now), {len(found.missing)} missing"
        )
        for clip_id, reason in list(found.missing.items())[:10]:
            typer.echo(f"  {clip_id}: {reason}")
    for found in done.values():
        check_missing(found, found.clip_ids, max_missing)


@app.command()
def probe(
    task: Annotated[str, typer.Option("--task", help="Task")],
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", help="An .npz with arrays clip_id and embedding"),
    ] = None,
    rep: Annotated[
        str | None, typer.Option("--rep", help="A representation whose embeddings are stored")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call the embeddings [default: file name]")
    ] = None,
    split: SplitName = "paper",
    data: Data = None,
    device: Device = "cpu",
    protocol: ProtocolName = "castellon2021",
    out: Out = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    force: Force = False,
    memory: Memory = None,
) -> None:
    """Probe embeddings that were computed before or elsewhere; no audio is needed."""
    from mirbench.benchmark.runs import commands

    row = commands.probe(
        task,
        embeddings=embeddings,
        rep=rep,
        name=name,
        split=split,
        data=data,
        device=device,
        protocol=protocol,
        out=out,
        cache=cache,
        max_missing=max_missing,
        force=force,
        memory=gib(memory),
    )
    report_rows([row])


@app.command("list")
def list_(
    what: Annotated[
        str | None, typer.Argument(help="representations or tasks [default: both]")
    ] = None,
    data: Data = None,
    cache: Cache = None,
) -> None:
    """List what there is, and for each whether it is ready or what is missing."""
    from mirbench.benchmark.cli.tables import listing_table
    from mirbench.benchmark.runs.listing import list_representations, list_tasks

    if what not in (None, "representations", "tasks"):
        raise UsageError(f"list representations or tasks, not {what!r}")
    if what != "tasks":
        typer.echo(listing_table("Representations", list_representations(cache)))
    if what != "representations":
        typer.echo(listing_table("Tasks", list_tasks(data, cache)))


@app.command()
def schema() -> None:
    """Print the JSON schema of a result row."""
    import json

    from mirbench.benchmark.result import Result

    typer.echo(json.dumps(Result.model_json_schema(), indent=1))


@app.command()
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
) -> None:
    """Probe the features that a paper's authors published; print its table, ours beside theirs."""
    if what != "castellon2021":
        raise UsageError(f"there is nothing to reproduce named {what!r}; there is: castellon2021")
    from mirbench.benchmark.cli.reproduce_report import cell_line, table_3
    from mirbench.benchmark.progress import say
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
        raise MirbenchError(f"{len(failed)} of {len(cells)} cells could not be measured")


def main() -> None:
    """Run the command line; errors are one message on stderr, never a traceback."""
    try:
        # Typer turns Ctrl-C into a status that it returns, as it does typer.Exit.
        status = app(standalone_mode=False)
    except UsageError as error:
        _fail(str(error), 2)
    except MirbenchError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        if hasattr(error, "show"):
            error.show()
        sys.exit(error.exit_code)
    if status == 130:
        _fail("interrupted; what is finished is kept: run the same command to go on", 130)
    if status:
        sys.exit(status)


def _fail(message: str, status: int) -> None:
    typer.echo(f"mirbench: {message}", err=True)
    sys.exit(status)
