"""The further datasets, as published but with short audio and some broken files, run to the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.dataset_trees import Tree, make_tree

from mirbench.benchmark.cli.data_report import checkup_report
from mirbench.benchmark.datasets.doctor import check_dataset
from mirbench.benchmark.registry import load_splits
from mirbench.benchmark.result import Result, read_result

#: Task to the number of clips in its first split.
TASKS = {
    "gtzan_tempo": 930,
    "giantsteps_tempo": 1817,
    "medley_solos": 21571,
    "tinysol_pitch": 2273,
    "nsynth_pitch": 252,
    "openmic": 20000,
    "jamendo_mood": 17982,
    "vocalset_technique": 200,
    "fma_keys": 120,
}
WORDS = {
    "corrupt": "cannot be decoded",
    "absent": "does not exist",
    "empty": "is empty (0 bytes)",
    "short": "s long, ",
}


@pytest.fixture(scope="module")
def annotations(
    annotation_files: Path, further_annotations: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("all")
    for source in (annotation_files, further_annotations):
        for path in source.iterdir():
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def trees(annotations: Path, data: Path) -> dict[str, Tree]:
    return {name: make_tree(name, annotations, data) for name in TASKS}


def _run(data: Path, split: str, *names: str) -> dict[str, Result]:
    out = data / "rows"
    command = [sys.executable, "-m", "mirbench.benchmark.cli", "run", "--rep", "mfcc"]
    command += [word for name in names for word in ("--task", name)]
    command += ["--data", str(data), "--out", str(out), "--cache", str(data / "cache")]
    command += ["--protocol", "quick", "--max-missing", "1", "--split", split]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    return {name: read_result(out / "mfcc" / f"{name}.{split}.quick.json") for name in names}


@pytest.fixture(scope="module")
def rows(trees: dict[str, Tree], data: Path) -> dict[str, Result]:
    return _run(data, "paper", *trees)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_run_counts_what_it_used_and_what_was_missing(
    name: str, trees: dict[str, Tree], rows: dict[str, Result], data: Path
) -> None:
    tree, row = trees[name], rows[name]
    assert row.task.counts == {part: len(ids) for part, ids in tree.sound.items()}
    assert len(row.task.missing) == TASKS[name] - sum(row.task.counts.values())
    reasons = {clip.clip_id: clip.reason for clip in row.task.missing}
    for problem, clip_id in tree.broken.items():
        assert WORDS[problem] in reasons[clip_id]
    assert set(row.scores) == set(tree.task.metrics)
    test = load_splits(tree.task, data / tree.task.folder)[0].ids("test")
    for score in row.scores.values():
        assert score.n == len(set(test) - (tree.task.faulty - set(tree.sound["test"])))
        assert 0 <= score.low <= score.value <= score.high <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_the_doctor_sees_the_same(name: str, trees: dict[str, Tree], data: Path) -> None:
    tree = trees[name]
    splits = load_splits(tree.task, data / tree.task.folder)
    checkup = check_dataset(tree.task, splits, data, workers=1)
    faults = {fault.clip_id: fault.problem for fault in checkup.faults}
    expected = {"corrupt": "undecodable", "absent": "absent", "empty": "empty"}
    for problem, clip_id in tree.broken.items():
        assert faults[clip_id] == expected.get(problem, "too short")
    usable = {part: count for part, (count, _) in checkup.usable[splits[0].name].items()}
    assert usable == {part: len(ids) for part, ids in tree.sound.items()}
    assert not checkup.ready
    assert check_dataset(tree.task, splits, data, max_missing=1.0).ready
    assert "cannot run yet" in " ".join(checkup_report(checkup).split())


@pytest.mark.slow
def test_tasks_on_the_notes_of_nsynth_pitch(
    trees: dict[str, Tree], rows: dict[str, Result], data: Path
) -> None:
    others = _run(data, "paper", "nsynth_family")
    others |= _run(data, "full", "nsynth_pitch_full", "nsynth_family_full")
    for name, row in others.items():
        assert row.task.counts == rows["nsynth_pitch"].task.counts
        total = 336 if name.endswith("full") else 252
        assert len(row.task.missing) == total - sum(row.task.counts.values())
        assert all(0 <= score.value <= 1 for score in row.scores.values())
