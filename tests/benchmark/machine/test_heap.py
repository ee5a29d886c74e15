"""A worker's memory: kept from clip to clip, given back when it is idle.

In a process of their own, since the settings are those of a process.
"""

from __future__ import annotations

import subprocess
import sys

from helpers.needs import needs

pytestmark = needs("glibc")

BEGIN = """
import resource, time
from pathlib import Path
import numpy as np
from mirbench.benchmark.machine.heap import kept_memory
from mirbench.benchmark.machine.process import _answer

def work(item=0):
    return len([np.ones(2**22, dtype=np.float32) for _ in range(6)])  # 96 MB, taken and freed

def faults(calls):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    calls()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def is_given_back(before):
    for _ in range(200):
        if resident() < before + 2**25:
            return True
        time.sleep(0.1)
    return False
"""


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_system_is_not_asked_for_the_same_memory_again() -> None:
    run("""
plain = faults(lambda: [work() for _ in range(20)])
answers = lambda count: [_answer(work, 0) for _ in range(count)]  # as a worker does
answers(2)
kept = faults(lambda: answers(20))
assert kept < plain / 4, (kept, plain)
""")


def test_memory_goes_back_when_there_is_no_more_work_and_later_memory_at_once() -> None:
    run("""
before = resident()
with kept_memory(idle=2):
    work()
assert resident() > before + 2**25, "it was not kept"
assert is_given_back(before)
work()
assert resident() < before + 2**27, "it is kept without being asked"
plain = faults(lambda: [work() for _ in range(5)])
assert plain > 20, plain
""")


def test_memory_is_not_given_back_while_work_goes_on() -> None:
    run("""
before = resident()
with kept_memory(idle=1):
    work()
with kept_memory(idle=60):
    with kept_memory(idle=0.1):
        work()
    time.sleep(2)
    assert resident() > before + 2**25
""")
