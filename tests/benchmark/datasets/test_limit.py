"""A few clips of each split, with every label."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers.toy_task import toy_task

from mirbench.benchmark.api import SPLITS, Clip, Split, UsageError
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.limit import limited_dataset
from mirbench.benchmark.datasets.splits import SplitTable


def dataset(label_of: Callable[[int], Any], **task: Any) -> Dataset:
    """Make a dataset of sixty clips a split."""
    of: dict[str, Split] = {}
    clips = []
    for place, name in enumerate(get_args(Split)):
        for number in range(60):
            clip_id = f"{place}-{number:02d}"
            of[clip_id] = name
            clips.append(Clip(clip_id, Path(f"{clip_id}.wav"), label_of(number), "group"))
    table = SplitTable("paper", of, "0" * 64)
    return Dataset(toy_task(**task), table, tuple(clips), tuple(clips))


# By name, the first fifty would be of one class.
LABELS = ("a", "b", "c")
CLASSES = dataset(lambda n: LABELS[0 if n < 50 else 1 if n < 58 else 2], labels=LABELS)


def labels(data: Dataset, split: Split) -> list[Any]:
    return [clip.label for clip in data.clips if data.split.of[clip.id] == split]


def test_every_class_is_there_and_so_many_clips() -> None:
    few = limited_dataset(CLASSES, 10)
    for name in SPLITS:
        found = labels(few, name)
        assert len(found) == 10
        assert set(found) == set(LABELS)
    assert set(few.targets) == set(few.split.of) == {clip.id for clip in few.clips}
    assert list(few.split.of) == sorted(few.split.of)
    assert (few.limit, few.complete, few.every) == (10, CLASSES.clips, CLASSES.every)
    assert few.split.sha256 == CLASSES.split.sha256


def test_fewer_are_among_more_whatever_the_order_of_clips() -> None:
    backwards = Dataset(CLASSES.task, CLASSES.split, CLASSES.clips[::-1], CLASSES.every)
    chosen = [set(limited_dataset(CLASSES, n).split.of) for n in (3, 7, 20, 60, 1000)]
    assert all(few < more for few, more in itertools.pairwise(chosen[:4]))
    assert chosen[3] == chosen[4] == set(CLASSES.split.of)
    assert set(limited_dataset(backwards, 7).split.of) == chosen[1]
    assert {clip_id[2:] for clip_id in chosen[1]} != {f"{n:02d}" for n in range(7)}


def test_too_few_for_every_class_is_one_sentence() -> None:
    with pytest.raises(UsageError) as caught:
        limited_dataset(CLASSES, 2)
    assert str(caught.value) == (
        "--limit 2 is too few for task 'toy': it takes 3 clips to have all labels of each split"
    )


def test_every_tag_has_a_clip_with_and_one_without_it() -> None:
    tags = ("rare", "usual", "other")
    data = dataset(
        lambda n: ("usual",) * (n != 40) + ("rare",) * (n == 33) + ("other",) * (n % 2),
        kind="multilabel",
        labels=tags,
        metrics=("roc_auc",),
    )
    few = limited_dataset(data, 4)
    assert set(few.targets) == set(few.split.of)  # which checks that every tag can be scored
    for name in SPLITS:
        for tag in tags:
            assert {tag in label for label in labels(few, name)} == {True, False}
    with pytest.raises(UsageError, match="--limit 1 is too few"):
        limited_dataset(data, 1)


def test_every_output_has_two_values() -> None:
    data = dataset(
        lambda n: (float(n == 20), float(n)), kind="regression", labels=("x", "y"), metrics=("r2",)
    )
    few = limited_dataset(data, 3)
    for name in SPLITS:
        for column in zip(*labels(few, name), strict=True):
            assert len(set(column)) > 1
    with pytest.raises(UsageError, match="--limit 1 is too few"):
        limited_dataset(data, 1)
