"""What a task's labels alone tell: its groups, its test set, and the constants of train."""

from __future__ import annotations

import numpy as np

from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.result import TaskFacts
from mirbench.benchmark.scoring.chance import constant_answers


def task_facts(data: Dataset) -> TaskFacts:
    """Say what there is to know of a task and its split without any representation.

    All clips of the split count, whether a representation could embed them or not.
    """
    task, split = data.task, data.split
    test = split.ids("test")
    train = np.array([data.targets[clip_id] for clip_id in split.ids("train")])
    return TaskFacts(
        group=task.group,
        test=len(test),
        faulty=tuple(sorted(task.faulty.intersection(test))),
        constants=constant_answers(task.metrics, task.kind, task.labels, train),
    )
