"""Rows of a folder with their predictions, checked against each other.

A comparison is only as true as its premise, so before any statistics: every
score follows from the predictions beside it, and all rows of a task and split
were tested on the same clips, with the same targets and groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import DataError
from mirbench.benchmark.progress import count
from mirbench.benchmark.result import (
    Predictions,
    Result,
    Row,
    predictions_path,
    read_predictions,
    read_result,
    rows_below,
)
from mirbench.benchmark.scoring.metrics import METRICS


def read_rows(folder: Path) -> list[Row]:
    """Read every row below a folder, sorted by path.

    Raises
    ------
    DataError
        If there is no such folder, a file in it is not a row, a row is of a few clips only, is not
        where its contents say, or rows of one table are not comparable; or, on the board itself,
        if a row is of a model object.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    rows = []
    on_board = Path(os.path.abspath(folder)).parts[-2:] == ("leaderboard", "results")
    first: dict[tuple[str, ...], Row] = {}
    for path in rows_below(folder):
        row = Row(path, read_result(path))
        if row.result.protocol.limit is not None:
            raise DataError(
                f"{path} is of a few clips only (--limit), which no board takes: move it"
            )
        if row.result.representation.live and on_board:
            raise DataError(
                f"{path} is of a model object in Python, which nobody can run again by its name: "
                "move it, and measure a plugin file of the model"
            )
        _check_place(folder, row)
        _check_metrics(row)
        for key, facts in _must_agree(row.result).items():
            other = first.setdefault(key, row)
            if _must_agree(other.result)[key] != facts:
                raise DataError(
                    f"{path} and {other.path} are of different {key[0]}, so they cannot stand in "
                    "one table: run the older one again, or remove it"
                )
        rows.append(row)
    return rows


def _must_agree(result: Result) -> dict[tuple[str, ...], tuple[object, ...]]:
    task, protocol = result.task, result.protocol
    return {
        ("versions of the split", task.name, task.split): (task.split_sha256,),
        ("versions of the task", task.name): (
            task.version,
            task.labels,
            task.metrics,
            task.board,
            task.origin,
            task.fingerprint,
        ),
        ("versions of the protocol", result.protocol_label): (
            protocol.hash,
            protocol.main_board,
            result.deformation and result.deformation.version,
        ),
    }


def _check_metrics(row: Row) -> None:
    task = row.result.task
    unknown = [metric for metric in task.metrics if metric not in METRICS]
    if unknown:
        raise DataError(f"{row.path}: there is no metric {unknown[0][:50]!r}: run the row again")


def _check_place(folder: Path, row: Row) -> None:
    place = folder / row.result.place
    if row.path != place:
        raise DataError(f"{row.path} says that it belongs at {str(place)[:400]}: move it there")


def read_test_set(rows: Sequence[Row]) -> Iterator[Predictions]:
    """Read the predictions of rows of one task and split, checked against the first.

    Raises
    ------
    DataError
        If predictions are absent or damaged, are not those of the row, or
        two rows give one clip different targets or groups.
    """
    reference: Predictions | None = None
    facts: dict[str, tuple[str, bytes]] = {}
    for row in rows:
        predictions = read_predictions(row.path)
        _check_shape(row, predictions)
        if reference is not None and _same_clips(reference, predictions):
            # One array of targets in memory, not one per row.
            yield Predictions(
                reference.clip_ids,
                reference.groups,
                predictions.outputs,
                reference.targets,
                predictions.clean,
            )
            continue
        for clip_id, group, target in zip(
            predictions.clip_ids, predictions.groups, predictions.targets, strict=True
        ):
            fact = (group, np.asarray(target).tobytes())
            if facts.setdefault(clip_id, fact) != fact:
                raise DataError(
                    f"{predictions_path(row.path)}: the group or target of clip {clip_id!r} is "
                    f"not that of other rows, such as {rows[0].path}: run the row again"
                )
        reference = reference or predictions
        yield predictions


def _same_clips(reference: Predictions, other: Predictions) -> bool:
    return (
        reference.clip_ids == other.clip_ids
        and reference.groups == other.groups
        and reference.targets.dtype == other.targets.dtype
        and np.array_equal(reference.targets, other.targets)
    )


def _check_shape(row: Row, predictions: Predictions) -> None:
    n, n_outputs = row.result.task.tested, len(row.result.task.labels)
    draws = row.result.draws
    shape = (n, n_outputs) if draws is None else (n, draws, n_outputs)
    deformed = row.result.deformation is not None
    clean = predictions.clean
    fits = (deformed == (clean is not None) and (clean is None or np.isfinite(clean).all())) and (
        len(predictions.clip_ids) == len(predictions.groups) == len(predictions.targets) == n > 0
        and predictions.outputs.shape == shape
        and np.isfinite(predictions.outputs).all()
    )
    if not fits:
        raise DataError(
            f"{predictions_path(row.path)} does not hold finite outputs for the "
            f"{count(n, 'test clip')} of its row: run the row again"
        )
