"""Scores of rows over resamples of their test sets, the same for all who are compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError
from mirbench.benchmark.result import Predictions, Result, Row
from mirbench.benchmark.scoring.bootstrap import DRAWS_SEED, RESAMPLES, draw_counts
from mirbench.benchmark.scoring.repeated import resampled_means
from mirbench.benchmark.scoring.resampled import Counts
from mirbench.leaderboard.facts import TaskTest, describe_test, why_unranked
from mirbench.leaderboard.rows import read_test_set

Samples = npt.NDArray[np.float64]

#: How far a row's score may lie from what its predictions give: rounding of single precision.
_TOLERANCE = 1e-5


class Measure(NamedTuple):
    """What a row has a number for: a score, or its change by a deformation of the test clips."""

    metric: str
    change: bool = False


@dataclass(frozen=True, eq=False)
class SampledRow:
    """A row with its scores on the test set and on every resample.

    Attributes
    ----------
    samples : dict
        Score to an array of shape [RESAMPLES]; of a row of deformed clips also the change of each
        score against clean ones.
    test : TaskTest
        What all rows of its task and split were tested on.
    unranked : str or None
        Why it is not ranked with others.
    """

    row: Row
    samples: dict[Measure, Samples]
    test: TaskTest
    unranked: str | None = None

    @property
    def result(self) -> Result:
        """What stands in the row."""
        return self.row.result


def sample_rows(rows: Sequence[Row]) -> list[SampledRow]:
    """Resample the test sets of rows, task by task and split by split.

    Groups are drawn from those that any row of the task and split was tested
    on; a representation that lacks a clip is scored on the clips it has. Where
    no row lacks a whole group, intervals are those that the rows hold.

    Raises
    ------
    DataError
        As `mirbench.leaderboard.rows.read_test_set` and
        `mirbench.leaderboard.facts.describe_test`, and if a row's score does
        not follow from its predictions.
    """
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        parts.setdefault((row.result.task.name, row.result.task.split), []).append(row)
    return [sampled for part in parts.values() for sampled in _sample_part(part)]


def _sample_part(rows: Sequence[Row]) -> list[SampledRow]:
    tested = list(read_test_set(rows))
    names = sorted({group for distinct in {p.groups for p in tested} for group in distinct})
    number = {name: place for place, name in enumerate(names)}
    numbers = {
        groups: np.array([number[group] for group in groups], dtype=np.intp)
        for groups in {predictions.groups for predictions in tested}
    }
    counts = np.vstack([np.ones((1, len(names))), draw_counts(len(names))])

    test = describe_test(rows, _all_targets(tested), len(names))

    def sample(pair: tuple[Row, Predictions]) -> SampledRow:
        row, predictions = pair
        samples = _sample_row(row, predictions, numbers[predictions.groups], counts)
        return SampledRow(row, samples, test, why_unranked(row, predictions.clip_ids, test))

    # The ranking scores let go of the interpreter's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(sample, zip(rows, tested, strict=True)))


def _all_targets(tested: Sequence[Predictions]) -> npt.NDArray[Any]:
    """Targets of every clip that any row was tested on, in the order of their ids."""
    targets: dict[str, npt.NDArray[Any]] = {}
    for clip_ids, predictions in {p.clip_ids: p for p in tested}.items():
        targets |= zip(clip_ids, predictions.targets, strict=True)
    return np.array([targets[clip_id] for clip_id in sorted(targets)])


def _sample_row(
    row: Row, predictions: Predictions, groups: npt.NDArray[np.intp], counts: Counts
) -> dict[Measure, Samples]:
    task = row.result.task
    n_draws = row.result.draws or 1
    draws = np.vstack([np.ones((1, n_draws)), draw_counts(n_draws, seed=DRAWS_SEED)])

    def score(outputs: npt.NDArray[np.float32]) -> dict[str, Samples]:
        return resampled_means(
            task.metrics,
            predictions.targets,
            outputs,
            groups,
            counts=counts,
            draws=draws,
            labels=task.labels,
        )

    scores = score(predictions.outputs)
    drawn = {Measure(name): samples for name, samples in scores.items()}
    if predictions.clean is not None:
        clean = score(predictions.clean)
        drawn |= {Measure(name, True): scores[name] - clean[name] for name in scores}
    _check_stated(row, {measure: float(samples[0]) for measure, samples in drawn.items()})
    assert all(len(samples) == RESAMPLES + 1 for samples in drawn.values())
    return {measure: samples[1:] for measure, samples in drawn.items()}


def stated_values(result: Result) -> dict[Measure, float]:
    """Everything that a row has a number for, with the number; best is 1."""
    values = {Measure(name): score.value for name, score in result.scores.items()}
    if result.deformation is not None:
        drops = result.deformation.drops
        values |= {Measure(name, True): -drop.value for name, drop in drops.items()}
    return values


def _check_stated(row: Row, computed: dict[Measure, float]) -> None:
    """Check that a row says what follows from its predictions."""
    stated = stated_values(row.result)
    for measure in sorted(stated.keys() | computed.keys()):
        value, says = computed.get(measure, np.nan), stated.get(measure)
        if says is not None and abs(says - value) < _TOLERANCE:
            continue
        if measure.change:
            raise DataError(
                f"{row.path}: its predictions do not give the drop of {measure.metric} that the "
                "row says: run it again with --force"
            )
        raise DataError(
            f"{row.path}: its predictions give a {measure.metric} of {value:.6f}, but the row says "
            f"{'nothing' if says is None else f'{says:.6f}'}: run it again with --force"
        )
