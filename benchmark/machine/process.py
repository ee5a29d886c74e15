"""One worker process: it is given one call after the other, and answers each.

Calls and answers go through a pipe, by `multiprocessing.connection`. The pipe
closes when the process that started the worker ends, however it ends, and then the
worker ends too.
"""

from __future__ import annotations

import copy
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from mirbench.benchmark.machine.answers import read_answer, write_answer
from mirbench.benchmark.machine.heap import kept_memory
from mirbench.benchmark.machine.launch import Rules, obey, rules, start_python

#: Seconds after which a silent worker is looked at.
_LOOK_EVERY = 1.0


#: Seconds within which an idle worker answers.
_PATIENCE = 10.0


class WorkerDied(Exception):
    """A worker process ended before it answered."""


@dataclass(frozen=True)
class _Failure:
    """What a call raised, and where, as Python prints it."""

    error: BaseException
    trace: str


class WorkerProcess:
    """A Python process of its own, whose numerical libraries have one thread each.

    Attributes
    ----------
    rules : Rules
        Those that were in force when it was started.
    """

    rules: Rules

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            f"from {obey.__module__} import obey; obey({rules().passed!r})\n"
            f"from {__name__} import serve; serve({theirs.fileno()})"
        )
        with theirs:
            self.rules = rules()
            self._process = start_python(code, theirs.fileno())

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

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
        try:
            self._pipe.send((function, item))
            while not self._pipe.poll(_LOOK_EVERY):
                # A child of the worker may hold its end of the pipe, and outlive it.
                if not self.alive and not self._pipe.poll(0):
                    raise EOFError
            answer = self._received()
        except (EOFError, ConnectionError) as error:
            self.kill()
            raise WorkerDied from error
        if isinstance(answer, _Failure):
            answer.error.add_note(f"In a worker process:\n{answer.trace}")
            raise answer.error
        return answer

    def _received(self) -> Any:
        if self.rules.sandbox is None:
            return self._pipe.recv()
        return read_answer(self._pipe.recv_bytes())

    def kill(self) -> None:
        """End the process, whatever it does; a `call` that waits for it raises `WorkerDied`."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and close the pipe; no `call` may wait for it."""
        self.kill()
        self._pipe.close()


def serve(handle: int) -> None:
    """Answer calls that come through a pipe until it is closed; runs in the worker.

    Parameters
    ----------
    handle : int
        File descriptor of the worker's end.
    """
    # Ctrl-C reaches every process of a terminal; it is the starting one that decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
