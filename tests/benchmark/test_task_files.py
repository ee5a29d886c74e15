"""Tasks that are files: found, run, and kept apart from those that mirbench knows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mirbench.benchmark.api import DataError, PluginError, UsageError
from mirbench.benchmark.registry import load_split, load_task, task_argument, task_origin
from mirbench.benchmark.result import Result
from mirbench.benchmark.runs.links import declared_links
from mirbench.leaderboard.rows import read_rows

if TYPE_CHECKING:
    from conftest import TinyPackage

Main = Callable[..., tuple[int, str, str]]


LAYERED = """
import numpy as np


class Both:
    sample_rate, dims, layers = 8000, 8, ("1", "2")

    def embed(self, audio, sr):
        bands = [band.mean() for band in np.array_split(np.abs(np.fft.rfft(audio, 512)), 8)]
        return np.float32([bands, np.log1p(bands)])


def load_model(device="cpu", layer: int = 1):
    return Both()
"""


@pytest.fixture
def pitches(tiny: TinyPackage, tmp_path: Path) -> Path:
    """Lay the tiny task out as a file of another name, with its split beside it."""
    package = tiny.site / "tinypackage"
    folder = tmp_path / "mine"
    (folder / "splits").mkdir(parents=True)
    text = (package / "task.py").read_text().replace('name="tinytask"', 'name="pitches"')
    text = text.replace("def read_clips(root):\n", "def read_clips(root):\n    import beside\n")
    (folder / "task.py").write_text(text)
    (folder / "beside.py").write_text("")
    split = package / "splits" / "tinytask.paper.csv"
    shutil.copy(split, folder / "splits" / "pitches.paper.csv")
    return folder / "task.py"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_task_from_a_file(pitches: Path, tiny: TinyPackage) -> None:
    task = load_task(str(pitches))
    assert task.name == "pitches"
    assert load_task(str(pitches.parent / ".." / "mine" / "task.py")) is task
    assert [len(load_split(task, "paper").ids(part)) for part in ("train", "valid")] == [90, 30]
    assert len(list(task.read_clips(tiny.data / "tinytask"))) == 150
    assert task_origin(task)[0] == "file"
    assert task_argument(task) == str(pitches)
    assert task_origin(load_task("gtzan")) == ("built-in", "")


def test_an_edited_task_is_another(pitches: Path) -> None:
    before = load_task(str(pitches))
    edit(pitches, '"Tiny task"', '"Tiny pitch"')
    after = load_task(str(pitches))
    assert (before.title, after.title) == ("Tiny task", "Tiny pitch")
    assert task_origin(before) == task_origin(after)  # both say what the file is now
    split = load_split(before, "paper")
    assert split == load_split(after, "paper")


def test_the_file_of_a_known_task_is_that_task() -> None:
    import mirbench.tasks

    path = Path(mirbench.tasks.__path__[0]) / "gtzan.py"
    assert load_task(str(path)) is load_task("gtzan")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1", "task.py has no TASK; a task is TASK = Task(name=…, …) in a module"),
        ("def load_model(device): ...", "it has a load_model: name it with --rep"),
        ("TASK = {'name': 'x'}", "task.py: TASK is of type dict, not a mirbench Task"),
        (
            "import surely_absent",
            "cannot be imported: ModuleNotFoundError: No module named 'surely",
        ),
        ("TASK = (", "task.py, line 1: "),
    ],
)
def test_broken_files(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "task.py").write_text(text)
    with pytest.raises(PluginError) as caught:
        load_task(str(tmp_path / "task.py"))
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["gtzan", "GTZAN", "tinytask"])
def test_a_file_may_not_take_a_name(pitches: Path, name: str) -> None:
    edit(pitches, 'name="pitches"', f'name="{name}"')
    with pytest.raises(UsageError, match=f"two tasks are named '{name}': .* and file"):
        load_task(str(pitches))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('board="paper"', "board is 'paper', but the tables of the leaderboard are for tasks that"),
        ('splits=("a/b",)', "'a/b' cannot name a split, and its file: use letters, digits"),
        ('metrics=("r2",)', "r2 is no metric of multiclass tasks"),
    ],
)
def test_what_a_task_may_not_say(pitches: Path, change: str, reason: str) -> None:
    key = change.partition("=")[0]
    lines = pitches.read_text().splitlines()
    lines = [line for line in lines if not line.startswith(f"    {key}=")]
    pitches.write_text("\n".join(lines).replace('name="pitches",', f'name="pitches", {change},'))
    with pytest.raises(PluginError) as caught:
        load_task(str(pitches))
    assert reason in str(caught.value)


def test_absent_files_are_named(pitches: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*absent\.py"):
        load_task(str(tmp_path / "absent.py"))
    shutil.rmtree(pitches.parent / "splits")
    expected = pitches.parent / "splits" / "pitches.paper.csv"
    with pytest.raises(DataError, match=f"should be the file {expected}, which is not there"):
        load_split(load_task(str(pitches)), "paper")


def test_two_files_with_one_name(pitches: Path, main: Main, tmp_path: Path) -> None:
    shutil.copytree(pitches.parent, tmp_path / "other")
    tasks = ("--task", pitches, "--task", tmp_path / "other" / "task.py")
    status, _, said = main("run", "--rep", "tinyrep", *tasks)
    assert status == 2
    assert "two tasks are named 'pitches': file (" in said


def test_links_of_a_file(pitches: Path, tmp_path: Path) -> None:
    edit(pitches, '"the tests make it"', '"See https://example.org/pitches."')
    links = declared_links([str(pitches), "chroma"], tmp_path)
    assert [(link.url, link.names) for link in links] == [
        ("https://example.org/pitches", ("pitches",))
    ]


def test_rows_of_two_versions_stand_in_no_table(
    make_result: Callable[..., Result], tmp_path: Path
) -> None:
    for name, fingerprint in (("one", "0" * 16), ("two", "1" * 16)):
        result = make_result(representation=name)
        task = result.task.model_copy(update={"origin": "file", "fingerprint": fingerprint})
        path = tmp_path / result.place
        path.parent.mkdir()
        path.write_text(result.model_copy(update={"task": task}).to_json())
    with pytest.raises(DataError, match="are of different versions of the task"):
        read_rows(tmp_path)


def test_a_built_in_task_leaves_its_rows_as_they_were(make_result: Callable[..., Result]) -> None:
    result = make_result()
    assert not {"origin", "fingerprint"} & set(json.loads(result.to_json())["task"])
    task = result.task.model_copy(update={"origin": "file", "fingerprint": "0" * 16})
    other = result.model_copy(update={"task": task})
    assert json.loads(other.to_json())["task"]["origin"] == "file"
    assert Result.model_validate_json(other.to_json()) == other
    assert other.identity != result.identity


@pytest.mark.slow
def test_commands_take_a_file(pitches: Path, main: Main, tiny: TinyPackage) -> None:
    options = ("--task", pitches, "--data", tiny.data / "tinytask")
    run = ("run", "--rep", "tinyrep", *options, "--protocol", "knn", "--out", "rows")
    status, out, said = main(*run, "--dry-run")
    assert (status, "pitches" in out) == (0, True), said
    status, _, said = main("probe", "--rep", "tinyrep", *options)
    assert status == 1
    assert "mirbench embed --rep tinyrep --task mine/task.py" in said
    assert main("embed", "--rep", "tinyrep", *options)[0] == 0
    status, _, said = main(*run)
    assert status == 0, said
    row = json.loads(Path("rows/tinyrep/pitches.paper.knn.json").read_text())
    assert (row["task"]["origin"], row["task"]["board"]) == ("file", "other")
    assert row["task"]["fingerprint"] == task_origin(load_task(str(pitches)))[1]
    assert main("probe", "--rep", "tinyrep", *options, "--protocol", "knn", "--out", "rows")[0] == 0
    status, out, said = main("data", "doctor", pitches, "--data", tiny.data / "tinytask")
    assert status == 0, said
    assert "mirbench run --rep mfcc --task mine/task.py" in out
    assert main("data", "fetch", pitches)[2] != ""
    status, _, said = main("sweep", "--rep", "tinyrep", *options)
    assert "has no layers to sweep" in said
    Path("both.py").write_text(LAYERED)
    status, out, said = main("sweep", "--rep", "both.py", *options)
    assert status == 0, said
    assert "mirbench run --rep both.py:layer=" in out
    assert out.endswith(" --task mine/task.py\n")


@pytest.mark.slow
def test_a_row_of_other_labels_is_not_taken_for_it(
    pitches: Path, main: Main, tiny: TinyPackage
) -> None:
    place = ("--data", tiny.data / "tinytask", "--protocol", "knn", "--out", "rows")
    run = ("run", "--rep", "tinyrep", "--task", pitches, *place)
    assert main(*run)[0] == 0
    edit(pitches, "list(PITCHES)[number % 3]", "list(PITCHES)[0 if number % 9 else number % 3]")
    edit(pitches, "[0 if number % 9", "[(number // 3) % 3 if number % 9")
    status, _, said = main(*run)
    assert status == 0
    assert "is of another version of 'tinyrep' or of its data; it will be replaced" in said


@pytest.mark.slow
def test_its_rows_stay_off_the_board(pitches: Path, main: Main, tiny: TinyPackage) -> None:
    place = ("--data", tiny.data / "tinytask", "--protocol", "knn", "--out", "rows")
    assert main("run", "--rep", "tinyrep", "--task", pitches, *place)[0] == 0
    status, out, said = main("leaderboard", "validate", "rows")
    assert status == 1
    assert "propose the task first, with its splits" in out + said
