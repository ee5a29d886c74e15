"""What a representation's rows lack of the board, and the commands that would fill it."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Result
from mirbench.leaderboard.names import PAPER_TASKS
from mirbench.leaderboard.references import NAMES, load_published

MAIN = "castellon2021"


def explain_lacks(results: Sequence[Result], name: str) -> list[str]:
    """Say, line by line, what a representation has on the board and what it lacks.

    The paper's four tasks are expected of everyone, other tasks if anyone on
    the board has them, each with the split `paper` and, where anyone has it,
    others.

    Raises
    ------
    UsageError
        If no row is of that representation.
    """
    rows = [result for result in results if result.representation.name == name]
    if not rows:
        raise UsageError(_unknown(results, name))
    origin = rows[0].representation.origin
    lines = [f"{name} ({origin})"]
    splits = {result.task.split for result in results}
    for split in sorted(splits | {"paper"}, key=lambda split: (split != "paper", split)):
        lines.append(f"split {split}, protocol {MAIN}:")
        expected = dict.fromkeys(PAPER_TASKS)
        others = {result.task.name for result in results if result.task.split == split}
        expected |= dict.fromkeys(sorted(others - set(PAPER_TASKS)))
        has = {
            result.task.name: result
            for result in rows
            if result.task.split == split and result.protocol.main_board
        }
        tried = {
            result.task.name: result.protocol.name for result in rows if result not in has.values()
        }
        for task in expected:
            if task in has:
                lost = len(has[task].task.missing)
                clips = count(lost, "clip")
                lines.append(f"  {task}: there{f', without {clips}' if lost else ''}")
                continue
            other = f" (there is one with protocol {tried[task]})" if task in tried else ""
            lines.append(f"  {task}: lacking{other}; {command_for(rows[0], task, split)}")
        lacking = [task for task in PAPER_TASKS if task not in has]
        if lacking:
            done = len(PAPER_TASKS) - len(lacking)
            lines.append(
                f"  no average: {done} of the paper's four tasks are there, and it takes all"
            )
        else:
            lines.append("  it has the paper's average")
    return lines


def command_for(row: Result, task: str, split: str) -> str:
    """Write the command that makes a row of the representation of `row` on a task and split."""
    name, origin = row.representation.name, row.representation.origin
    where = f"--task {task}{'' if split == 'paper' else f' --split {split}'}"
    if not task.startswith("rendered"):
        where += f" --data DIR (mirbench data doctor {task})"
    if origin == "live":
        return f"in Python: run(model, {task!r}, split={split!r}, name={name!r})"
    if origin == "precomputed":
        return f"mirbench probe --embeddings FILE.npz --name {shlex.quote(name)} {where}"
    return f"mirbench run --rep {shlex.quote(_as_asked(row))} {where}"


def _as_asked(row: Result) -> str:
    """How a representation is named on the command line; files and adapters' rows otherwise."""
    name, params = row.representation.name, dict(row.representation.params)
    base, colon, rest = name.partition(":")
    if row.representation.origin == "file":
        return f"./{base}.py{colon}{rest}"
    if "target" not in params or "target=" in name:
        return name
    asked = f"{base}:{params.pop('target')}"
    return asked + ("?" if params else "") + "&".join(f"{k}={params[k]}" for k in sorted(params))


def _unknown(results: Sequence[Result], name: str) -> str:
    names = sorted({result.representation.name for result in results})
    close = difflib.get_close_matches(name, names, 3, 0.5)
    printed = {row.representation for table in NAMES for row in load_published(table).rows}
    if name in printed:
        return f"{name!r} is a published row: as others printed it, not run by mirbench"
    offered = ", ".join(close or names[:10]) or "none"
    return (
        f"the board has no row of {name!r}; {'did you mean' if close else 'it has'}: {offered}. "
        f"A first row is made by: mirbench run --rep {shlex.quote(name)}"
    )
