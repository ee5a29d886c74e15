"""docs/tasks/ says what the specs, the labels and the notes say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers.task_counts import built_in_tasks, constant_scores, count_task, read_counts
from helpers.task_pages import FOLDER, pages, read_notes
from helpers.toy_task import toy_task

from mirbench.benchmark.api import SPLITS, Clip
from mirbench.benchmark.registry import load_split, load_task

#: Tasks about which nobody has written anything by hand yet.
WITHOUT_NOTES: set[str] = set()

#: Tasks whose labels were at hand nowhere when the pages were written.
NOT_COUNTED = {
    *("fma_keys", "nsynth_family", "nsynth_family_full", "nsynth_pitch", "nsynth_pitch_full"),
    *("openmic", "vocalset_technique"),
}

TASKS = {task.name: task for task in built_in_tasks()}

#: Tasks whose labels are known without any file of their dataset.
WITHOUT_FILES = ["gtzan", *(name for name, task in TASKS.items() if task.prepare is not None)]


def test_the_pages_are_up_to_date() -> None:
    """Mend it with: PYTHONPATH=tests python -m helpers.task_pages."""
    written = pages()
    for path, content in written.items():
        assert path.read_text(encoding="utf-8") == content, path
    there = {path for path in FOLDER.iterdir() if path.suffix == ".md"}
    assert there == set(written)


def test_every_task_has_notes_and_counts() -> None:
    notes = read_notes()
    assert {name for name in TASKS if name not in notes} == WITHOUT_NOTES
    assert {name for name in TASKS if name not in read_counts()} <= NOT_COUNTED
    for name in TASKS:
        told = notes[name]
        assert told["short"]
        assert told["asks"]
        assert set(told) <= {"short", "asks", "sizes", "heard", "figures", "overlaps", "faults"}
        for figure in told.get("figures", []):
            assert set(figure) == {"who", "score", "source"}, name
            assert all(figure.values()), name
            assert re.search(r"\d", figure["score"]), name


def test_what_is_left_out_is_said() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in ("Beijing opera", "Mridangam", "TinySOL: instrument", "MTG-Jamendo: instrument"):
        assert f"\n| {name}" in index


def test_links_between_pages_lead_somewhere() -> None:
    for path in FOLDER.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (path.parent / target).exists(), (path, target)


@pytest.mark.parametrize("name", WITHOUT_FILES)
def test_counts_of_labels_that_need_no_file(name: str, tmp_path: Path) -> None:
    assert count_task(TASKS[name], tmp_path) == read_counts()[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["emomusic", "giantsteps", "magnatagatune"])
def test_counts_of_the_real_tables(name: str, annotation_files: Path) -> None:
    """Mend them with: PYTHONPATH=tests python -m helpers.task_counts DATA."""
    assert count_task(TASKS[name], annotation_files) == read_counts()[name]


def test_the_best_constant_of_gtzan_by_a_plain_count(tmp_path: Path) -> None:
    split = load_split(load_task("gtzan"), "paper")
    genres = {part: [name.split(".")[0] for name in split.ids(part)] for part in SPLITS}
    answer, _ = Counter(genres["train"]).most_common(1)[0]
    told = read_counts()["gtzan"]["paper"]["constant"]["accuracy"]
    assert told == {"answer": answer, "score": round(genres["test"].count(answer) / 290, 4)}


def clips(*labels: object) -> list[Clip]:
    return [Clip(str(n), None, label, group="") for n, label in enumerate(labels)]  # type: ignore[arg-type]


def test_constants_are_chosen_on_train_and_scored_on_test() -> None:
    classes = toy_task(labels=("a", "b", "c"))
    scores = constant_scores(classes, clips("a", "b", "b"), clips("a", "a", "b", "c"))
    assert scores == {"accuracy": {"answer": "b", "score": 0.25}}
    values = toy_task(kind="regression", metrics=("r2",))
    scores = constant_scores(values, clips((0.0,), (2.0,)), clips((2.0,), (4.0,)))
    errors, spread = np.sum((np.array([2, 4]) - 1) ** 2), 2
    assert scores["r2"] == {"answer": "the mean", "score": 1 - errors / spread}
    tags = toy_task(kind="multilabel", labels=("x", "y"), metrics=("roc_auc", "average_precision"))
    asked = clips(("x",), ("y",), ("y",), ())
    scores = constant_scores(tags, clips(("x",), ("y",)), asked)
    assert [told["score"] for told in scores.values()] == [0.5, 0.375]
