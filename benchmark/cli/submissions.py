"""``mirbench leaderboard validate`` and ``submit``: rows from others, and rows for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.cli.board import board
from mirbench.benchmark.cli.options import (
    Cache,
    Data,
    Device,
    InSandbox,
    Jobs,
    PassEnv,
    Quiet,
)
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
    from mirbench.leaderboard.facts import known_facts
    from mirbench.leaderboard.references import published_names

    if changed and (against is None or len(files) != 1):
        raise UsageError("--changed compares one folder with the one that --board names")
    verdicts = list(
        validate(files, against, changed, data, published=published_names(), known=known_facts)
    )
    for line in verdict_lines(verdicts):
        typer.echo(line)
    if changed and against:
        gone = withdrawn(files[0], against)
        for place in gone:
            typer.echo(f"withdrawn {place}")
        _tell_verifications(files[0], against, rows=bool(verdicts or gone))
    if not all(verdict.accepted for verdict in verdicts):
        raise MirbenchError("not every row was accepted")


def _tell_verifications(results: Path, against: Path, rows: bool) -> None:
    """Name changed verifications; with rows they may not come, as their author is no judge."""
    from mirbench.benchmark.submissions.commitments import changed_verifications
    from mirbench.benchmark.submissions.verdict import printable

    places = changed_verifications(results, against)
    for place, what in places.items():
        typer.echo(printable(f"verification changed: verified/{place}: {what}"))
    if places and rows:
        raise MirbenchError(
            f"{count(len(places), 'verification', 'is')} changed together with rows: who hands in "
            "rows does not verify them; a maintainer does, in a change of its own"
        )
    if places:
        typer.echo("merge them only if their author is the maintainer that they name")


@board.command("verify")
def leaderboard_verify(
    ctx: typer.Context,
    row: Annotated[Path, typer.Argument(metavar="ROW", help="File of the row, X.json")],
    rep: Annotated[
        str | None,
        typer.Option("--rep", help="Its plugin: NAME or FILE.py[:key=value,…] [default: built-in]"),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Keep in leaderboard/verified that you did"),
    ] = None,
    data: Data = None,
    device: Device = "cpu",
    jobs: Jobs = None,
    cache: Cache = None,
    pass_env: PassEnv = None,
    sandbox: InSandbox = False,
    quiet: Quiet = False,
) -> None:
    """Recompute the embeddings of ten clips from a row's plugin, and compare them with the row."""
    from mirbench.benchmark.runs.plugin_rules import plugin_rules
    from mirbench.benchmark.runs.verification import verify

    named = [] if rep is None else [rep]
    given = plugin_rules(named, pass_env=pass_env or (), sandbox=sandbox, data=data, cache=cache)
    ctx.with_resource(given)
    found = verify(row, rep, data=data, device=device, jobs=jobs, cache=cache, by=by)
    for clip_id, apart in found.distances.items():
        word = "differs" if clip_id in found.far else "same"
        typer.echo(f"{word:8} {clip_id}: {100 * apart:.3f} % of its length apart")
    stated = found.result.representation.fingerprint
    if found.fingerprint != stated:
        typer.echo(
            f"note: the row is of fingerprint {stated}, this representation's is "
            f"{found.fingerprint}"
        )
    if found.far:
        raise MirbenchError(
            f"{count(len(found.far), 'clip', 'has', of=len(found.distances))} another embedding "
            "than the row says: it is of another version or model; nothing was verified"
        )
    typer.echo(f"{row}: its embeddings are those of {found.result.representation.name}")
    if found.record is not None:
        typer.echo(f"wrote {found.record}; commit it, signed, in a change without rows")


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
    from mirbench.leaderboard.facts import known_facts
    from mirbench.leaderboard.references import published_names

    checkout = find_checkout(to)
    packed = pack(
        results,
        checkout,
        rep or [],
        replace,
        data,
        published=published_names(),
        known=known_facts,
    )
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
