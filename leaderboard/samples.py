"""Scores of rows over resamples of their test sets, the same for all who are compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError
from mirbench.benchmark.result import DeformationRecord, Predictions, Row
from mirbench.benchmark.scoring.bootstrap import DRAWS_SEED, RESAMPLES, draw_counts
from mirbench.benchmark.scoring.repeated import resampled_means
from mirbench.benchmark.scoring.resampled import Counts
from mirbench.leaderboard.names import CHANGE
from mirbench.leaderboard.rows import read_test_set

Samples = npt.NDArray[np.float64]

#: How far a row's score may lie from what its predictions give: rounding of single precision.
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class SampledRow:
    """A row with its scores on the test set and on every resample.

    Attributes
    ----------
    samples : dict
        Score name to an array of shape [RESAMPLES]; of a row of deformed clips also the change
        of each score against clean ones, under its name and `CHANGE`.
    """

    row: Row
    samples: dict[str, Samples]


def sample_rows(rows: Sequence[Row]) -> list[SampledRow]:
    """Resample the test sets of rows, task by task and split by split.

    Groups are drawn from those that any row of the task and split was tested
    on; a representation that lacks a clip is scored on the clips it has. Where
    no row lacks a whole group, intervals are those that the rows hold.

    Raises
    ------
    DataError
        As `mirbench.leaderboard.rows.read_test_set`, and if a row's score
        does not follow from its predictions.
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

    def sample(pair: tuple[Row, Predictions]) -> SampledRow:
        return _sample_row(*pair, numbers[pair[1].groups], counts)

    # The ranking scores let go of the interpreter's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(sample, zip(rows, tested, strict=True)))


def _sample_row(
    row: Row, predictions: Predictions, groups: npt.NDArray[np.intp], counts: Counts
) -> SampledRow:
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
    changes: dict[str, Samples] = {}
    if row.result.deformation is not None and predictions.clean is not None:
        clean = score(predictions.clean)
        changes = {name + CHANGE: scores[name] - clean[name] for name in scores}
        _check_drops(row, row.result.deformation, changes)
    for name in sorted(set(scores) | set(row.result.scores)):
        stated = row.result.scores.get(name)
        computed = scores[name][0] if name in scores else np.nan
        if stated is None or not abs(stated.value - computed) < _TOLERANCE:
            says = "nothing" if stated is None else f"{stated.value:.6f}"
            raise DataError(
                f"{row.path}: its predictions give a {name} of {computed:.6f}, but the row says "
                f"{says}: run it again with --force"
            )
    assert all(len(drawn) == RESAMPLES + 1 for drawn in scores.values())
    return SampledRow(row, {name: drawn[1:] for name, drawn in (scores | changes).items()})


def _check_drops(row: Row, deformation: DeformationRecord, changes: dict[str, Samples]) -> None:
    stated = {name + CHANGE: -drop.value for name, drop in deformation.drops.items()}
    wrong = sorted(stated.keys() ^ changes.keys())
    both = stated.keys() & changes.keys()
    wrong += sorted(n for n in both if not abs(stated[n] - changes[n][0]) < _TOLERANCE)
    if wrong:
        raise DataError(
            f"{row.path}: its predictions do not give the drop of {wrong[0].removesuffix(CHANGE)} "
            "that the row says: run it again with --force"
        )
