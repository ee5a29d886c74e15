"""``mirbench sweep``: probe every layer, choose on validation, draw the curve."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.benchmark.cli.options import (
    Address,
    Cache,
    ClipTimeout,
    Data,
    Device,
    Engine,
    Force,
    FullHash,
    Gpus,
    InSandbox,
    Jobs,
    MaxMissing,
    Memory,
    Out,
    PartOfWork,
    PassEnv,
    Quiet,
    Rep,
    SplitName,
    Tasks,
    gib,
)
from mirbench.benchmark.cli.rows import report_plan, report_rows

if TYPE_CHECKING:
    from mirbench.benchmark.result import Row
    from mirbench.leaderboard.curves import LayerFigure


def sweep(
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
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            help="quick (three linear probes a layer) or castellon2021 (all 216 a layer)",
        ),
    ] = "quick",
    out: Out = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    force: Force = False,
    full_hash: FullHash = False,
    memory: Memory = None,
    part: PartOfWork = None,
    clip_timeout: ClipTimeout = None,
    pass_env: PassEnv = None,
    sandbox: InSandbox = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be computed, and what it would take")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Probe every layer of a representation, choose on validation, and draw the curve."""
    from mirbench.benchmark.runs import sweep as sweeping
    from mirbench.benchmark.runs.plugin_rules import plugin_rules

    given = plugin_rules([rep], pass_env=pass_env or (), sandbox=sandbox, data=data, cache=cache)
    ctx.with_resource(given)

    if dry_run:
        report_plan(
            [sweeping.with_layers(rep, cache, device, only_plan=True).text],
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
            full_hash=full_hash,
            clip_timeout=clip_timeout,
            part=part,
        )
        return
    rows: list[Row] = []
    try:
        sweeping.sweep(
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
            part=part,
            clip_timeout=clip_timeout,
            on_row=rows.append,
        )
    finally:
        report_rows(rows)
        if rows:
            _report_layers(rep, task or (), rows)


def _report_layers(rep: str, given: Sequence[str], rows: list[Row]) -> None:
    from mirbench.benchmark.files.atomic import write_atomic
    from mirbench.benchmark.registry import load_task, task_argument
    from mirbench.benchmark.runs.sweep import single_layer
    from mirbench.leaderboard.curves import layer_figures
    from mirbench.leaderboard.curves_png import layer_png

    (figure,) = layer_figures([row.result for row in rows])
    typer.echo(f"\n{_table(figure)}")
    suffix = "" if figure.main_board else f".{figure.protocol}"
    path = rows[0].path.parent / f"layers.{figure.split}{suffix}.png"
    write_atomic(path, layer_png(figure))
    typer.echo(f"figure: {path}")
    layer = figure.layers[figure.selected]
    name = single_layer(rep, layer)
    if name is not None and not figure.main_board:
        arguments = {task.name: task_argument(task) for task in map(load_task, given)}
        named = (arguments.get(curve.task, curve.task) for curve in figure.curves)
        tasks = " ".join(f"--task {shlex.quote(argument)}" for argument in named)
        command = f"mirbench run --rep {shlex.quote(name)} {tasks}"
        typer.echo(f"layer {layer} with the complete protocol: {command}")


def _table(figure: LayerFigure) -> str:
    """Chosen layers and their validation scores, one line a task and one for all."""
    from tabulate import tabulate

    common = figure.selected
    lines = []
    for curve in figure.curves:
        best, worst = curve.selected, min(curve.scores)
        scores = (curve.scores[best], curve.scores[common], worst)
        cells = [f"{100 * score:z.1f}" for score in scores]
        lines.append([curve.task, curve.metric, curve.layers[best], *cells])
    if len(figure.curves) > 1:
        lines.append(
            ["all tasks", "normalised", figure.layers[common]]
            + [f"{score:.2f}" for score in (figure.mean[common],) * 2 + (min(figure.mean),)]
        )
    header = ["task", "on validation", "best layer", "its score", "at the layer for all", "worst"]
    align = ("left", "left", "left", "right", "right", "right")
    return tabulate(lines, header, disable_numparse=True, colalign=align)
