"""``mirbench run``, ``embed`` and ``probe``: from audio, or embeddings, to result rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.benchmark.cli.completion import complete_representation, complete_task
from mirbench.benchmark.cli.options import (
    Address,
    Cache,
    ClipTimeout,
    Data,
    Deform,
    Device,
    Engine,
    Force,
    FullHash,
    Gpus,
    InSandbox,
    Jobs,
    Limit,
    MaxMissing,
    Memory,
    Out,
    PartOfWork,
    PassEnv,
    ProtocolName,
    Quiet,
    Rep,
    Reps,
    SplitName,
    Tasks,
    TrainedOn,
    gib,
)
from mirbench.benchmark.cli.rows import report_plan, report_rows

if TYPE_CHECKING:
    from mirbench.benchmark.result import Row


def run(
    ctx: typer.Context,
    rep: Reps,
    task: Tasks = None,
    split: SplitName = "paper",
    data: Data = None,
    device: Device = "cpu",
    gpus: Gpus = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    address: Address = None,
    protocol: ProtocolName = "castellon2021",
    out: Out = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    force: Force = False,
    full_hash: FullHash = False,
    clip_timeout: ClipTimeout = None,
    memory: Memory = None,
    part: PartOfWork = None,
    deform: Deform = None,
    limit: Limit = None,
    pass_env: PassEnv = None,
    sandbox: InSandbox = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be computed, and what it would take")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Embed and probe representations; write a result row for each task and the leaderboard."""
    from mirbench.benchmark.runs.plugin_rules import plugin_rules

    given = plugin_rules(rep, pass_env=pass_env or (), sandbox=sandbox, data=data, cache=cache)
    ctx.with_resource(given)
    if dry_run:
        report_plan(
            rep,
            task,
            deform=deform,
            limit=limit,
            split=split,
            data=data,
            device=device,
            gpus=gpus,
            jobs=jobs,
            engine=engine,
            address=address,
            protocol=protocol,
            out=out,
            cache=cache,
            full_hash=full_hash,
            clip_timeout=clip_timeout,
            part=part,
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
            gpus=gpus,
            jobs=jobs,
            engine=engine,
            address=address,
            protocol=protocol,
            out=out,
            cache=cache,
            max_missing=max_missing,
            force=force,
            memory=gib(memory),
            full_hash=full_hash,
            clip_timeout=clip_timeout,
            part=part,
            deform=deform,
            limit=limit,
            on_row=rows.append,
        )
    finally:
        report_rows(rows)


def embed(
    ctx: typer.Context,
    rep: Rep,
    task: Tasks = None,
    split: SplitName = "paper",
    data: Data = None,
    device: Device = "cpu",
    gpus: Gpus = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    address: Address = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write <task>.npz files into this folder")
    ] = None,
    cache: Cache = None,
    full_hash: FullHash = False,
    clip_timeout: ClipTimeout = None,
    max_missing: MaxMissing = 0.05,
    part: PartOfWork = None,
    pass_env: PassEnv = None,
    sandbox: InSandbox = False,
    quiet: Quiet = False,
) -> None:
    """Embed the clips of tasks into the store, without probing."""
    from mirbench.benchmark.embedding.embeddings import check_missing
    from mirbench.benchmark.progress import count
    from mirbench.benchmark.runs import commands
    from mirbench.benchmark.runs.plugin_rules import plugin_rules

    given = plugin_rules([rep], pass_env=pass_env or (), sandbox=sandbox, data=data, cache=cache)
    ctx.with_resource(given)
    done = commands.embed(
        rep,
        task,
        split=split,
        data=data,
        device=device,
        gpus=gpus,
        jobs=jobs,
        engine=engine,
        address=address,
        out=out,
        cache=cache,
        full_hash=full_hash,
        clip_timeout=clip_timeout,
        max_missing=max_missing,
        part=part,
    )
    for name, found in done.items():
        typer.echo(
            f"{name}: {count(len(found.clip_ids) - len(found.missing), 'clip')} embedded "
            f"({found.computed:,} now), {len(found.missing):,} missing"
        )
        for clip_id, reason in list(found.missing.items())[:10]:
            typer.echo(f"  {clip_id}: {reason}")
    for found in done.values():
        check_missing(found, found.clip_ids, max_missing)


def probe(
    task: Annotated[
        str,
        typer.Option("--task", help="Task: NAME or FILE.py", autocompletion=complete_task),
    ],
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", help="An .npz with arrays clip_id and embedding"),
    ] = None,
    rep: Annotated[
        str | None,
        typer.Option(
            "--rep",
            help="A representation whose embeddings are stored",
            autocompletion=complete_representation,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call the embeddings [default: file name]")
    ] = None,
    trained_on: TrainedOn = None,
    split: SplitName = "paper",
    data: Data = None,
    device: Device = "cpu",
    engine: Engine = "local",
    address: Address = None,
    protocol: ProtocolName = "castellon2021",
    out: Out = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    force: Force = False,
    memory: Memory = None,
    part: PartOfWork = None,
    quiet: Quiet = False,
) -> None:
    """Probe embeddings that were computed before or elsewhere; no audio is needed."""
    from mirbench.benchmark.runs import commands

    row = commands.probe(
        task,
        embeddings=embeddings,
        rep=rep,
        name=name,
        trained_on=trained_on,
        split=split,
        data=data,
        device=device,
        engine=engine,
        address=address,
        protocol=protocol,
        out=out,
        cache=cache,
        max_missing=max_missing,
        force=force,
        memory=gib(memory),
        part=part,
    )
    report_rows([row] if row is not None else [])
