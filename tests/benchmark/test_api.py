"""The contract's own records: tasks and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mirbench.benchmark.api import UNOBSERVED, Clip, DataError, PluginError, Task
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.datasets.targets import check_labels, encode_targets


def make_task(**changes: Any) -> Task:
    facts: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "version": 1,
        "kind": "multiclass",
        "labels": ("x", "y"),
        "metrics": ("accuracy",),
        "read_clips": lambda root: iter(()),
        "folder": "toy",
        "licence": "",
        "citation": "",
        "how_to_get": "",
    }
    return Task(**facts | changes)


def encode(kind: str, *labels: Any) -> np.ndarray:
    clips = [Clip(f"clip{n}", None, label, "g") for n, label in enumerate(labels)]
    return encode_targets(make_task(kind=kind), clips)


def test_targets_of_every_kind() -> None:
    classes = encode("multiclass", "y", "x")
    assert (classes.dtype, classes.tolist()) == (np.int64, [1, 0])
    tags = encode("multilabel", ("y",), (), ("y", "x"))
    assert (tags.dtype, tags.tolist()) == (np.int64, [[0, 1], [0, 0], [1, 1]])
    numbers = encode("regression", (0.5, -1), (np.float32(2), 3))
    assert (numbers.dtype, numbers.tolist()) == (np.float32, [[0.5, -1], [2, 3]])


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_no_clips_give_an_empty_array(kind: str) -> None:
    assert encode(kind).shape == ((0,) if kind == "multiclass" else (0, 2))


@pytest.mark.parametrize(
    ("kind", "label", "expected"),
    [
        ("multiclass", "z", "one of its labels (x, y)"),
        ("multiclass", ("x",), "one of its labels"),
        ("multilabel", "x", "a tuple of its labels"),
        ("multilabel", ("x", "z"), "a tuple of its labels"),
        ("regression", 0.5, "a tuple of 2 finite numbers"),
        ("regression", (0.5,), "a tuple of 2 finite numbers"),
        ("regression", ("0.5", "1"), "a tuple of 2 finite numbers"),
        ("regression", (float("nan"), 1.0), "a tuple of 2 finite numbers"),
    ],
)
def test_wrong_labels_name_task_and_clip(kind: str, label: Any, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        encode(kind, label)
    message = str(caught.value)
    assert message.startswith(f"task 'toy': clip 'clip0' has the label {label!r}; expected ")
    assert expected in message


def test_labels_that_nobody_has_looked_for_are_neither_there_nor_absent() -> None:
    clips = [Clip("a", None, ("y",), "g", unobserved=("x",)), Clip("b", None, (), "g")]
    tags = encode_targets(make_task(kind="multilabel", partial=True), clips)
    assert (tags.dtype, tags.tolist()) == (np.int64, [[UNOBSERVED, 1], [0, 0]])


@pytest.mark.parametrize(
    ("partial", "unobserved", "mistake"),
    [
        (False, ("x",), "'a' has unobserved labels, but the task is not partial"),
        (True, ("y",), "the unobserved labels ('y',); expected some of the task's labels that"),
        (True, ("z",), "the unobserved labels ('z',); expected some of the task's labels that"),
    ],
)
def test_unobserved_labels_are_checked(
    partial: bool, unobserved: tuple[str, ...], mistake: str
) -> None:
    clip = Clip("a", None, ("y",), "g", unobserved=unobserved)
    with pytest.raises(DataError) as caught:
        encode_targets(make_task(kind="multilabel", partial=partial), [clip])
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("partial", "targets", "mistake"),
    [
        (True, [(1, 0), (UNOBSERVED, 1)], "'x' has no negative clip among the 1 of the valid"),
        (True, [(UNOBSERVED, 0), (0, 1)], "'x' has no positive .* that have it observed"),
        (False, [(1, 0), (0, 0)], "'y' has no positive clip among the 2 of the valid split, so"),
    ],
)
def test_a_tag_needs_both_kinds_of_clips_that_have_it_observed(
    partial: bool, targets: list[tuple[int, int]], mistake: str
) -> None:
    task = make_task(kind="multilabel", partial=partial)
    of = {"a": "valid", "b": "valid", "c": "test", "d": "test"}
    values = [*targets, (1, 0), (0, 1)]
    found = {clip: np.array(value) for clip, value in zip(of, values, strict=True)}
    with pytest.raises(DataError, match=mistake):
        check_labels(task, SplitTable("paper", of, ""), found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"kind": "binary"}, "unknown kind 'binary'"),
        ({"labels": ()}, "labels must be non-empty and distinct"),
        ({"labels": ("x", "x")}, "labels must be non-empty and distinct"),
        ({"labels": ["x", "y"]}, "labels must be a tuple of str"),
        ({"metrics": "accuracy"}, "metrics must be a tuple of str"),
        ({"splits": ()}, "splits must be non-empty and distinct"),
        ({"window": 0.0}, "window must be positive, is 0.0"),
        ({"partial": True}, "only a multilabel task may be partial"),
        ({"name": "../toy"}, "a name has letters, digits and _ . - only"),
    ],
)
def test_wrong_tasks(changes: dict[str, Any], mistake: str) -> None:
    with pytest.raises(PluginError) as caught:
        make_task(**changes)
    assert str(caught.value).endswith(mistake)
    assert str(caught.value).startswith("task '")
