"""Table 3, measured beside published, for the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence

from tabulate import tabulate

from mirbench.benchmark.progress import count
from mirbench.benchmark.reproduction.table3 import Cell

#: Columns of Table 3: title, task, metric.
COLUMNS = (
    ("MTT AUC", "magnatagatune", "roc_auc"),
    ("MTT AP", "magnatagatune", "average_precision"),
    ("GTZAN", "gtzan", "accuracy"),
    ("GS", "giantsteps", "weighted_key_score"),
    ("Emo A", "emomusic", "r2_arousal"),
    ("Emo V", "emomusic", "r2_valence"),
)

#: Representation (in capitals) to task to metric to a score whose best is 1; and
#: ``{"average": {"average": …}}`` as printed.
Published = Mapping[str, Mapping[str, Mapping[str, float]]]

Scores = list[float | None]


def table_3(cells: Sequence[Cell], published: Published) -> str:
    """Show measured and published scores, their differences, and why cells are empty."""
    lines: list[list[str]] = []
    for name in dict.fromkeys(cell.representation for cell in cells):
        own = [cell for cell in cells if cell.representation == name]
        measured = _with_average([_measured(own, task, metric) for _, task, metric in COLUMNS])
        cited = published.get(name.upper(), {})
        printed = [
            cited.get(task, {}).get(metric)
            for _, task, metric in [*COLUMNS, ("", "average", "average")]
        ]
        lines.append([name.upper(), "measured", *map(_number, measured)])
        lines.append(["", "published", *map(_number, printed)])
        differences = [
            None if ours is None or theirs is None else ours - theirs
            for ours, theirs in zip(measured, printed, strict=True)
        ]
        lines.append(["", "difference", *(_number(one, "+") for one in differences)])
    header = ["", "", *(title for title, _, _ in COLUMNS), "average"]
    align = ("left", "left", *["right"] * (len(COLUMNS) + 1))
    table = tabulate(lines, header, disable_numparse=True, colalign=align)
    return "\n".join([table, *_notes(cells)])


def _measured(cells: Sequence[Cell], task: str, metric: str) -> float | None:
    for cell in cells:
        if cell.task == task and cell.row is not None:
            return cell.row.result.scores[metric].value
    return None


def _with_average(scores: Scores) -> Scores:
    """Add the mean over tasks of the mean over a task's metrics, if nothing is absent."""
    tasks: dict[str, list[float]] = {}
    for (_, task, _), score in zip(COLUMNS, scores, strict=True):
        if score is None:
            return [*scores, None]
        tasks.setdefault(task, []).append(score)
    means = [sum(own) / len(own) for own in tasks.values()]
    return [*scores, sum(means) / len(means)]


def _number(score: float | None, sign: str = "") -> str:
    return "–" if score is None else f"{100 * score:{sign}z.1f}"


def _notes(cells: Sequence[Cell]) -> list[str]:
    width = max(50, min(100, shutil.get_terminal_size((100, 24)).columns))
    notes = []
    protocols = {cell.row.result.protocol.name for cell in cells if cell.row is not None}
    if protocols - {"castellon2021"}:
        notes.append(f"measured with protocol {', '.join(sorted(protocols))}: not comparable")
    missing = {
        f"{cell.representation} on {cell.task}: "
        f"{count(len(cell.row.result.task.missing), 'clip')} missing"
        for cell in cells
        if cell.row is not None and cell.row.result.task.missing
    }
    notes += sorted(missing)
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.row is None:
            reasons.setdefault((cell.task, cell.reason), []).append(cell.representation)
    every = len({cell.representation for cell in cells})
    for (task, reason), names in reasons.items():
        whose = task if len(names) == every else f"{task}, {', '.join(names)}"
        notes.append(f"not measured: {whose}: {reason}")
    return [
        line
        for note in notes
        for line in textwrap.wrap(
            note, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
    ]


def cell_line(cell: Cell) -> str:
    """Tell of one finished cell, in one line."""
    if cell.row is None:
        return f"{cell.representation} on {cell.task}: not measured"
    scores = ", ".join(
        f"{metric} {100 * score.value:z.1f}" for metric, score in cell.row.result.scores.items()
    )
    found = " (found, identical)" if cell.row.found else ""
    return f"{cell.representation} on {cell.task}: {scores}{found}"
