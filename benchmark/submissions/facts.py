"""What a row says of its task: the board believes it of tasks of which it knows nothing itself."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mirbench.benchmark.api import Task
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Result, TaskFacts, differing_constants
from mirbench.benchmark.submissions.ground import AGAIN, Ground


def check_facts(
    result: Result, ground: Ground, known: TaskFacts | None, told: tuple[str, TaskFacts] | None
) -> tuple[list[str], list[str]]:
    """Say what is wrong with what a row says of its task, or cannot be compared.

    Parameters
    ----------
    result : Result
        The row.
    ground : Ground
        Its task and split.
    known : TaskFacts or None
        What the board knows of them itself.
    told : tuple of str and TaskFacts, or None
        Another row of them, by its name, and what that says.

    Returns
    -------
    errors, notes : list of str
    """
    facts = result.facts
    if facts is None:
        return [], []
    errors = [*_check_test(facts, ground), *_check_constants(facts, ground.task)]
    if errors:
        return errors, []
    if known is not None:
        source, expected = "known of the task", known
    elif told is not None:
        source, expected = f"said by {told[0]}", told[1]
    else:
        return [], [
            "facts.constants: not compared: this is the first row of its task and split; compute "
            "them, since the chance level of the board follows from them"
        ]
    return [
        f"facts.constants.{metric}: is {_shown(facts, metric)}, but {_shown(expected, metric)} is "
        f"{source}: it follows from the labels of train alone; {AGAIN}"
        for metric in differing_constants(facts.constants, expected.constants)
    ], []


def _check_test(facts: TaskFacts, ground: Ground) -> Iterator[str]:
    task, test = ground.task, ground.split.ids("test")
    if facts.group != task.group:
        yield (
            f"facts.group: is {show(facts.group)}, but the groups of {task.name} are "
            f"{show(task.group)}; {AGAIN}"
        )
    if facts.test != len(test):
        yield (
            f"facts.test: is {facts.test:,}, but the test split has "
            f"{count(len(test), 'clip')}; {AGAIN}"
        )
    faulty = sorted(task.faulty.intersection(test))
    if list(facts.faulty) != faulty:
        odd = min(set(facts.faulty) ^ set(faulty), default="their order")
        yield (
            f"facts.faulty: are not the clips that {task.name} knows to be faulty, as {show(odd)} "
            f"tells; {AGAIN}"
        )


def _check_constants(facts: TaskFacts, task: Task) -> Iterator[str]:
    if set(facts.constants) != set(task.metrics):
        yield (
            f"facts.constants: must be of {', '.join(task.metrics)}, not of "
            f"{show(', '.join(sorted(facts.constants)))}; {AGAIN}"
        )
        return
    for metric, constant in facts.constants.items():
        if task.kind == "multiclass":
            possible = constant in task.labels
        else:
            length = len(task.labels) if task.kind == "regression" else 0
            possible = (
                isinstance(constant, tuple)
                and len(constant) == length
                and all(map(math.isfinite, constant))
            )
        if not possible:
            yield (
                f"facts.constants.{metric}: {show(constant)} is no answer to a task of kind "
                f"{task.kind}; {AGAIN}"
            )


def _shown(facts: TaskFacts, metric: str) -> str:
    return show(facts.constants.get(metric))
