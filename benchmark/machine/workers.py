"""Where clips are decoded and embedded: local worker processes, one thread each."""

from __future__ import annotations

import atexit
import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.machine.ended import WorkerDied
from mirbench.benchmark.machine.process import WorkerProcess

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

#: Seconds for which processes are kept without work, with the models that they have loaded.
KEPT = 300.0


@dataclass(frozen=True)
class Place:
    """What a worker process is kept for, and the GPU that it sees.

    Attributes
    ----------
    kind : str
        See `Workers`.
    gpu : str or None
        Its name in ``CUDA_VISIBLE_DEVICES``; None: whatever this process sees.
    """

    kind: str = ""
    gpu: str | None = None

    def start(self) -> WorkerProcess:
        """Start a process in it."""
        return WorkerProcess({} if self.gpu is None else {"CUDA_VISIBLE_DEVICES": self.gpu})


class Workers:
    """Worker processes, each with one thread, which apply functions to items.

    A context manager: when it is left, work that is not done is given up. The
    processes are kept for the next `Workers`, with what they have loaded, until
    they have had no work for `KEPT` seconds. A function and its items go there
    by pickling, so it must be importable by name.

    Numerical libraries get one thread per worker, so that workers do not slow
    each other and results do not depend on their number. A single one is a process of
    its own as well: what a plugin does there ends with it, and is told if it crashes.

    Parameters
    ----------
    count : int
        How many; they are started when there is work for them.
    kind : str
        Those of one kind are kept for the next of it, as the one that has a model on a GPU.
    gpus : sequence of str, optional
        Names of GPUs, as in ``CUDA_VISIBLE_DEVICES``: there is a process for each, whatever
        `count` says, which sees that GPU and no other.
    """

    def __init__(self, count: int, kind: str = "", gpus: Sequence[str] = ()) -> None:
        places = [Place(kind, gpu) for gpu in gpus] or [Place(kind)] * max(1, count)
        self.count = len(places)
        self._vacant = deque(places)
        self._lock = threading.Lock()
        self._closed = False
        self._idle: list[tuple[Place, WorkerProcess]] = []
        self._busy: set[WorkerProcess] = set()

    def __enter__(self) -> Workers:
        # A thread waits for each process.
        self._threads = ThreadPoolExecutor(self.count, "mirbench-worker")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closed = True
            for process in self._busy:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        _KEPT.put(self._idle)

    def unordered(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[Outcome]:
        """Apply a function to items; results come as they are ready.

        Raises
        ------
        MirbenchError
            If a worker dies; whatever the function itself raises is passed on.
        """
        rest, begun = iter(items), set[Future[Outcome]]()
        while True:
            for item in itertools.islice(rest, 2 * self.count - len(begun)):
                begun.add(self._threads.submit(self._call, function, item))
            if not begun:
                return
            done, begun = wait(begun, return_when=FIRST_COMPLETED)
            while done:
                yield self._result(done.pop())

    def ahead(
        self, function: Callable[[Item], Outcome], items: Iterable[Item], most: int
    ) -> Iterator[Outcome]:
        """Apply a function to items, always in other processes; results come in order.

        Parameters
        ----------
        function : callable
        items : iterable
            Taken one by one, as they are begun.
        most : int
            Items that are begun or finished and not yet taken, at most, so that
            large results do not fill the memory while their taker is busy.

        Raises
        ------
        MirbenchError
            If a worker dies; whatever the function itself raises is passed on.
        """
        begun: deque[Future[Outcome]] = deque()
        for item in items:
            if len(begun) == most:
                yield self._result(begun.popleft())
            begun.append(self._threads.submit(self._call, function, item))
        while begun:
            yield self._result(begun.popleft())

    def everywhere(self, function: Callable[[Item], Outcome], item: Item) -> None:
        """Apply a function to an item in every process that is started; none may be busy."""
        for _, process in self._idle:
            process.call(function, item)

    def _call(self, function: Callable[[Item], Outcome], item: Item) -> Outcome:
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._idle:
                place, process = self._idle.pop()
            else:
                place = self._vacant.popleft()
                process = _KEPT.take(place)
            self._busy.add(process)
        try:
            outcome: Outcome = process.call(function, item)
            return outcome
        finally:
            with self._lock:
                self._busy.remove(process)
                self._idle.append((place, process))

    def _result(self, future: Future[Outcome]) -> Outcome:
        try:
            return future.result()
        except WorkerDied as error:
            raise MirbenchError(error.ended.text(self.count)) from error


class _Kept:
    """Processes that have no work now, and the timer that ends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: defaultdict[Place, list[WorkerProcess]] = defaultdict(list)
        self._timer = threading.Timer(0, self.end)
        atexit.register(self.end)

    def take(self, place: Place) -> WorkerProcess:
        """Return a process that is alive, a new one if there is none."""
        with self._lock:
            self._timer.cancel()
            while self._processes[place]:
                process = self._processes[place].pop()
                if process.alive and process.fits and process.answers():
                    return process
                process.close()
        return place.start()

    def put(self, processes: Iterable[tuple[Place, WorkerProcess]]) -> None:
        """Keep processes for `KEPT` seconds."""
        with self._lock:
            for place, process in processes:
                if process.alive:
                    self._processes[place].append(process)
                else:
                    process.close()
            self._timer.cancel()
            self._timer = threading.Timer(KEPT, self.end)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """End all."""
        with self._lock:
            for processes in self._processes.values():
                while processes:
                    processes.pop().close()


_KEPT = _Kept()


def end_idle() -> None:
    """End the processes that have no work."""
    _KEPT.end()
