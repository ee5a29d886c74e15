"""How many threads a grid takes, and the threads that train it.

Every bank of probes is computed by one thread from beginning to end, so
results do not depend on how many there are. A grid takes the cores it may run
on, divided by the number of grids that train on this machine at the moment:
each holds a lock on a file in the temporary folder while it runs, and looks
every few seconds how many others are held. ``OMP_NUM_THREADS`` caps it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO

import torch

from mirbench.benchmark.machine.device import free_threads

if sys.platform != "win32":  # there, every grid believes itself alone
    import fcntl

#: Lends a buffer of so many floats, the same one again and again to a thread.
Scratch = Callable[[int], torch.Tensor]
#: What one thread does from beginning to end.
Work = Callable[[Scratch], None]

LOOK_EVERY_SECONDS = 5.0


class Threads:
    """Threads that work side by side, each with a single thread inside torch.

    A context manager: while it is open, torch's own threads are off, a GPU
    rounds no factor of a product (as with TF32), and the grid counts as
    running; all of it is undone at the end.

    Parameters
    ----------
    device : torch.device
        On a GPU, one thread is enough: the device is what is shared.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.size = free_threads() if device.type == "cpu" else 1
        self._local = threading.local()
        self._looked = -LOOK_EVERY_SECONDS
        self._width = self.size

    def __enter__(self) -> Threads:
        self._before = torch.get_num_threads()
        torch.set_num_threads(1)
        self._precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        self._context = contextlib.ExitStack()
        if self.device.type == "cuda":  # what is launched goes to this one, if there are several
            self._context.enter_context(torch.cuda.device(self.device))
        self._lock = _Presence()
        self._pool = ThreadPoolExecutor(self.size, initializer=torch.set_num_threads, initargs=(1,))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._lock.close()
        self._context.close()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        torch.set_float32_matmul_precision(self._precision)
        torch.set_num_threads(self._before)

    @property
    def width(self) -> int:
        """Threads to use now."""
        if time.monotonic() - self._looked > LOOK_EVERY_SECONDS:
            self._looked = time.monotonic()
            self._width = max(1, self.size // self._lock.count())
        return self._width

    def run(self, work: Sequence[Work]) -> None:
        """Do all the work, and return when the last is done; an error ends the rest, too."""
        waiting = deque(work)
        helpers = [
            self._pool.submit(self._do, waiting) for _ in range(min(self.width, len(work)) - 1)
        ]
        try:
            self._do(waiting)
        finally:
            waiting.clear()
            for helper in helpers:
                helper.result()

    def _do(self, waiting: deque[Work]) -> None:
        while waiting:
            try:
                work = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            work(self._scratch)

    def _scratch(self, floats: int) -> torch.Tensor:
        buffer: torch.Tensor | None = getattr(self._local, "buffer", None)
        if buffer is None or len(buffer) < floats:
            buffer = torch.zeros(floats, device=self.device)
            self._local.buffer = buffer
        return buffer[:floats]


class _Presence:
    """A lock that lasts as long as the process holds it, however the process ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir()) / "mirbench-grids"
        self._file: IO[bytes] | None = None
        if sys.platform == "win32":
            return
        with contextlib.suppress(OSError):  # another user's folder: its mode lets us in
            self._folder.mkdir(exist_ok=True)
            self._folder.chmod(0o1777)
        try:
            self._path = self._folder / f"{os.getpid()}-{id(self)}.lock"
            self._file = self._path.open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file = None

    def count(self) -> int:
        """Grids that run now, this one included."""
        if self._file is None:
            return 1
        return 1 + sum(_held(path) for path in self._folder.glob("*.lock") if path != self._path)

    def close(self) -> None:
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()


def _held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        path.unlink()  # left behind by a process that was killed
    return False
