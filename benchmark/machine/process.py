"""One worker process: it is given one call after the other, and answers each.

Calls and answers go through a pipe, by `multiprocessing.connection`. The worker leads a
session of its own, and all that is left in it ends with the worker: also when the process
that has started it is killed, see `mirbench.benchmark.machine.guard`.
"""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from mirbench.benchmark.machine.answers import read_answer, write_answer
from mirbench.benchmark.machine.ended import Ended, WorkerDied
from mirbench.benchmark.machine.guard import GUARD
from mirbench.benchmark.machine.heap import kept_memory
from mirbench.benchmark.machine.last_words import keep_notes, open_notes, read_notes
from mirbench.benchmark.machine.launch import Rules, obey, rules, start_python
from mirbench.benchmark.machine.limits import memory_kills

#: Seconds after which a silent worker is looked at.
_LOOK_EVERY = 1.0


#: Seconds within which an idle worker answers, and one whose pipe is closed has ended.
_PATIENCE = 10.0

#: Seconds within which this process hears of a signal that a scheduler sends to all.
_HEARS = 2.0


@dataclass(frozen=True)
class _Failure:
    """What a call raised, and where, as Python prints it."""

    error: BaseException
    trace: str


class WorkerProcess:
    """A Python process of its own, whose numerical libraries have one thread each.

    Parameters
    ----------
    environment : mapping, optional
        Variables that it has besides those of this process, or in their place.
    path : sequence of str, optional
        Where it looks for modules; default: as this process.

    Attributes
    ----------
    rules : Rules
        Those that were in force when it was started.
    """

    rules: Rules

    def __init__(
        self, environment: Mapping[str, str] | None = None, path: Sequence[str] | None = None
    ) -> None:
        self._pipe, theirs = Pipe()
        self._notes, self._ended = open_notes(), False
        self._surroundings = _surroundings()
        code = (
            f"import sys; sys.path[:] = {list(path or sys.path)!r}\n"
            f"from {obey.__module__} import obey; obey({rules().passed!r})\n"
            f"from {__name__} import serve; serve({theirs.fileno()}, {self._notes})"
        )
        with theirs:
            self.rules = rules()
            self._process = start_python(code, (theirs.fileno(), self._notes), environment or {})
        GUARD.add(self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    @property
    def fits(self) -> bool:
        """Whether it imports from where this process does now, with its environment and rules."""
        return self.rules == rules() and self._surroundings == _surroundings()

    def answers(self) -> bool:
        """Whether it takes calls; one that was killed may look alive for a moment longer."""
        try:
            self._pipe.send((_nothing, None))
            return self._pipe.poll(_PATIENCE) and self._received() is None
        except (EOFError, ConnectionError):
            return False

    def call(self, function: Callable[[Any], Any], item: Any) -> Any:
        """Apply a function to an item there, and return what it returns.

        Both must be picklable. What the function raises is raised here, with
        the traceback of the worker as a note.

        Raises
        ------
        WorkerDied
            If the process ends before it has answered.
        """
        kills = memory_kills()
        try:
            self._pipe.send((function, item))
            while not self._pipe.poll(_LOOK_EVERY):
                # A child of the worker may hold its end of the pipe, and outlive it.
                if not self.alive and not self._pipe.poll(0):
                    raise EOFError
            answer = self._received()
        except (EOFError, ConnectionError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)  # of itself, so that its status tells why
            self.kill()
            words = read_notes(self._notes)
            ended = Ended(self._process.returncode, words, memory_kills() > kills)
            if ended.signal in ("SIGTERM", "SIGHUP"):
                time.sleep(_HEARS)  # it may be meant for the whole command, which then ends
            raise WorkerDied(ended) from error
        if isinstance(answer, _Failure):
            answer.error.add_note(f"In a worker process:\n{answer.trace}")
            raise answer.error
        return answer

    def _received(self) -> Any:
        if self.rules.sandbox is None:
            return self._pipe.recv()
        return read_answer(self._pipe.recv_bytes())

    def kill(self) -> None:
        """End the process, with all that it has started; a waiting `call` raises `WorkerDied`."""
        if not self._ended:  # from then on its number may be another's
            self._ended = True
            # What was started in the sandbox of another user is ended with that.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.wait()
        GUARD.remove(self._process.pid)

    def close(self) -> None:
        """End the process and close the pipe; no `call` may wait for it."""
        self.kill()
        self._pipe.close()
        os.close(self._notes)


def serve(handle: int, notes: int) -> None:
    """Answer calls that come through a pipe until it is closed; runs in the worker.

    Parameters
    ----------
    handle : int
        File descriptor of the worker's end.
    notes : int
        File descriptor of what tells what it is at.
    """
    keep_notes(notes)
    # Ctrl-C may be meant for every process; it is the starting one that decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _serve(handle)
    finally:
        # A thread or process that a plugin has left behind would keep this one alive.
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(0)


def _serve(handle: int) -> None:
    with Connection(handle) as pipe:
        while True:
            try:
                function, item = pipe.recv()
            except EOFError:
                return
            except Exception as error:
                answer: Any = _failure(error)
            else:
                answer = _answer(function, item)
                del item
            try:
                _send(pipe, answer)
            except ConnectionError:
                return
            del answer


def _surroundings() -> tuple[list[str], dict[str, str]]:
    return sys.path.copy(), dict(os.environ)


def _nothing(item: None) -> None:
    """Do nothing, to see whether a worker is there."""


def _answer(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        with kept_memory():
            return function(item)
    except BaseException as error:  # `SystemExit` of a plugin, too, is news for the caller
        return _failure(error)


def _send(pipe: Connection, answer: Any) -> None:
    try:
        pipe.send_bytes(write_answer(answer))
    except ConnectionError:
        raise
    except Exception as error:  # it cannot be pickled
        pipe.send_bytes(write_answer(_failure(error)))


def _failure(error: BaseException) -> _Failure:
    trace = traceback.format_exc()
    try:
        copy.copy(error)  # which makes it anew from its arguments, as the other end will
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return _Failure(error, trace)
