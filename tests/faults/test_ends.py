"""How commands end, with real processes: by signals, by crashes, and with what plugins leave."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import TinyPackage

BEGIN = """
import ctypes, os, subprocess, sys, threading, time
from pathlib import Path
import numpy as np

CARD = {"title": "Odd", "trained_on": "none"}
HERE = Path(__file__).parent


def write(text):
    with (HERE / "log").open("a") as log:
        log.write(text + "\\n")


class Odd:
    sample_rate, dims, heard_seconds, calls = 8000, 2, 1.0, 0

    def embed(self, audio, sr):
        Odd.calls += 1
        self.odd()
        return np.array([audio.mean(), audio.std()], np.float32)

    def odd(self):
"""

END = """

def load_model(device="cpu"):
    return Odd()
"""

#: Sleeps with a child, and with Python's lock, as code in C does that was not made to share it.
SLEEPS = """
        child = subprocess.Popen(["sleep", "600"])
        write(f"{os.getpid()}\\n{child.pid}")
        ctypes.PyDLL(None).sleep(600)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that writes a plugin, by what it does at each clip."""

    def write(odd: str) -> Path:
        path = tmp_path / "odd.py"
        path.write_text(BEGIN + f"        {odd.strip()}\n" + END)
        return path

    return write


def command(rep: Path, jobs: int, *options: str) -> list[str]:
    """Embed the tiny task with a plugin, into a cache beside it."""
    arguments = ["-q", "embed", "--rep", str(rep), "--task", "tinytask", "--jobs", str(jobs)]
    cache = ["--cache", str(rep.parent / "cache")]
    return [sys.executable, "-m", "mirbench.benchmark.cli", *arguments, *cache, *options]


def started(tiny: TinyPackage, rep: Path, jobs: int) -> tuple[subprocess.Popen[str], list[int]]:
    """Start the command, and wait until a clip is embedded: the process, and those in the log."""
    run = subprocess.Popen(command(rep, jobs), env=tiny.env, stderr=subprocess.PIPE, text=True)
    log, deadline = rep.parent / "log", time.monotonic() + 120
    while not log.exists() or len(log.read_text().split()) < 2:
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.05)
    return run, [int(pid) for pid in log.read_text().split()]


def are_gone(pids: list[int], seconds: float = 20) -> bool:
    """Wait for the end of processes."""
    deadline = time.monotonic() + seconds
    while any(is_there(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_there(pid: int) -> bool:
    try:
        status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True)
        return bool(status.stdout.strip()) and not status.stdout.startswith(b"Z")
    except OSError:
        return False


def ended(tiny: TinyPackage, rep: Path, jobs: int, *options: str) -> tuple[int, str]:
    """Run the command to its end: its status and what it says."""
    done = subprocess.run(
        command(rep, jobs, *options), env=tiny.env, capture_output=True, text=True, timeout=240
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
    ],
)
def test_signals_end_the_command_and_all_that_it_has_started(
    tiny: TinyPackage, plugin: Callable[[str], Path], number: int, status: int, said: str
) -> None:
    run, pids = started(tiny, plugin(SLEEPS), jobs=2)
    run.send_signal(number)
    _, err = run.communicate(timeout=60)
    assert run.returncode == status
    assert err.strip().splitlines()[-1] == (
        f"mirbench: {said}; what is finished is kept: run the same command to go on"
    )
    assert are_gone(pids)


@pytest.mark.slow
def test_a_scheduler_that_tells_all_processes_gets_the_same_answer(
    tiny: TinyPackage, plugin: Callable[[str], Path]
) -> None:
    run, pids = started(tiny, plugin("write(str(os.getpid())); time.sleep(0.5)"), jobs=1)
    for pid in {*pids, run.pid}:
        os.kill(pid, signal.SIGTERM)
    _, err = run.communicate(timeout=60)
    assert (run.returncode, "ended by SIGTERM" in err) == (143, True), err
    assert are_gone(pids)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_workers_and_their_children_end_when_the_main_process_is_killed(
    tiny: TinyPackage, plugin: Callable[[str], Path], jobs: int
) -> None:
    run, pids = started(tiny, plugin(SLEEPS), jobs)
    run.kill()
    run.communicate(timeout=60)
    assert are_gone(pids)


@pytest.mark.slow
def test_threads_and_children_that_a_model_leaves_keep_nothing_alive(
    tiny: TinyPackage, plugin: Callable[[str], Path]
) -> None:
    rep = plugin("""
        if Odd.calls == 1:
            threading.Thread(target=time.sleep, args=(600,)).start()
            write(str(subprocess.Popen(["sleep", "600"]).pid))
    """)
    assert ended(tiny, rep, 1) == (0, "")
    assert are_gone([int(pid) for pid in (rep.parent / "log").read_text().split()])


CRASHES = {
    "segmentation fault (SIGSEGV)": "ctypes.string_at(0)",
    "aborted (SIGABRT)": "os.abort()",
    "exited with status 3 (os._exit": "os._exit(3)",
}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("said", CRASHES)
def test_crashes_have_a_name_and_a_clip(
    tiny: TinyPackage, plugin: Callable[[str], Path], said: str, jobs: int
) -> None:
    rep = plugin(f"if Odd.calls == 12: {CRASHES[said]}")
    status, err = ended(tiny, rep, jobs)
    assert status == 1
    assert said in err
    assert re.search(r"while embedding clip 'clip\d+' with representation 'odd'", err)
    assert "memory" not in err
    assert "--jobs" not in err
    if "exit" not in said:
        assert f"({rep}, line 24)" in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_what_the_kernel_may_have_killed_is_told_so(
    tiny: TinyPackage, plugin: Callable[[str], Path]
) -> None:
    rep = plugin("if Odd.calls == 12: os.kill(os.getpid(), 9)")
    status, err = ended(tiny, rep, 2)
    assert status == 1
    assert "was killed (SIGKILL), by the kernel for want of memory or by somebody" in err
    assert "(--jobs 1)" in err


@pytest.mark.slow
def test_a_clip_that_takes_too_long_is_named_with_the_line(
    tiny: TinyPackage, plugin: Callable[[str], Path]
) -> None:
    rep = plugin("if Odd.calls == 12: ctypes.PyDLL(None).sleep(600)")
    status, err = ended(tiny, rep, 1, "--clip-timeout", "2")
    assert status == 1
    assert "longer than --clip-timeout allows, while embedding clip 'clip" in err
    assert f"({rep}, line 24)" in err
    assert len(err.splitlines()) == 1


MISTAKES = {
    "KeyError: 'missing'": "{}['missing']",
    "SystemExit: no more": "sys.exit('no more')",
    "MemoryError: Unable to allocate": "np.ones(10**14)",
}


@pytest.mark.slow
@pytest.mark.parametrize("said", MISTAKES)
def test_errors_of_a_plugin_name_its_line(
    tiny: TinyPackage, plugin: Callable[[str], Path], said: str
) -> None:
    rep = plugin(MISTAKES[said])
    status, err = ended(tiny, rep, 1)
    assert status == 1
    assert f"embed raised {said}" in err
    assert f"({rep}, line 24)" in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_debug_shows_all_wherever_it_stands(
    tiny: TinyPackage, plugin: Callable[[str], Path]
) -> None:
    rep = plugin("{}['missing']")
    for place in (3, len(command(rep, 1))):
        line = command(rep, 1)
        line.insert(place, "--debug")
        done = subprocess.run(line, env=tiny.env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 1
        assert "Traceback (most recent call last)" in done.stderr
        assert f'File "{rep}", line 24, in odd' in done.stderr
        assert done.stderr.splitlines()[-1].startswith("mirbench: representation 'odd', clip")


POOL = """
        from multiprocessing import Pool
        for _ in range(5 if Odd.calls < 8 else 0):
            with Pool(2) as pool:
                assert pool.map(abs, [-1, -2]) == [1, 2]
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_may_start_processes(
    tiny: TinyPackage, plugin: Callable[[str], Path], jobs: int
) -> None:
    assert ended(tiny, plugin(POOL), jobs) == (0, "")
