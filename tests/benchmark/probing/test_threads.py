"""The threads of a grid, and grids that share the processors of a machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.probing import threads as module
from mirbench.benchmark.probing.threads import Scratch, Threads

# isort: split
import torch

CPU = torch.device("cpu")

GRID = """
import sys, torch
from mirbench.benchmark.probing.threads import Threads
with Threads(torch.device("cpu")) as threads:
    print(threads.width, flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_grid(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a grid in a process of its own; give it, and the threads it takes."""
    process = subprocess.Popen(
        [sys.executable, "-c", GRID],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    with process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Be on a machine of four processors where no other grid runs, and look at once."""
    monkeypatch.setattr(module, "free_threads", lambda: 4)
    monkeypatch.setattr(module, "LOOK_EVERY_SECONDS", -1.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.slow
def test_grids_of_two_processes_share_the_processors(tmp_path: Path) -> None:
    with Threads(CPU) as mine:
        assert mine.width == 4
        with other_grid(tmp_path) as (first, _), other_grid(tmp_path) as (second, _):
            assert mine.width == 1
            first.communicate("")  # it ends as it should
            assert mine.width == 2
            second.kill()
            second.wait()
            assert mine.width == 4
    assert list(tmp_path.rglob("*.lock")) == []


@pytest.mark.slow
def test_a_grid_sees_those_that_were_there_before_it(tmp_path: Path) -> None:
    with Threads(CPU), Threads(CPU), Threads(CPU) as third:
        assert third.width == 1
        with other_grid(tmp_path) as (_, width):
            assert width == max(1, len(os.sched_getaffinity(0)) // 4)


def test_a_grid_on_a_gpu_has_one_thread() -> None:
    assert Threads(torch.device("cuda")).size == 1


def test_where_no_lock_can_be_made_a_grid_believes_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "mirbench-grids").write_text("not a folder")
    with Threads(CPU) as mine:
        assert mine.width == 4


def test_torchs_threads_are_one_within_and_as_before_after() -> None:
    before = torch.get_num_threads()
    with Threads(CPU):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_all_the_work_is_done_by_at_most_so_many_threads() -> None:
    seen: list[tuple[int, int]] = []

    def work(scratch: Scratch) -> None:
        seen.append((len(scratch(5)), scratch(3).data_ptr()))

    with Threads(CPU) as threads:
        threads.run([work] * 50)
    assert [length for length, _ in seen] == [5] * 50
    assert len({place for _, place in seen}) <= 4  # a thread gets its own buffer again


def test_an_error_in_one_work_reaches_the_caller() -> None:
    def fail(scratch: Scratch) -> None:
        raise UsageError(str(len(scratch(3))))

    with Threads(CPU) as threads, pytest.raises(UsageError, match="3"):
        threads.run([fail, lambda scratch: None])
