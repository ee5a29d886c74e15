"""Scores against predictions: what a row says must follow from what lies beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mirbench.benchmark.api import DataError
from mirbench.benchmark.evaluation.robustness import score_drops
from mirbench.benchmark.evaluation.select import test_scores
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import DeformationRecord, Drop, Predictions, Result, Score
from mirbench.benchmark.scoring.worst import worst_outputs
from mirbench.benchmark.submissions.ground import AGAIN, Ground

#: Between a number of the row and the same number computed here: rounding, which differs
#: between versions of NumPy and scikit-learn.
TOLERANCE = 1e-6


def scored_ids(result: Result, ground: Ground) -> list[str]:
    """Clips of the test split, sorted, without those that are missing and do not count."""
    lost = {clip.clip_id for clip in result.task.missing if not clip.wrong}
    return [clip_id for clip_id in ground.split.ids("test") if clip_id not in lost]


def check_worst(result: Result, predictions: Predictions, ground: Ground) -> Iterator[str]:
    """Say which missing clips have other outputs than the worst, with which they are scored."""
    missing = {clip.clip_id for clip in result.task.missing}
    lacking = np.array([clip_id in missing for clip_id in predictions.clip_ids])
    if not lacking.any() or lacking.all():
        return
    # A clip that is missing only once it is deformed has clean outputs of its own.
    task, outputs = ground.task, predictions.outputs
    targets = predictions.targets[lacking]
    expected = worst_outputs(task.kind, task.metrics, task.labels, outputs[~lacking], targets)
    if not np.array_equal(outputs[lacking], expected):
        yield (
            f"predictions: {count(int(lacking.sum()), 'clip', 'is')} missing and must be "
            f"scored as wrong, but the outputs are not the worst; {AGAIN}"
        )


def check_ids(clip_ids: Sequence[str], result: Result, ground: Ground) -> Iterator[str]:
    """Say which clips are not those of the test split that are scored, in order."""
    expected = scored_ids(result, ground)
    known, given = set(expected), set(clip_ids)
    split = f"the test split of {ground.task.name}.{ground.split.name}"
    if foreign := [clip_id for clip_id in clip_ids if clip_id not in known]:
        yield (
            f"predictions: {count(len(foreign), 'clip', 'is')} either not of {split} or named as "
            f"missing, the first {show(foreign[0])}; predict the test split and nothing else"
        )
    if absent := [clip_id for clip_id in expected if clip_id not in given]:
        yield (
            f"predictions: of {split}, {count(len(absent), 'clip', 'has')} none, "
            f"the first {show(absent[0])}; predict every clip, or name it in task.missing"
        )
    if len(given) < len(clip_ids):
        yield "predictions: a clip id stands there twice; each clip counts once"
    if known == given and list(clip_ids) != expected:
        yield "predictions: the clips are not sorted by id; hand in the file that mirbench wrote"


def check_scores(result: Result, predictions: Predictions, ground: Ground) -> Iterator[str]:
    """Say which scores, intervals and counts do not follow from the predictions."""
    try:
        with np.errstate(all="ignore"):
            computed = test_scores(ground.task, predictions)
    except (DataError, ValueError) as error:  # a pydantic error is a ValueError
        yield f"scores: cannot be computed from the predictions: {show(str(error), 200)}"
        return
    for name in sorted(set(result.scores) - set(computed)):
        yield (
            f"scores.{show(name)[1:-1]}: is no score of task {ground.task.name}, which has "
            f"{', '.join(computed)}; remove it"
        )
    for name, score in computed.items():
        stated = result.scores.get(name)
        if stated is None:
            yield f"scores.{name}: is not there; a row has every score of its task"
        else:
            yield from _compare(name, stated, score)
    if result.deformation is not None:
        yield from _check_drops(result.deformation, score_drops(ground.task, predictions))


def _check_drops(stated: DeformationRecord, computed: Mapping[str, Drop]) -> Iterator[str]:
    if stated.drops.keys() != computed.keys():
        yield f"deformation.drops: must be of {', '.join(computed)}; run the row again"
        return
    for name, drop in computed.items():
        for end in ("value", "low", "high"):
            here, there = getattr(drop, end), getattr(stated.drops[name], end)
            if not abs(here - there) <= TOLERANCE:
                yield (
                    f"deformation.drops.{name}.{end}: the row says {there:.6f}, its predictions "
                    f"give {here:.6f}; scores are not edited by hand: run the row again"
                )


def _compare(name: str, stated: Score, score: Score) -> Iterator[str]:
    if stated.value < 0 and not name.startswith("r2"):
        yield f"scores.{name}.value: {stated.value} is outside its range, 0 to 1"
    for end, what in (("value", "score"), ("low", "lower end"), ("high", "upper end")):
        here, there = getattr(score, end), getattr(stated, end)
        if not abs(here - there) <= TOLERANCE:
            yield (
                f"scores.{name}.{end}: the row says {there:.6f}, its predictions give the {what} "
                f"{here:.6f}; scores are not edited by hand: run the row again"
            )
    for key, what in (("n", "test clip"), ("groups", "group")):
        if getattr(stated, key) != getattr(score, key):
            yield (
                f"scores.{name}.{key}: is {getattr(stated, key)}, but the predictions have "
                f"{count(getattr(score, key), what)}; run the row again"
            )
