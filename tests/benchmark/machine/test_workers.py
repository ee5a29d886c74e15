"""What a worker process does between its clips, and does not.

In scripts of their own, whose functions go to the workers by value.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FROZEN = """
import gc, os, time
from mirbench.benchmark.machine.workers import map_unordered

def frozen(item):
    time.sleep(0.05)
    return os.getpid(), gc.get_freeze_count()

seen = set()
for pid, count in map_unordered(frozen, range(40), 2):
    assert pid not in seen or count > 1000, count
    seen.add(pid)
assert gc.get_freeze_count() == 0  # not in the process of the user
"""

CYCLE = """
import gc, weakref
from mirbench.benchmark.machine.workers import _in_worker, collect_everything

class Model:
    pass

def load(item):
    model = Model()
    model.itself = model
    loaded.append(model)
    return weakref.ref(model)

loaded = []
model = _in_worker(load, 0)
loaded.clear()
gc.collect()
assert model() is not None  # it is left out
collect_everything()
assert model() is None
_in_worker(load, 0)
assert gc.get_freeze_count() > 1000  # once more, though no module came
"""

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

NAPS = """
import os, time
from mirbench.benchmark.machine.workers import map_unordered

def nap(item):
    time.sleep(0.4)
    return os.getpid()

print(len(set(map_unordered(nap, range(12), 2))))
"""


def run(code: str, path: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_a_worker_has_loaded_is_left_out_of_garbage_collection(tmp_path: Path) -> None:
    run(FROZEN, tmp_path)


def test_a_model_that_refers_to_itself_can_be_collected_before_the_next(tmp_path: Path) -> None:
    run(CYCLE, tmp_path)


def test_a_worker_that_grows_is_not_replaced_because_psutil_is_installed(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text(PSUTIL)
    assert int(run(NAPS, tmp_path)) <= 2
