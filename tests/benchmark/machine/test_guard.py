"""The guard of workers, where it is asked in the middle of its own work."""

from __future__ import annotations

import subprocess
import threading

from mirbench.benchmark.machine.guard import _Guard


def test_a_second_signal_ends_all_while_the_first_is_at_it() -> None:
    guard, worker = _Guard(), subprocess.Popen(["sleep", "600"], start_new_session=True)
    guard.add(worker.pid)
    with guard._lock:  # as the thread has it that a handler of signals interrupts
        thread = threading.Thread(target=guard.end_all, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert worker.wait(20) == -9
    guard.remove(worker.pid)
