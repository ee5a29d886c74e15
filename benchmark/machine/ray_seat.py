"""What a Ray actor of mirbench is: a place on a node, where one worker process computes.

The worker process is one of `mirbench.benchmark.machine.process`, as on a single machine:
it sees no secrets, its libraries have the threads that they are given, it says what it
is at, and all that it has started ends with it and with the actor.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.machine.ended import Ended, WorkerDied
from mirbench.benchmark.machine.launch import obey
from mirbench.benchmark.machine.process import WorkerProcess


@dataclass(frozen=True)
class Surroundings:
    """What a worker process finds, wherever it is: that of the command.

    Attributes
    ----------
    folder : str
        The working folder.
    path : tuple of str
        Where modules are looked for.
    variables : mapping
        Environment variables that the node's own give way to.
    passed : frozenset of str
        Those that plugins may see although they look like secrets.
    """

    folder: str
    path: tuple[str, ...]
    variables: Mapping[str, str]
    passed: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Done:
    """What a function has returned."""

    value: Any


@dataclass(frozen=True, eq=False)
class Failed:
    """What a function has raised."""

    error: BaseException


@dataclass(frozen=True)
class Died:
    """How the worker process has ended instead of answering."""

    ended: Ended


Answer = Done | Failed | Died


class Seat:
    """One worker process, and perhaps others that prepare its work; lives in a Ray actor.

    Parameters
    ----------
    surroundings : Surroundings
    helpers : int
        How many others there may be; they are started when there is work for them.
    """

    def __init__(self, surroundings: Surroundings, helpers: int = 0) -> None:
        obey(surroundings.passed)
        os.chdir(surroundings.folder)
        self._worker = _Desk(surroundings)
        self._helpers = [_Desk(surroundings) for _ in range(helpers)]
        self._free = threading.BoundedSemaphore(max(1, helpers))

    def ready(self) -> int:
        """Return the number of the actor's process."""
        return os.getpid()

    def call(self, function: Callable[[Any], Any], item: Any) -> Answer:
        """Apply a function to an item in the worker process."""
        return self._worker.call(function, item)

    def prepared(
        self, first: Callable[[Any], Any], function: Callable[[Any], Any], item: Any
    ) -> Answer:
        """Apply `first` to an item in a helper, and `function` to item and result in the worker.

        Several calls at once keep the worker busy.
        """
        with self._free:
            made = self._helper().call(first, item)
        if not isinstance(made, Done):
            return made
        return self._worker.call(function, (item, made.value))

    def _helper(self) -> _Desk:
        return next(desk for desk in self._helpers if not desk.busy)


class _Desk:
    """A worker process that is started when it is needed, and anew after it has ended."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._process: WorkerProcess | None = None

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    def call(self, function: Callable[[Any], Any], item: Any) -> Answer:
        with self._lock:
            if self._process is None or not self._process.alive:
                self._close()
                given = self._surroundings
                self._process = WorkerProcess(given.variables, given.path)
            try:
                return Done(self._process.call(function, item))
            except WorkerDied as error:
                self._close()
                return Died(error.ended)
            except Exception as error:
                return Failed(error)
            except SystemExit as error:  # of a plugin
                return Failed(error)

    def _close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
