"""``mirbench data doctor`` and ``fetch``, as typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def mirbench(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mirbench.benchmark.cli", *map(str, arguments)],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_doctor_exits_with_1_if_the_task_cannot_run(tmp_path: Path) -> None:
    done = mirbench("data", "doctor", "gtzan", "--data", tmp_path, "-q")
    assert done.returncode == 1
    assert "gtzan cannot run yet" in done.stdout
    assert done.stderr == "mirbench: task gtzan cannot run with the data that is here\n"


def test_the_doctor_exits_with_0_if_it_can(tmp_path: Path) -> None:
    done = mirbench("data", "doctor", "rendered_key", "--cache", tmp_path, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mirbench run --rep mfcc --task rendered_key" in done.stdout


def test_unknown_tasks_are_wrong_usage() -> None:
    for command in ("doctor", "fetch"):
        done = mirbench("data", command, "gtzam")
        assert done.returncode == 2
        assert "did you mean gtzan" in done.stderr


def test_nothing_is_fetched_offline(tmp_path: Path) -> None:
    done = mirbench("data", "fetch", "gtzan", "--data", tmp_path, MIRBENCH_OFFLINE="1")
    assert done.returncode == 1
    assert "MIRBENCH_OFFLINE is set, so genres.tar.gz is not downloaded" in done.stderr
    assert not list(tmp_path.rglob("*"))


def test_emomusic_is_asked_for_not_fetched(tmp_path: Path) -> None:
    done = mirbench("data", "fetch", "emomusic", "--data", tmp_path)
    assert done.returncode == 1
    assert "is given out on request only" in done.stderr
    assert "https://cvml.unige.ch/databases/emoMusic/" in done.stderr
    assert not list(tmp_path.rglob("*"))
