"""What a row says of its task: groups, test clips, and the constants that train suggests."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mirbench.benchmark.api import Clip, PluginError, Task
from mirbench.benchmark.datasets.dataset import Dataset
from mirbench.benchmark.datasets.splits import SplitTable
from mirbench.benchmark.evaluation.facts import task_facts
from mirbench.benchmark.registry import load_task

PARTS = ("train", "train", "valid", "test")


def made(task: Task, labels: list[object]) -> Dataset:
    clips = tuple(
        Clip(f"clip{n:02d}", Path("none.wav"), label, f"band {n}")  # type: ignore[arg-type]
        for n, label in enumerate(labels)
    )
    of = {clip.id: PARTS[n % 4] for n, clip in enumerate(clips)}
    return Dataset(task, SplitTable("paper", of, "0" * 64), clips, clips)  # type: ignore[arg-type]


def test_classes() -> None:
    task = load_task("rendered_chords")
    labels = [task.labels[n % 3] for n in range(24)]
    facts = task_facts(made(task, [*labels]))
    train = Counter(label for n, label in enumerate(labels) if n % 4 < 2)
    (best, most), *others = sorted(train.items(), key=lambda i: (-i[1], task.labels.index(i[0])))
    assert facts.constants == {"accuracy": best}
    assert (facts.group, facts.test, facts.faulty) == ("band", 6, ())
    assert all(most >= n for _, n in others)


def test_values_are_in_the_units_of_the_scores() -> None:
    """Targets are z-scored by all clips that are not in test; so is the mean of train."""
    values = [(float(n * n % 7),) for n in range(24)]
    facts = task_facts(made(load_task("rendered_tempo"), [*values]))
    known = np.array([value for n, value in enumerate(values) if n % 4 < 3])
    train = np.array([value for n, value in enumerate(values) if n % 4 < 2])
    expected = (train.mean() - known.mean()) / known.std()
    assert facts.constants == {"r2": (pytest.approx(expected, abs=1e-5),)}


def test_faulty_clips_of_test_only() -> None:
    task = replace(load_task("rendered_chords"), faulty=frozenset({"clip00", "clip03", "clip07"}))
    facts = task_facts(made(task, [task.labels[0]] * 8))
    assert facts.faulty == ("clip03", "clip07")


def test_groups_have_a_word() -> None:
    assert load_task("rendered_interval").group == "voice"
    assert load_task("rendered_metre").group == "kit"
    with pytest.raises(PluginError, match="group must be a word"):
        replace(load_task("rendered_chords"), group="<b>")
