"""What is reached without listening: the constant answer that the training set suggests.

For every metric the constant that scores best on the clips of train is chosen: the most frequent
class, the key whose relatives are most frequent, of the tempi of train the one that most others are
near, the mean. Of equals the first is taken. Tags need no choice, since every constant ranks all
clips alike: its ROC-AUC is 0.5, and its average precision the share of the clips that have the tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, IntArray, Kind
from mirbench.benchmark.scoring.metrics import key_score_table
from mirbench.benchmark.scoring.resampled import resampled_scores
from mirbench.benchmark.scoring.tempo import FACTORS, tempo_hits

#: A class by its label, or a value for each output; of tags nothing.
Constant = str | tuple[float, ...]

#: Of values, so that no machine writes another last digit.
_DECIMALS = 6


def constant_answers(
    metrics: Sequence[str], kind: Kind, labels: Sequence[str], train: npt.NDArray[Any]
) -> dict[str, Constant]:
    """Choose, for every metric, the constant answer that scores best on the training set.

    Parameters
    ----------
    metrics : sequence of str
        Names in `mirbench.benchmark.scoring.metrics.METRICS`.
    kind : {"multiclass", "multilabel", "regression"}
    labels : sequence of str
        Names of the outputs.
    train : ndarray, shape [n] or [n, n_outputs]
        Targets of the clips of train, as `encode_targets` makes them; for R² in the units in which
        it is computed.

    Returns
    -------
    dict
        Metric to a label (multiclass), a value per output (regression), or nothing (multilabel).

    Examples
    --------
    >>> constant_answers(["accuracy"], "multiclass", ["blues", "jazz"], np.array([1, 0, 1]))
    {'accuracy': 'jazz'}
    """
    if kind == "multiclass":
        return {metric: labels[_best_class(metric, train, len(labels))] for metric in metrics}
    if kind == "multilabel":
        return dict.fromkeys(metrics, ())
    return {metric: _best_values(metric, train) for metric in metrics}


def _best_class(metric: str, train: IntArray, n_classes: int) -> int:
    there = np.bincount(train, minlength=n_classes).astype(np.float64)
    if metric == "weighted_key_score":
        return int(np.argmax(np.round(there @ key_score_table(), 9)))
    if metric == "chroma_accuracy":
        return int(np.argmax([there[first % 12 :: 12].sum() for first in range(n_classes)]))
    if metric == "mean_recall":
        return int(np.argmax(there > 0))
    return int(np.argmax(there))


def _best_values(metric: str, train: npt.NDArray[Any]) -> tuple[float, ...]:
    if metric == "r2":
        best = train.mean(axis=0, dtype=np.float64)
    else:
        factors = FACTORS[:1] if metric == "acc1" else FACTORS
        tempi = np.unique(train, axis=0)
        hits = [tempo_hits(train, np.tile(tempo, (len(train), 1)), factors) for tempo in tempi]
        best = tempi[int(np.argmax(np.sum(hits, axis=1)))]
    return tuple(round(float(value), _DECIMALS) + 0.0 for value in best)


def constant_scores(
    constants: Mapping[str, Constant], labels: Sequence[str], targets: npt.NDArray[Any]
) -> dict[str, float]:
    """Score constant answers on a test set.

    Parameters
    ----------
    constants : mapping
        As `constant_answers` chose them.
    labels : sequence of str
        Names of the outputs.
    targets : ndarray, shape [n] or [n, n_outputs]
        Of the test clips.

    Returns
    -------
    dict
        Name of a score, those of single outputs included, to the score; best is 1. What cannot be
        scored on these clips is left out.

    Raises
    ------
    DataError
        If a constant is none of the labels, or has not a finite value per output.
    """
    scores: dict[str, float] = {}
    groups, once = np.zeros(len(targets), dtype=np.intp), np.ones((1, 1))
    for metric, constant in constants.items():
        outputs = np.tile(_outputs(constant, labels, targets.ndim), (len(targets), 1))
        found = resampled_scores([metric], targets, outputs, groups, counts=once, labels=labels)
        scores |= {name: float(drawn[0]) for name, drawn in found.items() if np.isfinite(drawn[0])}
    return scores


def _outputs(constant: Constant, labels: Sequence[str], dimensions: int) -> npt.NDArray[np.float64]:
    if isinstance(constant, str):
        if dimensions != 1 or constant not in labels:
            raise DataError(f"the constant answer {constant[:50]!r} is none of the labels")
        chosen = np.zeros(len(labels))
        chosen[list(labels).index(constant)] = 1
        return chosen
    values = np.array(constant if constant else [0.0] * len(labels))
    if dimensions != 2 or len(values) != len(labels) or not np.isfinite(values).all():
        raise DataError(f"a constant answer must have {len(labels)} finite values, one per output")
    return values
