"""What a worker process does between its clips, and does not."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

from mirbench.benchmark.engine import map_unordered

PSUTIL = """
from types import SimpleNamespace

class Process:
    grown = 0

    def __init__(self, pid):
        pass

    def memory_info(self):
        Process.grown += 10**9
        return SimpleNamespace(rss=Process.grown)
"""

WORKERS = """
import os, time
from mirbench.benchmark.engine import map_unordered

def nap(item):
    time.sleep(0.4)
    return os.getpid()

print(len(set(map_unordered(nap, range(10), 2))))
"""


def frozen(item: int) -> tuple[int, int]:
    time.sleep(0.05)
    return os.getpid(), gc.get_freeze_count()


def test_what_a_worker_has_loaded_is_left_out_of_garbage_collection() -> None:
    first: set[int] = set()
    later = []
    for pid, count in map_unordered(frozen, range(40), 2):
        if pid in first:
            later.append(count)
        first.add(pid)
    assert min(later) > 1000
    assert gc.get_freeze_count() == 0  # not in the process of the user


def test_a_worker_that_grows_is_not_replaced_because_psutil_is_installed(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text(PSUTIL)
    done = subprocess.run(
        [sys.executable, "-c", WORKERS],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.split() == ["2"], done.stderr
