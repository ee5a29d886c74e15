"""A few labelled clips per label, drawn again and again: what MTEB calls classification.

A draw goes through the labels from the rarest to the most frequent. Each is given clips until it
has as many as the protocol says, those that came with labels before it included, or until there
are no more; and each clip comes from the group of which the label has fewest clips so far, so that
eight clips are of eight artists where there are as many. Which of them, a digest of seed, draw
and clip id decides: a clip that a representation lacks changes nothing about the others.

The probe is a logistic regression with an L2 penalty: over the classes (multinomial), or one
for each tag, trained on the clips of the draw that have it observed. Of a clip with windows, all
windows are trained on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from mirbench.benchmark.api import UNOBSERVED, DataError, IntArray
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.fixed import (
    Matrix,
    Probed,
    of_clips,
    one_hot,
    standardised,
    valid_score,
)
from mirbench.benchmark.protocol import FewShot
from mirbench.benchmark.scoring.metrics import Way

#: Logarithm of the probability of a class of which there is no clip: none, in numbers.
_NEVER = -100.0

#: Steps of the solver, which takes some dozens.
_STEPS = 1000


def every_draw(
    data: ProbeData, clips: Sequence[str], groups: Sequence[str], protocol: FewShot
) -> list[IntArray]:
    """Say which training rows belong to each draw: `drawn_rows`, the same for every layer.

    Parameters
    ----------
    data : ProbeData
        Its training targets count.
    clips, groups, protocol
        As for `drawn_rows`.

    Raises
    ------
    DataError
        If the targets are values.
    """
    if data.kind == "regression":
        raise DataError(f"protocol {protocol.name} needs labels, and these are values")
    labels = one_hot(data)
    return [drawn_rows(labels, clips, groups, protocol, draw) for draw in range(protocol.draws)]


def probe_few(data: ProbeData, drawn: Sequence[IntArray], protocol: FewShot) -> Probed:
    """Train a logistic regression on every draw of training clips.

    Parameters
    ----------
    data : ProbeData
        Embeddings and targets of the three splits; not a regression task.
    drawn : sequence of ndarray of int
        Training rows of each draw: those of `every_draw`.
    protocol : FewShot

    Returns
    -------
    Probed
        With the outputs of every draw: logarithms of probabilities per class, or the log-odds of
        a tag; of a clip with windows, of the mean probability, or the mean log-odds.

    Raises
    ------
    DataError
        If fewer than two classes have a training clip.
    """
    train, valid, test = standardised(data)
    way: Way = "mean" if data.kind == "multiclass" else "gmean"
    valid_outputs, test_outputs = [], []
    for chosen in drawn:
        few, rest = _fewer_dimensions(train[chosen], (valid, test))
        # Products this small take longer in several threads, and round otherwise.
        with threadpool_limits(1):
            found = _outputs(data, few, data.y_train[chosen], rest, protocol.c)
        valid_outputs.append(of_clips(found[0], data.clips_valid, way))
        test_outputs.append(of_clips(found[1], data.clips_test, way))
    score = valid_score(data, np.stack(valid_outputs, axis=1))
    return Probed(score, np.stack(test_outputs, axis=1))


def drawn_rows(
    labels: npt.NDArray[Any],
    clips: Sequence[str],
    groups: Sequence[str],
    protocol: FewShot,
    draw: int,
) -> IntArray:
    """Say which training rows belong to a draw.

    Parameters
    ----------
    labels : ndarray of 0 and 1 (and `UNOBSERVED`), shape [n, n_labels]
        Of each training row; windows of a clip have its labels.
    clips, groups : sequence of str
        Clip id and group of each training row.
    protocol : FewShot
    draw : int
        From 0.

    Returns
    -------
    ndarray of int
        Places of the rows, in their order.
    """
    first = {clip: row for row, clip in reversed(list(enumerate(clips)))}
    ranked = sorted(first, key=lambda clip: _key(protocol.seed, draw, clip))
    members = labels[[first[clip] for clip in ranked]] > 0
    group = [groups[first[clip]] for clip in ranked]
    taken = np.zeros(len(ranked), dtype=bool)
    for label in np.argsort(members.sum(axis=0), kind="stable"):
        has = members[:, label]
        wanted = protocol.clips_per_label - int((has & taken).sum())
        if wanted <= 0:
            continue
        seen = Counter(group[place] for place in np.flatnonzero(has & taken))
        order = []
        for place in np.flatnonzero(has & ~taken):
            order.append((seen[group[place]], int(place)))
            seen[group[place]] += 1
        taken[[place for _, place in sorted(order)[:wanted]]] = True
    chosen = {clip for clip, is_taken in zip(ranked, taken, strict=True) if is_taken}
    return np.array([row for row, clip in enumerate(clips) if clip in chosen], dtype=np.int64)


def _key(seed: int, draw: int, clip: str) -> bytes:
    return hashlib.sha256(f"{seed} {draw} {clip}".encode()).digest()


def _fewer_dimensions(few: Matrix, others: Sequence[Matrix]) -> tuple[Matrix, list[Matrix]]:
    """Describe rows by as many dimensions as there are rows to train on.

    The penalty keeps the weights within the span of these, so nothing is lost.
    """
    if len(few) >= few.shape[1]:
        return few, list(others)
    span, _ = np.linalg.qr(few.T)
    return few @ span, [X @ span for X in others]


def _outputs(
    data: ProbeData, few: Matrix, y: npt.NDArray[Any], others: Sequence[Matrix], c: float
) -> list[Matrix]:
    if data.kind == "multiclass":
        return _classes(few, y, data.outputs, others, c)
    columns = [_tag(few, y[:, tag], others, c) for tag in range(data.outputs)]
    return [np.stack(parts, axis=1) for parts in zip(*columns, strict=True)]


def _classes(
    few: Matrix, y: npt.NDArray[Any], n_classes: int, others: Sequence[Matrix], c: float
) -> list[Matrix]:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(y)) < 2:
        raise DataError("fewer than two classes have a training clip")
    model = LogisticRegression(C=c, max_iter=_STEPS).fit(few, y)
    outputs = []
    for X in others:
        logs = np.full((len(X), n_classes), _NEVER)
        logs[:, model.classes_] = np.maximum(model.predict_log_proba(X), _NEVER)
        outputs.append(logs)
    return outputs


def _tag(few: Matrix, y: npt.NDArray[Any], others: Sequence[Matrix], c: float) -> list[Matrix]:
    from sklearn.linear_model import LogisticRegression

    few, y = few[y != UNOBSERVED], y[y != UNOBSERVED]
    if len(np.unique(y)) < 2:
        # Who has seen a tag everywhere, or nowhere, cannot tell clips apart by it.
        return [np.zeros(len(X)) for X in others]
    model = LogisticRegression(C=c, max_iter=_STEPS).fit(few, y)
    return [model.decision_function(X) for X in others]
