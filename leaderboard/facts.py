"""What is known of a row's task without the row: its test set, its groups, its chance level.

Of the tasks of mirbench itself it stands in ``known/tasks.json``, where no row can change it; of
others the rows say it, and what most of them say is taken.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from mirbench.benchmark.api import DataError
from mirbench.benchmark.progress import count, say
from mirbench.benchmark.result import Row, TaskFacts, TaskRecord, facts_agree
from mirbench.benchmark.scoring.chance import constant_scores


@dataclass(frozen=True)
class TaskTest:
    """The test set of a task and split.

    Attributes
    ----------
    clips : int
        Clips that any row was tested on.
    groups : int
        Groups among them.
    facts : TaskFacts or None
        None: nothing is known, as of rows of older versions and tasks from elsewhere.
    chance : dict
        Name of a score to that of the best constant answer; best is 1.
    """

    clips: int
    groups: int
    facts: TaskFacts | None
    chance: dict[str, float] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What its groups are, in the singular."""
        return self.facts.group if self.facts else "group"


def describe_test(rows: Sequence[Row], targets: npt.NDArray[Any], groups: int) -> TaskTest:
    """Describe the test set of rows of one task and split.

    Parameters
    ----------
    rows : sequence of Row
    targets : ndarray, shape [n_clips] or [n_clips, n_outputs]
        Of all clips that any of them was tested on.
    groups : int

    Raises
    ------
    DataError
        If the rows name no possible constant.
    """
    task, facts = rows[0].result.task, facts_of(rows)
    constants = dict(facts.constants) if facts else {}
    if task.kind == "multilabel":
        # All constants have the same score, whatever the training set.
        constants = dict.fromkeys(task.metrics, ())
    try:
        chance = constant_scores(constants, task.labels, targets)
    except (DataError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{rows[0].path}: its facts cannot be ({error}): run it again") from error
    return TaskTest(len(targets), groups, facts, chance)


def facts_of(rows: Sequence[Row]) -> TaskFacts | None:
    """Find what is known of the task and split of rows.

    Of a task that mirbench does not know itself it is what more than half of the rows say. If
    there is no such, nothing is known, rather than one of them believed: then nothing is told
    from chance, and only rows without missing clips are ranked.
    """
    known = known_facts(rows[0].result.task)
    if known is not None:
        return known
    told = [(row, row.result.facts) for row in rows if row.result.facts is not None]
    alike: list[list[tuple[Row, TaskFacts]]] = []
    for pair in told:
        fellows = next((some for some in alike if facts_agree(some[0][1], pair[1])), None)
        if fellows is None:
            alike.append([pair])
        else:
            fellows.append(pair)
    if not alike:
        return None
    alike.sort(key=lambda some: -len(some))
    (row, facts), most = alike[0][0], len(alike[0])
    if len(alike) == 1:
        return facts
    believed = 2 * most > len(told)
    say(
        f"warning: {alike[1][0][0].path} says another thing of its task's labels (facts) than "
        f"{row.path}: "
        + (
            f"what {count(most, 'row', 'has', of=len(told))} is taken"
            if believed
            else "neither is believed, so no score is told from chance"
        )
        + "; run the one that is wrong again, or remove it"
    )
    return facts if believed else None


def known_facts(task: TaskRecord) -> TaskFacts | None:
    """Look a task of mirbench itself up; None if its version or split is another."""
    entry = _tasks().get(task.name)
    if entry is None or task.origin != "built-in" or entry["version"] != task.version:
        return None
    split = entry["splits"].get(task.split, {})
    if split.get("sha256") != task.split_sha256:
        return None
    return TaskFacts.model_validate({name: split[name] for name in TaskFacts.model_fields})


@functools.cache
def _tasks() -> dict[str, Any]:
    return dict(read_known("tasks"))


def read_known(name: str) -> Any:
    """Read a file of ``known/``."""
    folder = importlib.resources.files("mirbench.leaderboard") / "known"
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def why_unranked(row: Row, scored: Sequence[str], test: TaskTest) -> str | None:
    """Say why a row is not ranked with others; None: it is.

    A row must be scored on every clip of the test split but those that nobody can decode: who
    leaves out the hard ones takes an easier test.

    Parameters
    ----------
    row : Row
    scored : sequence of str
        Ids of the clips that its scores are of.
    test : TaskTest
    """
    lost = {clip.clip_id for clip in row.result.task.missing}.difference(scored)
    if test.facts is not None:
        whole, allowed = test.facts.test, len(lost.intersection(test.facts.faulty))
    else:
        whole, allowed = test.clips, 0
    if len(scored) >= whole - allowed:
        if test.facts is None and lost:
            return f"{count(len(lost), 'clip')} missing, not known from which split"
        return None
    return f"scored on {count(len(scored), 'clip', of=whole)}"
