"""Rows with predictions from which their scores follow, in the sizes of the real test sets."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from mirbench.benchmark.result import (
    MissingClip,
    Predictions,
    Result,
    Verification,
    read_result,
    row_sha256,
    write_result,
    write_verification,
)
from mirbench.benchmark.scoring.resampled import resampled_scores

#: Task: kind, outputs, metrics, test clips, groups.
SIZES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], int, int]] = {
    "magnatagatune": (
        "multilabel",
        tuple(f"tag {n}" for n in range(50)),
        ("roc_auc", "average_precision"),
        5329,
        105,
    ),
    "gtzan": ("multiclass", tuple(f"genre {n}" for n in range(10)), ("accuracy",), 290, 290),
    "giantsteps": (
        "multiclass",
        tuple(f"key {n}" for n in range(24)),
        ("weighted_key_score", "accuracy"),
        604,
        565,
    ),
    "emomusic": ("regression", ("arousal", "valence"), ("r2",), 125, 110),
    "rendered_key": (
        "multiclass",
        tuple(f"key {n}" for n in range(24)),
        ("weighted_key_score", "accuracy"),
        72,
        12,
    ),
    "rendered_tempo": ("regression", ("tempo",), ("r2",), 72, 12),
    "rendered_instruments": (
        "multilabel",
        ("bass", "flute", "organ", "piano"),
        ("roc_auc", "average_precision"),
        72,
        12,
    ),
    "rendered_chords": ("multiclass", ("I-IV", "I-V", "vi-ii"), ("accuracy",), 72, 12),
}


def with_scores(result: Result, predictions: Predictions) -> Result:
    """Give the row whose scores follow from the predictions; intervals are made up."""
    groups = np.zeros(len(predictions.clip_ids), dtype=np.intp)
    task = result.task
    found = resampled_scores(
        task.metrics, predictions.targets, predictions.outputs, groups, np.ones((1, 1)), task.labels
    )
    base = {"n": len(predictions.clip_ids), "groups": len(set(predictions.groups))}
    scores = {
        name: {"value": float(drawn[0]), "low": float(drawn[0]) - 0.1, "high": float(drawn[0])}
        for name, drawn in found.items()
    }
    content = result.model_dump(mode="json")
    content["scores"] = {name: score | base for name, score in scores.items()}
    content["task"]["counts"]["test"] = base["n"]
    return Result.model_validate(content)


def made_predictions(task: str, split: str, skill: float, seed: int) -> Predictions:
    """Make the outputs of a probe up: the targets and noise, the more the less its skill."""
    kind, labels, _, n, n_groups = SIZES[task]
    fixed = np.random.default_rng(sum(map(ord, task + split)))
    own = np.random.default_rng(seed)
    groups = np.r_[np.arange(n_groups), fixed.integers(0, n_groups, n - n_groups)]
    noise = own.normal(size=(n, len(labels))).astype(np.float32)
    targets: Any
    if kind == "multiclass":
        targets = fixed.integers(0, len(labels), n)
        outputs = skill * np.eye(len(labels), dtype=np.float32)[targets] + noise
    elif kind == "multilabel":
        # A clip of MagnaTagATune has 2.7 of the 50 tags.
        often = fixed.uniform(0.02, 0.09, len(labels)) if n > 1000 else 0.3
        targets = (fixed.random((n, len(labels))) < often).astype(np.int64)
        targets[:2] = [[0], [1]]
        outputs = skill * targets.astype(np.float32) + noise
    else:
        targets = fixed.normal(size=(n, len(labels))).astype(np.float32)
        outputs = targets + noise / np.float32(skill)
    return Predictions(
        tuple(f"{number:05d}" for number in range(n)),
        tuple(f"group {number}" for number in groups),
        outputs.astype(np.float32),
        targets,
    )


def write_row(
    folder: Path,
    make_result: Callable[..., Result],
    representation: str,
    task: str,
    split: str = "paper",
    skill: float = 2.0,
    seed: int = 0,
    **fields: Any,
) -> Path:
    """Write a row of one of the tasks `SIZES` and give its path."""
    kind, labels, metrics, _, _ = SIZES[task]
    board = "rendered" if task.startswith("rendered") else "paper"
    row = make_result(
        representation, task=task, split=split, metrics=metrics, board=board, **fields
    )
    content = row.model_dump(mode="json")
    content["task"] |= {"kind": kind, "labels": labels, "missing": []}
    predictions = made_predictions(task, split, skill, seed)
    return write_result(
        folder, with_scores(Result.model_validate(content), predictions), predictions
    )


def write_short_row(
    folder: Path,
    make_result: Callable[..., Result],
    representation: str,
    task: str,
    kept: int,
    **fields: Any,
) -> Path:
    """Write a row that was scored on the first clips only, and names the others as missing."""
    whole = read_result(write_row(folder, make_result, representation, task, skill=30, **fields))
    every = made_predictions(task, "paper", 30, 0)
    some = Predictions(
        every.clip_ids[:kept],
        every.groups[:kept],
        every.outputs[:kept],
        np.asarray(every.targets)[:kept],
    )
    lost = tuple(MissingClip(clip_id=name, reason="not there") for name in every.clip_ids[kept:])
    task_record = whole.task.model_copy(update={"missing": lost})
    row = with_scores(whole.model_copy(update={"task": task_record}), some)
    return write_result(folder, row, some)


def verify(row: Path, by: str) -> None:
    """Write a verification of a row."""
    write_verification(
        row,
        Verification(
            row_sha256=row_sha256(row),
            by=by,
            date=datetime.date(2026, 11, 5),
            mirbench="0.1.0",
            device="cpu",
            fingerprint="0123456789abcdef",
            clips=10,
            difference=0.0002,
        ),
    )


def write_board(folder: Path, make_result: Callable[..., Result], n_representations: int) -> None:
    """Write `n_representations` × 8 tasks × 2 splits, without waiting for the disk."""
    rng = np.random.default_rng(0)
    with mock.patch("os.fsync"):
        for number in range(n_representations):
            skill = 1.0 + 2.0 * number / n_representations
            for place, task in enumerate(SIZES):
                for split in ("paper", "artist"):
                    write_row(
                        folder,
                        make_result,
                        f"representation-{number:03d}",
                        task,
                        split,
                        skill=float(skill * rng.uniform(0.9, 1.1)),
                        seed=1000 * number + 10 * place + len(split),
                        seconds=float(np.round(10 ** rng.uniform(0, 5), 3)),
                    )
