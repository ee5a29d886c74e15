"""Protocols without a grid, against plain programs; and which clips are drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mirbench.benchmark.api import UNOBSERVED, DataError
from mirbench.benchmark.probing import ProbeData
from mirbench.benchmark.probing.fewshot import drawn_rows, every_draw, probe_few
from mirbench.benchmark.probing.fixed import Probed
from mirbench.benchmark.probing.neighbours import probe_neighbours
from mirbench.benchmark.protocol import FEWSHOT, KNN

N, DIMS = 240, 12


def made(kind: Any, dims: int = DIMS, **fields: Any) -> ProbeData:
    """Make embeddings up that tell something of their targets, on scales far apart."""
    rng = np.random.default_rng(3)
    if kind == "multiclass":
        y: Any = np.arange(N) % 5
        signal = np.eye(5)[y]
    else:
        tags = rng.random((N, 3)) < [0.2, 0.5, 0.8]
        y = tags.astype(np.int64) if kind == "multilabel" else rng.normal(size=(N, 2))
        signal = np.asarray(y, dtype=float)
    X = rng.normal(0, 0.8, (N, dims))
    X[:, : signal.shape[1]] += signal
    X = (X * 10.0 ** rng.integers(-2, 3, dims) + 7).astype(np.float32)
    y = y.astype(np.float32) if kind == "regression" else y
    cut = (slice(0, 140), slice(140, 180), slice(180, N))
    parts = [(X[part], y[part]) for part in cut]
    return ProbeData(kind, *(array for pair in parts for array in pair), **fields)


def names(n: int, of_a_group: int = 4) -> tuple[list[str], list[str]]:
    return [f"clip {i:03d}" for i in range(n)], [f"artist {i // of_a_group}" for i in range(n)]


def probed_few(data: ProbeData, clips: list[str], groups: list[str]) -> Probed:
    return probe_few(data, every_draw(data, clips, groups, FEWSHOT), FEWSHOT)


def test_a_draw_has_eight_clips_of_eight_groups_of_every_label() -> None:
    clips, groups = names(200)
    labels = np.eye(5)[np.arange(200) % 5]
    drawn = [drawn_rows(labels, clips, groups, FEWSHOT, draw) for draw in range(10)]
    for rows in drawn:
        assert (labels[rows].sum(axis=0) == 8).all()
        for label in range(5):
            of_label = [groups[row] for row in rows if labels[row, label]]
            assert len(set(of_label)) == 8
    assert len({tuple(rows) for rows in drawn}) == 10


def test_groups_are_as_even_as_they_can_be_where_there_are_few() -> None:
    clips, _ = names(60)
    groups = [f"artist {min(i // 20, 2)}" for i in range(60)]
    rows = drawn_rows(np.eye(2)[np.arange(60) % 2], clips, groups, FEWSHOT, 0)
    for label in range(2):
        counts = Counter(groups[row] for row in rows if row % 2 == label)
        assert sorted(counts.values()) == [2, 3, 3]


def test_tags_share_clips_and_a_rare_tag_gets_all_there_are() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 4)) < [0.01, 0.1, 0.5, 0.9]).astype(np.int64)
    clips, groups = names(300, of_a_group=1)
    rows = drawn_rows(labels, clips, groups, FEWSHOT, 0)
    found = labels[rows].sum(axis=0)
    assert found[0] == min(8, labels[:, 0].sum())
    assert (found[1:] >= 8).all()
    assert len(rows) <= 4 * 8


def test_a_clip_that_is_missing_moves_no_other() -> None:
    clips, groups = names(200)
    labels = np.eye(5)[np.arange(200) % 5]
    whole = {clips[row] for row in drawn_rows(labels, clips, groups, FEWSHOT, 0)}
    lost = next(i for i, clip in enumerate(clips) if clip not in whole)
    keep = [i for i in range(200) if i != lost]
    rows = drawn_rows(labels[keep], [clips[i] for i in keep], [groups[i] for i in keep], FEWSHOT, 0)
    assert {clips[keep[row]] for row in rows} == whole


def test_all_windows_of_a_clip_are_drawn_with_it() -> None:
    clips = [f"clip {i // 3:03d}" for i in range(300)]
    labels = np.eye(2)[np.arange(300) // 3 % 2]
    rows = drawn_rows(labels, clips, clips, FEWSHOT, 0)
    assert len(rows) == 3 * 16
    assert set(Counter(clips[row] for row in rows).values()) == {3}


@pytest.mark.parametrize("dims", [DIMS, 150])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_few_shot_is_a_plain_logistic_regression(kind: str, dims: int) -> None:
    """Also where there are more dimensions than clips, which are then fewer."""
    data = made(kind, dims)
    clips, groups = names(140)
    probed = probed_few(data, clips, groups)
    assert probed.test_outputs.shape == (60, 10, data.outputs)
    scaler = StandardScaler().fit(data.X_train.astype(np.float64))
    train, test = (scaler.transform(X.astype(np.float64)) for X in (data.X_train, data.X_test))
    labels = np.eye(5)[data.y_train] if kind == "multiclass" else data.y_train
    for draw in range(2):
        rows = drawn_rows(labels, clips, groups, FEWSHOT, draw)
        model = LogisticRegression(C=1.0, max_iter=5000, tol=1e-6)
        with threadpool_limits(1):
            if kind == "multiclass":
                expected = model.fit(train[rows], data.y_train[rows]).predict_log_proba(test)
            else:
                fits = [model.fit(train[rows], y).decision_function(test) for y in labels[rows].T]
                expected = np.stack(fits, axis=1)
        np.testing.assert_allclose(probed.test_outputs[:, draw], expected, atol=0.02)
    assert 0 <= probed.valid <= 1


def test_a_class_without_a_clip_is_never_chosen_and_one_class_is_refused() -> None:
    data = made("multiclass", n_outputs=6)
    outputs = probed_few(data, *names(140)).test_outputs
    assert np.isfinite(outputs).all()
    assert (outputs[..., 5] == outputs.min()).all()
    only = made("multiclass")
    object.__setattr__(only, "y_train", np.zeros(140, dtype=np.int64))
    with pytest.raises(DataError, match="fewer than two classes"):
        probed_few(only, *names(140))


def test_values_have_no_clips_per_label() -> None:
    with pytest.raises(DataError, match="needs labels"):
        probed_few(made("regression"), *names(140))


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_neighbours_are_those_of_scikit_learn(kind: str) -> None:
    data = made(kind)
    probed = probe_neighbours(data, KNN)
    scaler = StandardScaler().fit(data.X_train.astype(np.float64))
    train, test = (scaler.transform(X.astype(np.float64)) for X in (data.X_train, data.X_test))
    options: Any = {
        "n_neighbors": 10,
        "metric": "cosine",
        "weights": lambda distance: np.exp((1 - distance) / 0.07),
    }
    if kind == "multiclass":
        model = KNeighborsClassifier(**options).fit(train, data.y_train)
        expected = model.predict_proba(test)
    else:
        targets = data.y_train.astype(float)
        expected = KNeighborsRegressor(**options).fit(train, targets).predict(test)
    np.testing.assert_allclose(probed.test_outputs, expected, atol=1e-5)


def with_unobserved(data: ProbeData) -> ProbeData:
    """Forget whether tags 1 and 2 apply to two in three training rows; of tag 2, to all."""
    y_train = data.y_train.copy()
    y_train[np.arange(len(y_train)) % 3 > 0, 1] = UNOBSERVED
    y_train[:, 2] = UNOBSERVED
    return replace(data, y_train=y_train)


def test_only_rows_that_have_a_tag_observed_vote_on_it() -> None:
    data, partial = made("multilabel"), with_unobserved(made("multilabel"))
    outputs = probe_neighbours(partial, KNN).test_outputs
    seen = np.flatnonzero(partial.y_train[:, 1] != UNOBSERVED)
    # Standardised with all rows: 47 rows of a third are the 47 that are there.
    scaled = StandardScaler().fit(data.X_train.astype(float))
    few = replace(
        data,
        X_train=scaled.transform(data.X_train)[seen].astype(np.float32),
        X_test=scaled.transform(data.X_test).astype(np.float32),
        y_train=data.y_train[seen],
    )
    unit = [X / np.linalg.norm(X, axis=1, keepdims=True) for X in (few.X_train, few.X_test)]
    model = KNeighborsClassifier(
        KNN.k, weights=lambda d: np.exp((1 - d**2 / 2) / KNN.temperature)
    ).fit(unit[0], few.y_train[:, 1])
    expected = model.predict_proba(unit[1])[:, 1]
    np.testing.assert_allclose(outputs[:, 1], expected, atol=1e-4)
    np.testing.assert_array_equal(outputs[:, 0], probe_neighbours(data, KNN).test_outputs[:, 0])
    assert (outputs[:, 2] == 0).all()


def test_few_shots_of_a_tag_are_those_that_have_it_observed() -> None:
    data = made("multilabel")
    clips, groups = names(len(data.X_train))
    partial = with_unobserved(data)
    rows = drawn_rows(partial.y_train, clips, groups, FEWSHOT, 0)
    assert (partial.y_train[rows, 1] == 1).sum() == 8
    outputs = probed_few(partial, clips, groups).test_outputs[:, 0]
    seen = rows[partial.y_train[rows, 1] != UNOBSERVED]
    scaled = StandardScaler().fit(data.X_train.astype(float))
    with threadpool_limits(1):
        model = LogisticRegression(C=FEWSHOT.c, max_iter=1000).fit(
            scaled.transform(data.X_train[seen].astype(float)), partial.y_train[seen, 1]
        )
    expected = model.decision_function(scaled.transform(data.X_test.astype(float)))
    np.testing.assert_allclose(outputs[:, 1], expected, atol=0.01)
    assert (outputs[:, 2] == 0).all()


def test_of_equal_rows_the_earlier_vote_and_windows_are_averaged() -> None:
    y = np.array([1] * 10 + [0] * 20)
    X = np.tile(np.array([[1.0, 2.0]], np.float32), (30, 1))
    X[0] = [2.0, 1.0]  # or there would be no spread
    other = np.array([[1.0, 2.0], [2.0, 1.0]], np.float32)
    clips = np.array([0, 0])
    data = ProbeData(
        "multiclass", X, y, other[:1], y[:1], other, y[[0, 0]], clips_test=clips, n_outputs=2
    )
    rows = np.array(probe_neighbours(data, KNN).test_outputs)
    assert rows.shape == (1, 2)
    # The first window is equal to rows 1 to 29: rows 1 to 10 vote, of which the last is of 0.
    # The second is equal to row 0, whose class is 1; the rest are its opposite.
    assert rows[0, 0] == pytest.approx((0.1 + 0.0) / 2, abs=1e-4)


def test_fewer_training_rows_than_neighbours_all_vote() -> None:
    data = made("multiclass")
    few = ProbeData(
        "multiclass",
        data.X_train[:6],
        data.y_train[:6],
        data.X_valid,
        data.y_valid,
        data.X_test,
        data.y_test,
    )
    np.testing.assert_allclose(probe_neighbours(few, KNN).test_outputs.sum(axis=1), 1, rtol=1e-6)
