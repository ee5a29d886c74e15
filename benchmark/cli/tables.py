"""Tables for the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from mirbench.benchmark.api import ModelCost
from mirbench.benchmark.progress import count, duration
from mirbench.benchmark.result import FewShotRow, NeighboursRow, ProbeRow, Result, Row
from mirbench.benchmark.runs.dry_run import DryRun
from mirbench.benchmark.runs.listing import Listing


def row_table(rows: Sequence[Row]) -> str:
    """Scores of result rows, one line a score."""
    lines = []
    for row in rows:
        result = row.result
        for number, (metric, score) in enumerate(result.ordered_scores()):
            first = number == 0
            lines.append(
                [
                    result.representation.name if first else "",
                    _task(result) if first else "",
                    metric,
                    f"{100 * score.value:z.1f}",
                    f"{100 * score.low:z.1f} to {100 * score.high:z.1f}",
                    f"{score.n}" if first else "",
                    _probe(result) if first else "",
                    _state(row) if first else "",
                ]
            )
            drop = result.deformation and result.deformation.drops.get(metric)
            if drop:
                value, ends = 100 * drop.value, (100 * drop.low, 100 * drop.high)
                words = f"{ends[0]:z.1f} to {ends[1]:z.1f}"
                lines.append(["", "", f"{metric}, drop", f"{value:z.1f}", words, "", "", ""])
    header = ["representation", "task", "metric", "score", "95 %", "clips", "probe", "row"]
    notes = "".join(f"\n{note}" for note in sorted({_note(row.result) for row in rows}) if note)
    align = ("left", "left", "left", "right", "left", "right", "left", "left")
    return tabulate(lines, header, disable_numparse=True, colalign=align) + notes


def _note(result: Result) -> str:
    """Say what rows of another than the main protocol are for."""
    protocol = result.protocol
    if protocol.limit is not None:
        clips = count(protocol.limit, "clip")
        return f"--limit: on at most {clips} of each split, to try things; not for any board"
    if protocol.main_board:
        return ""
    if result.deformation is not None:
        name, title = result.deformation.name, result.deformation.title
        return f"{name} ({title}): in a table of its own on the board"
    if isinstance(result.probe, ProbeRow):
        return f"protocol {protocol.name}: for trying things out, not for the main board"
    return f"protocol {protocol.name}: in a table of its own on the board"


def _task(result: Result) -> str:
    deformed = "" if result.deformation is None else f", {result.deformation.name}"
    return f"{result.task.name} ({result.task.split}{deformed})"


def _probe(result: Result) -> str:
    """Which probe it is: its place in the grid, if any, and its layer where there are several."""
    probe = result.probe
    layer = "" if probe.layer is None else f", layer {probe.layer}"
    if isinstance(probe, FewShotRow):
        return f"{probe.draws} draws of {probe.clips_per_label} per label{layer}"
    if isinstance(probe, NeighboursRow):
        return f"{probe.k} nearest{layer}"
    grid = result.protocol.probes // max(1, result.representation.layers)
    return f"{probe.index} of {grid}{layer}"


def _state(row: Row) -> str:
    missing = row.result.task.missing
    state = "found, identical" if row.found else "new"
    wrong = sum(clip.wrong for clip in missing)
    lost = f"{count(len(missing), 'clip')} missing" + f" ({wrong:,} counted as wrong)" * bool(wrong)
    notes = [f"{rows} {note}" for note, rows in row.result.task.notes.items()]
    return ", ".join([state, *([lost] if missing else []), *notes])


def plan_table(plans: Sequence[DryRun]) -> str:
    """Show what a run would do, one line a pair."""
    lines = [
        [
            plan.representation,
            f"{plan.task} ({plan.split})",
            plan.clips,
            plan.cached,
            "unknown" if plan.disk_bytes is None else size(plan.disk_bytes),
            "unknown" if plan.embed_seconds is None else duration(plan.embed_seconds),
            plan.probes,
            "unknown" if plan.probe_seconds is None else f"about {duration(plan.probe_seconds)}",
            "there" if plan.row_fits else "to be replaced" if plan.row_exists else "new",
        ]
        for plan in plans
    ]
    columns = "representation task clips cached disk embedding probes probing row"
    note = (
        "disk and embedding: for the clips not cached, extrapolated from a few embedded now; "
        "probing: from a short measured part, if probes stop as late as they typically do"
    )
    table = tabulate(lines, columns.split(), disable_numparse=True)
    costs = {plan.representation: plan.cost for plan in plans if plan.cost is not None}
    told = "".join(f"{name}: {_cost(cost)}\n" for name, cost in costs.items())
    return f"{table}\n{told}{note}; nothing was written"


def _cost(cost: ModelCost) -> str:
    seconds = f"{cost.seconds:.2g} s" if cost.seconds < 10 else duration(cost.seconds)
    return (
        f"{cost.parameters / 1e9:.2f} billion parameters, {size(cost.nbytes)} in memory, "
        f"{cost.flops / 1e12:.1f} Tflop per clip; embedding is estimated from a measured matrix "
        f"product, {seconds} per clip"
    )


def listing_table(title: str, listings: Sequence[Listing]) -> str:
    """List names, titles and what is missing, wrapped to the terminal."""
    width = max(40, shutil.get_terminal_size((100, 24)).columns)
    names = max([len(line.name) for line in listings], default=0) + 2
    parts = [title]
    for line in listings:
        mark = "ready  " if line.ready else "not yet"
        origin = "" if line.origin == "built-in" else f" [{line.origin}]"
        parts.append(f"  {line.name:<{names}}{mark}  {line.title}{origin}")
        if line.status != "ready":
            indent = " " * (names + 11)
            parts.append(
                textwrap.fill(
                    line.status,
                    width,
                    initial_indent=indent,
                    subsequent_indent=indent,
                    break_on_hyphens=False,
                    break_long_words=False,
                )
            )
    return "\n".join(parts) + "\n"


def size(nbytes: float) -> str:
    """Bytes for people: ``340 kB``, ``1.2 GB``."""
    for unit in ("B", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} GB"
