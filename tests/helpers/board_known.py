"""Write ``leaderboard/known/``: what the board knows without any row of its own.

``tasks.json`` holds for every built-in task, whose labels could be read, what its groups are, and
the constant answers that train suggests; ``baselines.json`` the scores of CHROMA and
MFCC. ``PYTHONPATH=tests python -m helpers.board_known DATA ROWS...`` writes both: ``DATA`` is a
folder of datasets as for ``--data`` (audio is not needed), ``ROWS`` are folders of rows. What is
not there keeps the entries that it has, as long as its version and split are the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from helpers.import_graph import ROOT
from helpers.task_counts import built_in_tasks

from mirbench.benchmark.api import MirbenchError, Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.evaluation.facts import task_facts
from mirbench.benchmark.registry import load_split
from mirbench.benchmark.result import Result, read_results

KNOWN = ROOT / "leaderboard" / "known"
BASELINES = ("chroma", "mfcc")


def describe_task(task: Task, folder: Path, known: dict[str, Any]) -> dict[str, Any]:
    """Describe a task, with constants for the splits whose labels are in `folder` or known."""
    splits = {}
    kept = known.get("splits", {}) if known.get("version") == task.version else {}
    for name in task.splits:
        try:
            table = load_split(task, name, folder)
            clips = [clip for clip in read_clips(task, folder) if clip.id in table.of]
            if len(clips) != len(table.of):
                raise MirbenchError(f"{len(table.of) - len(clips)} clips of {name} are not there")
            ordered = tuple(sorted(clips, key=lambda clip: clip.id))
            facts = task_facts(Dataset(task, table, ordered, ordered))
        except MirbenchError as error:
            print(f"{task.name}, {name}: not read ({error})"[:160])
            splits |= {name: kept[name]} if name in kept else {}
            continue
        splits[name] = {"sha256": table.sha256, **facts.model_dump(mode="json")}
    return {"version": task.version, "splits": splits}


def baseline_rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Pick the scores of built-in baselines on built-in tasks, all clips of which were there."""
    return [
        {
            "representation": result.representation.name,
            "dims": result.representation.dims,
            "fingerprint": result.representation.fingerprint,
            "task": result.task.name,
            "version": result.task.version,
            "split": result.task.split,
            "split_sha256": result.task.split_sha256,
            "protocol": result.protocol.name,
            "protocol_hash": result.protocol.hash,
            "scores": {
                name: [score.value, score.low, score.high]
                for name, score in sorted(result.scores.items())
            },
        }
        for result in results
        if result.representation.name in BASELINES
        and result.representation.origin == result.task.origin == "built-in"
        and result.protocol.limit is None
        and result.deformation is None
        and not result.task.missing
    ]


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("protocol", "task", "split", "representation"))


def read_known(name: str) -> Any:
    """Read one of the two files; empty where it is not there yet."""
    path = KNOWN / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write(name: str, lines: Iterable[str], brackets: str) -> None:
    text = brackets[0] + "\n" + ",\n".join(lines) + "\n" + brackets[1] + "\n"
    (KNOWN / f"{name}.json").write_text(text, encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def main(data: Path, folders: list[Path]) -> None:
    """Write both files."""
    known = read_known("tasks") or {}
    tasks = {
        task.name: describe_task(task, data / task.folder, known.get(task.name, {}))
        for task in built_in_tasks()
    }
    _write("tasks", (f"{_json(name)}: {_json(tasks[name])}" for name in sorted(tasks)), "{}")
    rows = {_key(row): row for row in read_known("baselines") or []}
    for folder in folders:
        rows |= {_key(row): row for row in baseline_rows(read_results(folder))}
    current = [
        row
        for _, row in sorted(rows.items())
        if row["version"] == tasks[row["task"]]["version"]
        and row["split_sha256"] == tasks[row["task"]]["splits"][row["split"]]["sha256"]
    ]
    _write("baselines", map(_json, current), "[]")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
