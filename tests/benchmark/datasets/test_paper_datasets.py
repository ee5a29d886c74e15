"""The four datasets, as published but with short audio and some broken files, run to the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.dataset_trees import Tree, make_tree

from mirbench.benchmark.cli.data_report import checkup_report
from mirbench.benchmark.datasets.doctor import check_dataset
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.result import Result, read_result

TASKS = ("magnatagatune", "gtzan", "giantsteps", "emomusic")
WORDS = {
    "corrupt": "cannot be decoded",
    "absent": "does not exist",
    "empty": "is empty (0 bytes)",
}
SHORT = {
    "gtzan": "2.0 s long, 29 s are needed",
    "giantsteps": "2.0 s long, shorter than one window of 30 s",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def trees(annotation_files: Path, data: Path) -> dict[str, Tree]:
    return {name: make_tree(name, annotation_files, data) for name in TASKS}


@pytest.fixture(scope="module")
def rows(trees: dict[str, Tree], data: Path) -> dict[str, Result]:
    out = data / "rows"
    command = [sys.executable, "-m", "mirbench.benchmark.cli", "run", "--rep", "mfcc"]
    command += [word for name in TASKS for word in ("--task", name)]
    command += ["--data", str(data), "--out", str(out), "--cache", str(data / "cache")]
    command += ["--protocol", "quick", "--max-missing", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert "Illegal Audio-MPEG-Header" not in done.stderr
    return {name: read_result(out / "mfcc" / f"{name}.paper.quick.json") for name in TASKS}


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_run_counts_what_it_used_and_what_was_missing(
    name: str, trees: dict[str, Tree], rows: dict[str, Result]
) -> None:
    tree, task = trees[name], rows[name].task
    assert task.counts == {part: len(ids) for part, ids in tree.sound.items()}
    total = {"magnatagatune": 25860, "gtzan": 930, "giantsteps": 1763, "emomusic": 744}[name]
    assert len(task.missing) == total - sum(task.counts.values())
    reasons = {clip.clip_id: clip.reason for clip in task.missing}
    for problem, clip_id in tree.broken.items():
        words = SHORT[name] if problem == "short" else WORDS[problem]
        assert words in reasons[clip_id]
    scores = rows[name].scores
    assert scores
    test = set(load_split(tree.task, "paper").ids("test"))
    scored = test - (tree.task.faulty - set(tree.sound["test"]))
    assert all(score.n == len(scored) for score in scores.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_the_doctor_sees_the_same(name: str, trees: dict[str, Tree], data: Path) -> None:
    tree = trees[name]
    task = load_task(name)
    splits = [load_split(task, split) for split in task.splits]
    checkup = check_dataset(task, splits, data, deep=name == "emomusic", workers=1)
    faults = {fault.clip_id: fault.problem for fault in checkup.faults}
    expected = {"corrupt": "undecodable", "absent": "absent", "empty": "empty"}
    for problem, clip_id in tree.broken.items():
        assert faults[clip_id] == expected.get(problem, "too short")
    usable = {part: count for part, (count, _) in checkup.usable["paper"].items()}
    assert usable == {part: len(ids) for part, ids in tree.sound.items()}
    assert not checkup.ready
    assert check_dataset(task, splits, data, max_missing=1.0).ready
    report = checkup_report(checkup)
    assert "cannot run yet" in report
    assert "not decodable" in report
