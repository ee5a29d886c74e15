"""What is shipped about tasks and baselines is what tasks, labels and rows say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.board_known import baseline_rows, describe_task, read_known
from helpers.made_board import write_row
from helpers.task_counts import built_in_tasks, read_counts

from mirbench.benchmark.api import Task
from mirbench.benchmark.protocol import PROTOCOLS
from mirbench.benchmark.registry import load_split
from mirbench.benchmark.result import Result, Row, TaskFacts, read_result, read_results
from mirbench.leaderboard import build_pages, wording
from mirbench.leaderboard.baselines import baseline_lines
from mirbench.leaderboard.board import make_board
from mirbench.leaderboard.differences import DIFFERENCES, find_difference
from mirbench.leaderboard.facts import TaskTest, known_facts
from mirbench.leaderboard.rows import read_rows

ROOT = Path(__file__).resolve().parents[2]
REMEDY = "PYTHONPATH=tests python -m helpers.board_known DATA leaderboard/results"
TASKS = {task.name: task for task in built_in_tasks()}
KNOWN = read_known("tasks")


def test_every_task_is_known_at_its_version() -> None:
    assert {name: task["version"] for name, task in KNOWN.items()} == {
        name: task.version for name, task in TASKS.items()
    }, REMEDY
    for name, entry in KNOWN.items():
        for split, facts in entry["splits"].items():
            assert facts["group"] == TASKS[name].group, REMEDY
            assert set(facts["constants"]) == set(TASKS[name].metrics), REMEDY
            assert split in TASKS[name].splits


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("rendered")])
def test_labels_that_mirbench_makes_give_what_is_known(name: str, tmp_path: Path) -> None:
    assert describe_task(TASKS[name], tmp_path, {}) == KNOWN[name], REMEDY


def _scores_of_others() -> list[tuple[str, str]]:
    return [(name, split) for name, entry in KNOWN.items() for split in entry["splits"]]


@pytest.mark.parametrize(("name", "split"), _scores_of_others())
def test_constants_are_those_of_the_pages_of_tasks(name: str, split: str) -> None:
    """Which tries every class, and every tempo of train, one by one."""
    counts = read_counts()[name][split]
    assert KNOWN[name]["splits"][split]["test"] == counts["test"]["clips"]
    for metric, constant in KNOWN[name]["splits"][split]["constants"].items():
        answer = counts["constant"][metric]["answer"]
        if isinstance(constant, str):
            assert constant == answer
        elif metric.startswith("acc"):
            assert f"{100 * 2 ** constant[-1]:.1f} BPM" == answer
        else:
            assert (constant == []) == (answer == "the same for all")


def test_baselines_are_the_rows_of_the_board() -> None:
    """And are of no other task, version or split than there is."""
    shipped = read_known("baselines")
    key = ("protocol", "task", "split", "representation")
    by_key = {tuple(row[name] for name in key): row for row in shipped}
    assert len(by_key) == len(shipped)
    for row in baseline_rows(read_results(ROOT / "leaderboard" / "results")):
        assert by_key[tuple(row[name] for name in key)] == row, REMEDY
    for row in shipped:
        task = TASKS[row["task"]]
        assert row["version"] == task.version
        assert row["split_sha256"] == load_split(task, row["split"]).sha256
        assert row["protocol_hash"] == PROTOCOLS[row["protocol"]].hash
        assert set(task.metrics) <= set(row["scores"])


def as_measured(path: Path, task: Task, **changes: Any) -> Path:
    """Let a made row be of a task of mirbench, as far as a row says."""
    content = read_result(path).model_dump(mode="json")
    content["task"] |= {
        "version": task.version,
        "split_sha256": load_split(task, "paper").sha256,
        "labels": list(task.labels),
        **changes,
    }
    path.write_text(Result.model_validate(content).to_json(), encoding="utf-8")
    return path


def test_a_first_row_stands_beside_chance_and_baselines(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    rows = tmp_path / "rows"
    for task in ("rendered_key", "rendered_tempo"):
        made = write_row(rows, make_result, "mine", task, protocol="quick")
        as_measured(made, TASKS[task])
    (table,) = make_board(read_rows(rows))
    assert [line.name for line in table.baselines] == ["chroma", "mfcc"]
    scores = {
        (row["representation"], row["task"]): row["scores"]
        for row in read_known("baselines")
        if row["protocol"] == "quick"
    }
    value, low, high = scores["chroma", "rendered_key"]["weighted_key_score"]
    markdown, page = (path.read_text("utf-8") for path in build_pages(rows, tmp_path)[:2])
    text = f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    (line,) = [line for line in markdown.splitlines() if line.startswith("| *chroma*")]
    assert text in line
    assert line.split("|")[4].strip() == "baseline"
    assert f"{100 * value:.1f}<p>{100 * low:.1f}–{100 * high:.1f}" in page
    assert "<option selected>quick</option>" in page
    # Only those that have no row of their own here.
    as_measured(write_row(rows, make_result, "mfcc", "rendered_key", protocol="quick"), TASKS[task])
    as_measured(rows / "mfcc" / "rendered_key.paper.quick.json", TASKS["rendered_key"])
    chroma, mfcc = make_board(read_rows(rows))[0].baselines
    assert {task for task, _ in chroma.cells} == {"rendered_key", "rendered_tempo"}
    assert {task for task, _ in mfcc.cells} == {"rendered_tempo"}


@pytest.mark.parametrize(
    "change", [{"version": 99}, {"split_sha256": "0" * 64}, {"split": "artist"}, {"origin": "file"}]
)
def test_another_test_has_no_baselines_and_no_known_facts(
    change: dict[str, Any], tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    task = TASKS["rendered_key"]
    row = as_measured(write_row(tmp_path, make_result, "mine", task.name, protocol="quick"), task)
    assert baseline_lines([read_result(row)])
    assert known_facts(read_result(row).task)
    changed = read_result(as_measured(row, task, **change))
    assert not baseline_lines([changed])
    if "split" not in change:
        assert known_facts(changed.task) is None
    other = changed.protocol.model_copy(update={"hash": "0" * 16})
    assert not baseline_lines([read_result(row).model_copy(update={"protocol": other})])


def test_a_table_says_what_its_groups_are() -> None:
    """By the spec of each task, where the text once spoke of bands only."""
    tests = {}
    for name, (clips, groups) in {
        "rendered_key": (72, 12),
        "rendered_tempo": (72, 12),
        "rendered_interval": (120, 20),
        "rendered_metre": (120, 16),
    }.items():
        facts = TaskFacts(group=TASKS[name].group, test=clips, constants={})
        tests[name] = TaskTest(clips, groups, facts)
    tests["own"] = TaskTest(1, 1, None)
    assert wording.tested_on(tests) == (
        "own: 1 clip of 1 group; interval: 120 clips of 20 voices; key, tempo: 72 clips of "
        "12 bands; metre: 120 clips of 16 kits"
    )


def test_differences_are_of_rows_that_there_are() -> None:
    """And of scores that differ from what was published."""
    for difference in DIFFERENCES:
        places = [difference.task, difference.split]
        path = ROOT / "leaderboard/results" / difference.representation / f"{'.'.join(places)}.json"
        result = read_result(path)
        assert find_difference(result, difference.metric) is difference
        assert 100 * result.scores[difference.metric].low > difference.published
    (table,) = [
        table
        for table in make_board([Row(path, result)])
        if table.protocol == DIFFERENCES[0].protocol
    ]
    (told,) = table.differences
    assert told[2].published == pytest.approx(75.9)
    markdown = (ROOT / "leaderboard" / "README.md").read_text("utf-8")
    assert "Published for CHOI: 75.9. The row is measured from the features" in markdown
    page = (ROOT / "leaderboard" / "index.html").read_text("utf-8")
    notes = json.loads(page.split('id="data">')[1].split("</script>")[0])["notes"]
    assert [list(note.values()) for note in notes.values()] == [[difference.words]]


def test_another_row_of_that_name_gets_no_excuse(make_result: Callable[..., Result]) -> None:
    result = make_result("choi-published-features", "gtzan")
    assert find_difference(result, "accuracy") is None
