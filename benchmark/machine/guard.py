"""Ends worker processes when this one is killed, whatever they are doing.

A small process beside the workers waits for that: it reads the numbers of their process
groups from a pipe, which closes when this process ends, and then kills what is left of
them. So what a plugin has started in a worker ends, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading

#: The last line that comes counts.
_SCRIPT = """
trap '' HUP INT TERM
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class _Guard:
    """The process groups of workers, and the process that guards them, while there are any."""

    def __init__(self) -> None:
        self._lock, self._groups = threading.Lock(), set[int]()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """Let a process group end with this process."""
        with self._lock:
            self._groups.add(group)
            self._tell()

    def remove(self, group: int) -> None:
        """Guard a group no longer, since it has ended."""
        with self._lock:
            self._groups.discard(group)
            self._tell()

    def end_all(self) -> None:
        """Kill every group now; without the lock, which this very thread may have when it calls."""
        for group in list(self._groups):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    def _tell(self) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # somebody has killed it
            pipe.write(" ".join(map(str, sorted(self._groups))).encode() + b"\n")
            pipe.flush()
        if not self._groups:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
            self._process.wait()
            self._process = None


GUARD = _Guard()
