"""Worker processes: what they do with items, errors, a sudden end, and no work.

Functions go to the workers by name: the standard library's, or those of `OWN`.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from operator import call, truediv
from pathlib import Path
from typing import Any

import pytest

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.machine import workers as module
from mirbench.benchmark.machine.workers import Workers

OWN = '''
import os
import subprocess
import sys
import time

import numpy as np
from threadpoolctl import threadpool_info

class Odd(Exception):
    """Cannot be made anew from its arguments, as pickling does."""

    def __init__(self, name, number):
        super().__init__(f"{name} {number}")

def odd(item):
    raise Odd("clip", item)

def closure(item):
    return lambda: item

def leave(item):
    sys.exit(item)

def threads(item):
    np.ones((8, 8)) @ np.ones((8, 8))
    return {library["num_threads"] for library in threadpool_info()}

def start_child(seconds):
    return subprocess.Popen(["sleep", seconds]).pid

def end_children(item):
    """Tell a forked process and a program to end, and see how they did."""
    import multiprocessing
    forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    forked.start()
    program = subprocess.Popen(["sleep", "600"])
    forked.terminate()
    program.terminate()
    forked.join()
    return [forked.exitcode, program.wait()]

def nap(seconds):
    time.sleep(seconds)
    return seconds

def sleep_long(path):
    if path is not None:
        path.with_suffix(".part").write_text(str(os.getpid()))
        path.with_suffix(".part").rename(path)
        time.sleep(600)
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import `OWN` as a module that new workers can import, too."""
    module._KEPT.end()  # those that are kept do not know the folder
    (tmp_path / "own_functions.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("own_functions")
    module._KEPT.end()
    del sys.modules["own_functions"]


def read_pid(path: Path) -> int:
    """Wait for the file of a worker that sleeps."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def ends(pid: int) -> bool:
    """Wait for the end of a process."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_item_has_one_outcome(count: int) -> None:
    with Workers(count) as workers:
        assert sorted(workers.unordered(abs, range(-20, 0))) == list(range(1, 21))
        assert list(workers.ahead(abs, range(-20, 0), 3)) == list(range(20, 0, -1))
        assert list(workers.unordered(abs, [])) == []


def test_workers_are_other_processes_and_so_is_one() -> None:
    for count in (1, 2):
        with Workers(count) as workers:
            pids = set(workers.unordered(call, [os.getpid] * 8))
        assert os.getpid() not in pids
        assert len(pids) <= count


def test_those_of_a_kind_are_kept_for_the_next_of_it() -> None:
    found = []
    for kind in ("", "cuda", "", "cuda"):
        with Workers(1, kind) as workers:
            found += workers.unordered(call, [os.getpid])
    assert found[0] == found[2] != found[1] == found[3]


def test_results_come_as_they_are_ready(own: Any) -> None:
    with Workers(2) as workers:
        list(workers.unordered(own.nap, [0.2, 0.2]))
        assert list(workers.unordered(own.nap, [2, 0.01, 0.0])) == [0.01, 0.0, 2]


@pytest.mark.parametrize("count", [1, 2])
def test_libraries_have_one_thread(count: int, own: Any) -> None:
    with Workers(count) as workers:
        assert set().union(*workers.unordered(own.threads, [0, 1])) == {1}


def test_processes_are_kept_for_the_next_and_end_without_work(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = []
    for idle in (300, 0.1):
        monkeypatch.setattr(module, "KEPT", idle)
        with Workers(2) as workers:
            pids.append(set(workers.unordered(call, [os.getpid] * 8)))
    assert pids[1] <= pids[0]
    assert all(ends(pid) for pid in pids[0])


def test_one_that_ended_while_it_was_idle_is_replaced(own: Any) -> None:
    for _ in range(2):
        with Workers(2) as workers:
            pids = set(workers.unordered(call, [os.getpid] * 8))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            assert ends(pid)


def test_an_error_of_the_function_is_passed_on_with_its_lines(own: Any) -> None:
    with Workers(2) as workers:
        with pytest.raises(ZeroDivisionError) as caught:
            list(workers.unordered(partial(truediv, 1), [1, 0]))
        assert "In a worker process:\nTraceback" in caught.value.__notes__[0]
        with pytest.raises(SystemExit):
            list(workers.unordered(own.leave, [7]))
        assert list(workers.unordered(abs, [-1])) == [1]


def test_what_cannot_be_pickled_is_an_error_and_not_the_end(own: Any) -> None:
    with Workers(2) as workers:
        for function, item, message in (
            (own.odd, 3, "Odd: clip 3"),
            (own.closure, 3, "local object"),
            (abs, lambda: 3, "lambda"),
        ):
            with pytest.raises(Exception, match=message) as caught:
                list(workers.unordered(function, [item]))
            assert not isinstance(caught.value, MirbenchError)
        assert list(workers.unordered(abs, [-1])) == [1]


@pytest.mark.parametrize("way", ["unordered", "ahead"])
def test_a_worker_that_dies_is_explained(way: str) -> None:
    with Workers(2) as workers:
        unordered, ahead = workers.unordered(os._exit, [1, 2]), workers.ahead(os._exit, [1, 2], 2)
        with pytest.raises(MirbenchError, match=r"exited with status [12] \(os._exit"):
            list(unordered if way == "unordered" else ahead)
    with Workers(2) as workers:
        assert list(workers.unordered(abs, [-1])) == [1]


def test_work_that_is_not_done_is_given_up(own: Any, tmp_path: Path) -> None:
    with Workers(2) as workers:
        results = workers.unordered(own.sleep_long, [tmp_path / "pid", None, None])
        assert next(results) is None
        pid = read_pid(tmp_path / "pid")
    assert ends(pid)


def test_what_a_worker_has_started_ends_with_it(own: Any) -> None:
    with Workers(1) as workers:
        (pid,) = workers.unordered(own.start_child, ["600"])
        assert not Path(f"/proc/{pid}/status").read_text().count("zombie")
        module._KEPT.put(workers._idle)
        workers._idle = []
        module._KEPT.end()
        assert ends(pid)


def test_children_of_a_worker_can_be_told_to_end(own: Any) -> None:
    with Workers(1) as workers:
        assert list(workers.unordered(own.end_children, range(20))) == [[-15, -15]] * 20


STARTS = """
import os, sys, time
from operator import call
from mirbench.benchmark.machine.workers import Workers

with Workers(2) as workers:
    print(*set(workers.unordered(call, [os.getpid] * 8)), flush=True)
time.sleep(600)
"""


def test_workers_do_not_outlive_a_process_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids
        parent.kill()
        parent.wait()
        assert all(ends(pid) for pid in pids)


def test_no_more_is_begun_ahead_than_may_wait(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    wanted = [made / f"{number:02d}" for number in range(20)]
    (tmp_path / "source").touch()
    with Workers(2) as workers:
        results = workers.ahead(partial(shutil.copyfile, tmp_path / "source"), wanted, 3)
        assert next(results) == wanted[0]
        deadline = time.monotonic() + 20
        while len(list(made.iterdir())) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        assert sorted(made.iterdir()) == wanted[:3]
        assert list(results) == wanted[1:]


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    with Workers(1) as workers:
        results = workers.ahead(abs, items(), 2)
        assert next(results) == 0
        assert taken == [0, 1, 2]
