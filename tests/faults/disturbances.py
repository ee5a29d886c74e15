"""Faults, each done to a trial once, and what became of it."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from faults.ground import CLIPS, Ended, Trial, write_clip

#: Does a fault to a trial, at a moment that the numbers decide; returns what became of it.
Fault = Callable[[Trial, random.Random, dict[str, Any]], str]

FAULTS: dict[str, Fault] = {}

#: Share of clips that several runs may embed twice between them.
TWICE = 0.02

#: Clips that are embedded beside the run itself: to learn which files a model reads, to look at it.
BEFORE = 12

#: What may become of a fault; the last is followed by what went wrong.
SAME, TOLD, BAD = "same row", "said what to do; then the same row", "FAULT: "


def fault(function: Fault) -> Fault:
    """Register a fault under its name."""
    FAULTS[function.__name__.replace("_", " ")] = function
    return function


def judged(trial: Trial, ended: Ended | None, row: dict[str, Any], told: bool = False) -> str:
    """Run a trial again until it is done, and say what became of it.

    Parameters
    ----------
    trial : Trial
    ended : Ended, optional
        The run that was disturbed; None where it was killed.
    row : dict
        What the undisturbed run has found.
    told : bool
        Whether it was said before what to do, and that was done.
    """
    if ended is not None and not ended.clean:
        return f"{BAD}traceback: {ended.last}"
    told = told or (ended is not None and ended.status != 0)
    again = trial.finish()
    if not again.clean:
        return f"{BAD}traceback when run again: {again.last}"
    if again.status != 0:
        return f"{BAD}not done when run again: {again.last}"
    if trial.row() != row:
        return f"{BAD}another row"
    return TOLD if told else SAME


def at_some_moment(trial: Trial, rng: random.Random) -> None:
    """Wait until some clips have been embedded, or a while, so that every stage has its share."""
    if rng.random() < 0.7:
        trial.started[-1].wait_for_clips(rng.randrange(1, CLIPS + BEFORE))
        time.sleep(rng.random() * 0.1)
    else:
        until = time.monotonic() + rng.random() * 15
        while time.monotonic() < until and trial.started[-1].running:
            time.sleep(0.02)


@fault
def kill_of_the_group(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    run = trial.start(jobs=rng.choice((1, 2)))
    at_some_moment(trial, rng)
    run.kill_group()
    run.wait()
    return judged(trial, None, row)


@fault
def kill_of_the_main_process(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    run = trial.start()
    at_some_moment(trial, rng)
    run.kill()
    run.wait()
    left = run.left_over()
    run.kill_group()
    return f"{BAD}{len(left)} processes stay" if left else judged(trial, None, row)


@fault
def kill_of_a_worker(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    run = trial.start()
    at_some_moment(trial, rng)
    workers = run.workers()
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
    return judged(trial, run.wait(), row)


def _shared(trial: Trial, row: dict[str, Any], runs: int, kill: Callable[[], int | None]) -> str:
    every = [trial.start(f"out{number}", jobs=1) for number in range(runs)]
    killed = kill()
    if killed is not None:
        every[killed].kill_group()
    for number, run in enumerate(every):
        ended = run.wait()
        if number == killed:
            continue
        if ended.status != 0 or not ended.clean:
            return f"{BAD}{ended.last}"
        if trial.row(f"out{number}") != row:
            return f"{BAD}another row"
    if killed is not None and (
        trial.finish(f"out{killed}").status != 0 or trial.row(f"out{killed}") != row
    ):
        return f"{BAD}the killed run is not finished when run again"
    # What was at hand in the killed process is lost: a part of four clips, or the look at the
    # model, which the next run then does anew.
    most = CLIPS * TWICE + (max(4, BEFORE) if killed is not None else 0)
    twice = len(trial.embedded()) - len(set(trial.embedded()))
    if twice > most + BEFORE:
        return f"{BAD}{twice} of {CLIPS} clips twice"
    return f"{SAME} for all {runs}, each clip once"


@fault
def two_runs(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    return _shared(trial, row, 2, lambda: None)


@fault
def four_runs(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    return _shared(trial, row, 4, lambda: None)


@fault
def four_runs_of_which_one_is_killed(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    def kill() -> int:
        at_some_moment(trial, rng)
        return rng.randrange(4)

    return _shared(trial, row, 4, kill)


def _failing(trial: Trial, rng: random.Random, number: int) -> Ended:
    """Run while every write into the cache or beside the row fails, from one of them on."""
    after = rng.randrange(1, 120)
    return trial.finish(jobs=rng.choice((1, 2)), FAULT_WRITES=f"{after}:{number}:{trial.folder}/")


@fault
def writes_fail_for_want_of_space(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    return judged(trial, _failing(trial, rng, errno.ENOSPC), row)


@fault
def writes_fail_since_all_is_read_only(
    trial: Trial, rng: random.Random, row: dict[str, Any]
) -> str:
    return judged(trial, _failing(trial, rng, rng.choice((errno.EROFS, errno.EACCES))), row)


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a small file system, and say how to change its options; for root."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield lambda options: _remount(folder, options)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _remount(folder: Path, options: str) -> None:
    for _ in range(100):  # while anything is open for writing it cannot be made read-only
        command = ["mount", "-o", f"remount,{options}", folder]
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.01)


@fault
def full_disk(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    with mounted(trial.cache, f"{4 * rng.randrange(1, 30)}k") as remount:
        ended = trial.finish()
        remount("size=64m")
        return judged(trial, ended, row)


@fault
def read_only_disk(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    with mounted(trial.cache, "64m") as remount:
        run = trial.start()
        at_some_moment(trial, rng)
        remount("ro")
        ended = run.wait()
        remount("rw")
        return judged(trial, ended, row)


@fault
def folder_deleted(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    run = trial.start()
    at_some_moment(trial, rng)
    folders = [path for path in (trial.cache, *trial.cache.rglob("*")) if path.is_dir()]
    folders.append(trial.folder / "out")
    for folder in rng.sample(folders, min(2, len(folders))):
        shutil.rmtree(folder, ignore_errors=True)
    return judged(trial, run.wait(), row)


@fault
def clock_set_back(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    run = trial.start(FAULT_CLOCK=str(rng.choice((0, 86400 * 400))))
    at_some_moment(trial, rng)
    run.kill_group()
    run.wait()
    for path in trial.cache.rglob("*"):
        then = time.time() + rng.choice((-1, 1)) * rng.random() * 86400 * 30
        os.utime(path, (then, then))
    ended = trial.finish(FAULT_CLOCK=str(rng.uniform(-1, 1) * 86400 * 30))
    return judged(trial, ended, row)


def _put_something_foreign(path: Path, rng: random.Random) -> None:
    kind = rng.choice(("junk", "empty", "folder", "link"))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
        (path / "something").write_text("of somebody's")
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.write_bytes(rng.randbytes(300) if kind == "junk" else b"")


@fault
def something_foreign_in_the_cache(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    if rng.random() < 0.5:
        trial.finish()
        shutil.rmtree(trial.folder / "out")
    else:
        run = trial.start()
        at_some_moment(trial, rng)
        run.kill_group()
        run.wait()
    there = list(trial.cache.rglob("*"))
    for path in rng.sample(there, min(3, len(there))):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _put_something_foreign(path, rng)
    for name in ("notes.txt", "embeddings/x.safetensors", "embeddings/y/z/00000-1.safetensors"):
        with contextlib.suppress(FileExistsError, NotADirectoryError, FileNotFoundError):
            (trial.cache / name).parent.mkdir(parents=True, exist_ok=True)
            (trial.cache / name).write_bytes(rng.randbytes(50))
    told = False
    for _ in range(5):  # what a message names is removed, as it says
        ended = trial.finish()
        named = [path for path in sorted(trial.cache.rglob("*")) if str(path) in ended.said]
        if ended.status == 0 or not ended.clean or not named:
            break
        told = True
        longest = max(named, key=lambda path: len(str(path)))
        remove_foreign(longest)
    return judged(trial, ended, row, told)


def remove_foreign(path: Path) -> None:
    """Do as a message says: remove what it names."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@fault
def dataset_that_changes(trial: Trial, rng: random.Random, row: dict[str, Any]) -> str:
    audio = trial.own_data()
    run = trial.start(jobs=rng.choice((1, 2)))
    at_some_moment(trial, rng)
    for number in rng.sample(range(CLIPS), 3):
        write_clip(audio / f"clip{number:03d}.wav", number, seed=1000 + number)
    ended = run.wait()
    fresh = trial.ground.trial(f"{trial.folder.name}-fresh")
    fresh.data = trial.data
    if fresh.finish().status != 0:
        return f"{BAD}the changed dataset cannot be run"
    return judged(trial, ended, fresh.row() or {})


def counted(outcomes: list[str]) -> str:
    """Write outcomes with how often each was."""
    return "; ".join(f"{count} × {what}" for what, count in Counter(outcomes).most_common())


#: Those that mount a file system.
OF_ROOT = frozenset({"full disk", "read only disk"})
