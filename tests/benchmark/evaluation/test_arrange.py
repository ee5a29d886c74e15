"""Rows stand in the order of the paper's code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.toy_task import toy_task
from probe_data import SMALL

from mirbench.benchmark.api import Clip, Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.datasets.targets import targets_by_clip
from mirbench.benchmark.embedding.embeddings import Embeddings
from mirbench.benchmark.embedding.npz import read_embeddings
from mirbench.benchmark.evaluation.arrange import arrange_rows, probe_data
from mirbench.benchmark.evaluation.select import test_predictions as predictions_of
from mirbench.benchmark.probing import train_grid
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.scoring.metrics import evaluate

CLIPS = [Clip(f"c{n}", None, (float(n), float(n * n)), f"g{n}") for n in range(8)]
SPLIT = SplitTable(
    "paper",
    {
        f"c{n}": ("train", "train", "train", "train", "valid", "valid", "test", "test")[n]
        for n in range(8)
    },
    "0",
)


def make_task(window: float | None = None, kind: str = "regression") -> Task:
    return toy_task(
        kind=kind,
        labels=("a", "b"),
        metrics=("r2",) if kind == "regression" else ("accuracy",),
        window=window,
    )


def make_embeddings(windows: int) -> Embeddings:
    clip = np.repeat(np.arange(8), windows)
    values = np.stack([clip, np.tile(np.arange(windows), 8)], axis=1).astype(np.float32)
    return Embeddings(tuple(f"c{n}" for n in range(8)), values, clip, {})


def test_probing_the_published_features_gives_the_arrays_of_the_original_code(
    shared: Path,
) -> None:
    task = load_task("gtzan")
    split = load_split(task, "paper")
    clips = [clip for clip in task.read_clips(Path("nowhere")) if clip.id in split.of]
    path = shared / "reference" / "gtzan_choi_embeddings.npz"
    embeddings = read_embeddings(path, task, list(split.of))
    dataset = Dataset(task, split, tuple(clips), tuple(clips))
    data = probe_data(dataset, embeddings, arrange_rows(dataset, embeddings))
    with np.load(shared / "reference" / "gtzan_choi.npz") as original:
        assert tuple(original["labels"]) == task.labels
        for name in ("X_train", "y_train", "X_valid", "y_valid", "X_test", "y_test"):
            np.testing.assert_array_equal(getattr(data, name), original[name])


def test_windows_keep_the_label_and_split_of_their_clip() -> None:
    task, embeddings = make_task(window=1.0, kind="multiclass"), make_embeddings(windows=3)
    clips = [replace(clip, label="ab"[n % 2]) for n, clip in enumerate(CLIPS)]
    dataset = Dataset(task, SPLIT, tuple(clips), tuple(clips))
    rows = arrange_rows(dataset, embeddings)
    data = probe_data(dataset, embeddings, rows)
    assert [int(x[0]) % 2 for x in data.X_train] == data.y_train.tolist()
    assert len(data.X_train) == 12
    assert sorted(map(tuple, data.X_valid)) == [(c, k) for c in (4, 5) for k in range(3)]
    assert data.clips_valid is not None
    assert data.clips_test is not None
    assert [f"c{int(x[0])}" for x in data.X_valid] == [
        ["c4", "c5"][number] for number in data.clips_valid
    ]
    assert rows.clip_ids("test", windowed=True) == ["c6", "c7"]


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("multilabel", [("a",), ("b",)]), ("regression", [(1.0, 2.0), (3.0, 4.0)])],
)
def test_outputs_of_a_clip_are_the_means_of_its_windows(
    kind: str, labels: list[tuple[str, ...]] | list[tuple[float, ...]], tmp_path: Path
) -> None:
    """From clips of unequal numbers of windows to what is kept as predictions."""
    metrics = ("roc_auc",) if kind == "multilabel" else ("r2",)
    task = toy_task(kind=kind, labels=("a", "b"), metrics=metrics, window=1.0)
    clips = [replace(clip, label=labels[n % 2]) for n, clip in enumerate(CLIPS)]
    clip = np.repeat(np.arange(8), [1, 2, 3, 4, 1, 2, 3, 1])
    values = np.random.default_rng(0).normal(size=(len(clip), 3)).astype(np.float32)
    embeddings = Embeddings(tuple(f"c{n}" for n in range(8)), values, clip, {})
    dataset = Dataset(task, SPLIT, tuple(clips), tuple(clips))
    rows = arrange_rows(dataset, embeddings)
    data = probe_data(dataset, embeddings, rows)
    for y, number in zip(data.y_test, rows.clips["test"], strict=True):
        np.testing.assert_array_equal(y, dataset.targets[number])
    (record,) = train_grid(data, SMALL, only=[0], checkpoint=tmp_path)
    assert record.way == "gmean"
    assert record.test_outputs is not None
    predictions = predictions_of(dataset, rows, record.test_outputs)
    assert predictions.clip_ids == ("c6", "c7")
    np.testing.assert_array_equal(
        predictions.targets, [dataset.targets[name] for name in predictions.clip_ids]
    )
    assert evaluate(metrics, predictions.targets, predictions.outputs, task.labels) == record.test
    # The same probe on every window as a clip of its own.
    single = replace(data, y_test=np.resize(data.y_valid[:2], data.y_test.shape), clips_test=None)
    (alone,) = train_grid(single, SMALL, only=[0])
    assert alone.test_outputs is not None
    for output, name in zip(predictions.outputs, predictions.clip_ids, strict=True):
        own = [row for row, of in enumerate(rows.clips["test"]) if of == name]
        np.testing.assert_allclose(output, alone.test_outputs[own].mean(axis=0), rtol=1e-5)


def test_regression_targets_are_scored_by_the_clips_outside_the_test_split() -> None:
    targets = targets_by_clip(make_task(), SPLIT, CLIPS)
    known = np.stack([targets[f"c{n}"] for n in range(6)])
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(known.std(axis=0), 1, atol=1e-6)
    assert targets["c7"][0] == pytest.approx((7 - 2.5) / np.arange(6).std(), abs=1e-5)


def test_a_missing_clip_does_not_move_the_targets_of_others() -> None:
    task, embeddings = make_task(), make_embeddings(windows=1)
    keep = embeddings.clip != 0
    fewer = Embeddings(
        embeddings.clip_ids, embeddings.embedding[keep], embeddings.clip[keep], {"c0": "gone"}
    )
    dataset = Dataset(task, SPLIT, tuple(CLIPS), tuple(CLIPS))
    targets = dataset.targets
    data = probe_data(dataset, fewer, arrange_rows(dataset, fewer))
    for x, y in zip(data.X_train, data.y_train, strict=True):
        np.testing.assert_array_equal(y, targets[f"c{int(x[0])}"])
