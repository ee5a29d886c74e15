"""Count what the splits of tasks hold, and score the best constant answer, from real labels.

``docs/tasks/counts.json`` keeps the counts, since the tables of most datasets may not be
shipped: ``PYTHONPATH=tests python -m helpers.task_counts DATA``, where ``DATA`` is a folder
of datasets as for ``--data`` (audio is not needed). A task whose tables are not there keeps
the counts that it has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from helpers.import_graph import ROOT

from mirbench.benchmark.api import SPLITS, Clip, MirbenchError, Task
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.datasets.targets import encode_targets
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.scoring.metrics import METRICS

COUNTS = ROOT / "docs" / "tasks" / "counts.json"


def built_in_tasks() -> list[Task]:
    """Every task of mirbench itself, by name."""
    plugins = find_plugins("task")
    return [load_task(plugin.name) for plugin in plugins if plugin.origin == "built-in"]


def read_counts() -> dict[str, Any]:
    """Read the counts that were written down, by task."""
    counts: dict[str, Any] = json.loads(COUNTS.read_text(encoding="utf-8"))
    return counts


def count_task(task: Task, folder: Path) -> dict[str, Any]:
    """Count clips, groups and labels of each part of each split, and score constants.

    Raises
    ------
    MirbenchError
        If the tables that say so are not in `folder`.
    """
    clips = read_clips(task, folder)
    counted: dict[str, Any] = {"version": task.version}
    for name in task.splits:
        table = load_split(task, name, folder)
        parts = {part: [clip for clip in clips if table.of.get(clip.id) == part] for part in SPLITS}
        missing = set(table.of) - {clip.id for clip in clips}
        if missing:
            raise MirbenchError(f"{task.name}: {len(missing)} clips of {name} are not there")
        content: dict[str, Any] = {
            part: _count_part(task, members) for part, members in parts.items()
        }
        content["constant"] = constant_scores(task, parts["train"], parts["test"])
        counted[name] = content
    return counted


def _count_part(task: Task, clips: list[Clip]) -> dict[str, Any]:
    targets = encode_targets(task, clips)
    part: dict[str, Any] = {"clips": len(clips), "groups": len({clip.group for clip in clips})}
    if task.kind == "regression":
        means, deviations = targets.mean(axis=0, dtype=float), targets.std(axis=0, dtype=float)
        part["mean"] = [round(float(value), 4) for value in means]
        part["deviation"] = [round(float(value), 4) for value in deviations]
    elif task.kind == "multiclass":
        part["labels"] = np.bincount(targets, minlength=len(task.labels)).tolist()
    else:
        part["labels"] = (targets == 1).sum(axis=0).tolist()
        part["observed"] = ((targets == 0) | (targets == 1)).sum(axis=0).tolist()
    return part


def constant_scores(task: Task, train: list[Clip], test: list[Clip]) -> dict[str, Any]:
    """Choose for each metric the answer that is best for all clips of train, and score it on test.

    Of classes, each is tried; of tempi, each that train has; for R² it is the mean of train.
    Tags need no choice: every constant has the same score.
    """
    known, asked = encode_targets(task, train), encode_targets(task, test)
    scores = {}
    for metric in task.metrics:
        score = METRICS[metric]
        tried = list(_constants(task, metric, known))
        on_train = [score(known, np.tile(answer, (len(known), 1))) for _, answer in tried]
        label, answer = tried[int(np.argmax(np.round(on_train, 9)))]
        value = score(asked, np.tile(answer, (len(asked), 1)))
        scores[metric] = {"answer": label, "score": round(float(value), 4)}
    return scores


def _constants(task: Task, metric: str, known: Any) -> Iterator[tuple[str, Any]]:
    if task.kind == "multiclass":
        for label, row in zip(task.labels, np.eye(len(task.labels), dtype=np.float32), strict=True):
            yield label, row
    elif task.kind == "multilabel":
        yield "the same for all", np.zeros(len(task.labels), dtype=np.float32)
    elif metric == "r2":
        yield "the mean", known.mean(axis=0, dtype=float)
    else:
        for row in np.unique(known, axis=0):
            yield f"{100 * 2 ** float(row[-1]):.1f} BPM", row


def main(data: Path) -> None:
    """Count every task whose tables are below `data`, or whose labels need none."""
    counts = read_counts() if COUNTS.exists() else {}
    for task in built_in_tasks():
        try:
            counts[task.name] = count_task(task, data / task.folder)
        except MirbenchError as error:
            print(f"{task.name}: not counted ({error})"[:200])
    content = json.dumps(dict(sorted(counts.items())), ensure_ascii=False)
    # A line per list of numbers would be thousands of lines, one line in all no diff at all.
    COUNTS.write_text(content.replace('}}}, "', '}}},\n "') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
