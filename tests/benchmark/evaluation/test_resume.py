"""A run that is killed loses nothing and ends in the same row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUN = ("run", "--rep", "tinyrep", "--task", "tinytask", "--protocol", "quick")


def command(package: Any, folder: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "mirbench.benchmark.cli", *RUN),
        *("--data", str(package.data), "--cache", str(folder / "cache"), "--out"),
        *(str(folder / "out"), *more),
    ]


def kill_when(condition: Callable[[int], bool], line: list[str], env: dict[str, str]) -> None:
    """Start a run and kill it, without warning, as soon as a condition holds."""
    process = subprocess.Popen(line, env=env, start_new_session=True, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 90
        while not condition(process.pid):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def shards(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("embeddings/*/*/*.safetensors"))


def probes(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("grids/*/*/*.safetensors"))


def lasting(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Give the row without cost and environment, and the predictions."""
    path = folder / "out" / "tinyrep" / "tinytask.paper.quick.json"
    row = json.loads(path.read_text())
    del row["cost"], row["environment"]
    predictions = path.with_suffix(".predictions.safetensors")
    return row, predictions.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_run_goes_on_and_gives_the_same_row(
    tiny_task_package: Any, tmp_path: Path, jobs: str
) -> None:
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    env = tiny_task_package.env | {"TINYREP_LOG": str(tmp_path)}
    subprocess.run(command(tiny_task_package, plain), env=tiny_task_package.env, check=True)

    line = command(tiny_task_package, killed, "--jobs", jobs)
    slow = env | {"TINYREP_DELAY": "0.02"}
    kill_when(lambda _: len(shards(killed)) >= 1, line, slow)
    finished = {path: path.stat().st_mtime_ns for path in shards(killed)}
    assert 1 <= len(finished) < 3
    embedded_before = count_lines(tmp_path)

    kill_when(lambda _: bool(probes(killed)), line, env)
    kept = {path: path.stat().st_mtime_ns for path in probes(killed)}
    assert 1 <= len(kept) < 3
    assert not list((killed / "out").rglob("*.json"))
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert len(shards(killed)) == 3
    embedded_again = count_lines(tmp_path) - embedded_before
    clips_in_finished = 64 * len(finished)
    assert embedded_again == tiny_task_package.clips - clips_in_finished

    subprocess.run(line, env=env, check=True, capture_output=True)
    assert count_lines(tmp_path) == embedded_before + embedded_again
    assert lasting(killed) == lasting(plain)


def count_lines(folder: Path) -> int:
    """Clips that were embedded so far."""
    log = folder / "embedded.txt"
    return sum(Counter(log.read_text().splitlines()).values()) if log.exists() else 0
