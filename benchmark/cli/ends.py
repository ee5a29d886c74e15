"""How a command ends: by other signals as by Ctrl-C, and with nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

#: Seconds that what is under way is given to end in order; Docker kills after ten.
GRACE = 8.0

#: What ends a command: Ctrl-C, a scheduler or ``kill``, and a terminal that closes.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Ending:
    """Signals that tell a command to end, as they come.

    Attributes
    ----------
    number : int
        That which came first; SIGINT, as long as none has.
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._told = False
        # What is not a daemon from before is not of this command.
        self._threads = set(threading.enumerate())

    @property
    def status(self) -> int:
        """The exit status by convention."""
        return 128 + self.number

    @property
    def message(self) -> str:
        """What is said at the end."""
        how = "interrupted"
        if self.number != signal.SIGINT:
            how = f"ended by {signal.Signals(self.number).name}"
        return f"{how}; what is finished is kept: run the same command to go on"

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """End what is under way, in order; at a second Ctrl-C, or after `GRACE`, at once."""
        del frame
        if self._told:
            if number == signal.SIGINT:
                self._end_now()
            return
        self._told, self.number = True, number
        timer = threading.Timer(GRACE, self._end_now)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    def leave(self, status: int) -> None:
        """End the process, though a plugin has left a thread or a child that would keep it."""
        if self._is_kept():
            _end_processes()
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(status)
        if status:
            sys.exit(status)

    def _is_kept(self) -> bool:
        left = set(threading.enumerate()) - self._threads
        if any(not one.daemon and not one.name.startswith("mirbench-") for one in left):
            return True
        children = sys.modules.get("multiprocessing")
        return children is not None and any(not c.daemon for c in children.active_children())

    def _end_now(self) -> NoReturn:
        _end_processes()
        with contextlib.suppress(OSError):
            os.write(2, f"mirbench: {self.message}\n".encode())
        os._exit(self.status)


@contextmanager
def heeded() -> Iterator[Ending]:
    """Let the signals that end a command raise `KeyboardInterrupt`, unless they are ignored."""
    ending, before = Ending(), {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        usual = (signal.SIG_DFL, signal.default_int_handler)
        before = {n: handler for n in numbers if (handler := signal.getsignal(n)) in usual}
        for number in before:
            signal.signal(number, ending.on_signal)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_processes() -> None:
    from mirbench.benchmark.machine.guard import GUARD

    GUARD.end_all()
