"""Where clips are embedded and layers probed: actors of a Ray cluster, as `Workers` are here.

An item of an actor or node that is lost is given to another, some times. What has been
computed is written by whoever takes the results, so nothing is lost with a node but what
was under way.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, TypeVar

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.machine.ended import Ended
from mirbench.benchmark.machine.last_words import LastWords
from mirbench.benchmark.machine.ray_seat import Died, Failed
from mirbench.benchmark.progress import say

Item = TypeVar("Item")
Made = TypeVar("Made")
Outcome = TypeVar("Outcome")

#: How often an item is begun whose worker ends before it answers.
TRIES = 3

#: Seconds of waiting for a first worker after which that is said.
_SLOW = 30.0


@dataclass(eq=False)
class Task:
    """An item, and how often the worker that had it has ended."""

    item: Any
    lost: int = 0

    @property
    def doing(self) -> str:
        """What a worker is at that has it, in words."""
        item = self.item[0] if isinstance(self.item, tuple) else self.item
        return str(getattr(item, "doing", ""))


@dataclass(eq=False)
class Chair:
    """An actor, as the command sees it.

    Attributes
    ----------
    node : str
        Id of its node.
    host : str
        Name of its machine.
    actor : Any
        Handle of the `Seat`.
    coming : Any
        Reference that is there as soon as the actor is; None from then on.
    tasks : dict
        What it has to do, in order, by references of the answers.
    """

    node: str
    host: str
    actor: Any
    coming: Any
    tasks: dict[Any, Task] = field(default_factory=dict)


class Room(Protocol):
    """Who has the actors: `mirbench.benchmark.machine.ray_cluster.RayCluster`."""

    ray: Any

    def replace(self, chair: Chair) -> Chair | None:
        """Give up an actor; returns a new one on its node, unless that is lost too."""

    def give_up(self, chair: Chair) -> None:
        """End an actor."""


class RayWorkers:
    """Actors that apply functions to items, with the interface of `Workers`.

    Parameters
    ----------
    room : Room
    chairs : list of Chair
        Actors that have no work. They stay when this ends, with what they have loaded.
    depth : int
        Items that an actor has at once, so that the next is there when one is done.
    """

    def __init__(self, room: Room, chairs: list[Chair], depth: int) -> None:
        self._room, self._chairs, self._depth = room, chairs, depth
        self.count = len(chairs)

    def __enter__(self) -> RayWorkers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_up_busy()

    def unordered(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[Outcome]:
        """Apply a function to items; results come as they are ready.

        Raises
        ------
        MirbenchError
            If a worker ends on the same item again and again, or none is left; whatever the
            function itself raises is passed on.
        """
        return self._spread(lambda seat, item: seat.call.remote(function, item), items)

    def prepared(
        self,
        first: Callable[[Item], Made],
        function: Callable[[tuple[Item, Made]], Outcome],
        items: Iterable[Item],
    ) -> Iterator[Outcome]:
        """Apply `first` to items, and `function` to each with its result, beside each other.

        Both happen on the same node, in different processes; raises as `unordered`.
        """
        return self._spread(lambda seat, item: seat.prepared.remote(first, function, item), items)

    def _spread(self, submit: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        rest, waiting = map(Task, items), deque[Task]()
        waiting.extend(islice(rest, 1))
        try:
            while True:
                while (chair := self._vacant()) is not None:
                    waiting.extend([] if waiting else islice(rest, 1))
                    if not waiting:
                        break
                    task = waiting.popleft()
                    chair.tasks[submit(chair.actor, task.item)] = task
                if not waiting and not any(chair.tasks for chair in self._chairs):
                    return
                yield from self._next(waiting)
        finally:
            self._give_up_busy()

    def _give_up_busy(self) -> None:
        for chair in list(self._chairs):
            if chair.tasks:
                self._room.give_up(chair)

    def _vacant(self) -> Chair | None:
        """Find the actor with the least work, unless all have as much as they may."""
        there = [chair for chair in self._chairs if chair.coming is None]
        chair = min(there, key=lambda chair: len(chair.tasks), default=None)
        return chair if chair is not None and len(chair.tasks) < self._depth else None

    def _next(self, waiting: deque[Task]) -> Iterator[Any]:
        """Wait until an actor has answered or is there; what is to be done again waits."""
        chair, reference = self._wait()
        errors = self._room.ray.exceptions
        try:
            answer = self._room.ray.get(reference)
        except (errors.RayTaskError, errors.RaySystemError) as error:
            raise MirbenchError(f"a worker on node {chair.host} failed: {error}") from error
        except errors.RayError as error:
            waiting.extendleft(reversed(self._lost(chair, error)))
            return
        if reference == chair.coming:
            chair.coming = None
            return
        task = chair.tasks.pop(reference)
        if isinstance(answer, Failed):
            raise answer.error
        if isinstance(answer, Died):
            self._blame(task, answer.ended, chair)
            waiting.appendleft(task)
            return
        yield answer.value

    def _wait(self) -> tuple[Chair, Any]:
        """Wait for an answer, or for an actor to be there; returns the reference of either."""
        owners = {ref: chair for chair in self._chairs for ref in chair.tasks}
        owners |= {chair.coming: chair for chair in self._chairs if chair.coming is not None}
        if not owners:
            raise MirbenchError(
                "no worker of the Ray cluster is left; what is finished is kept: run the same "
                "command again when there are nodes"
            )
        told = any(chair.coming is None for chair in self._chairs)
        while True:
            done, _ = self._room.ray.wait(list(owners), num_returns=1, timeout=_SLOW)
            if done:
                return owners[done[0]], done[0]
            if not told:
                say("waiting for the Ray cluster to start workers; others may be using it")
            told = True

    def _lost(self, chair: Chair, error: Exception) -> list[Task]:
        """Let go of an actor that has ended; returns what it had to do."""
        tasks = list(chair.tasks.values())
        chair.tasks.clear()
        if chair.coming is not None:
            why = (str(error).strip() or type(error).__name__).splitlines()[-1]
            say(f"node {chair.host}: a worker did not start ({why})")
        new = self._room.replace(chair)
        self._chairs[:] = [other for other in self._chairs if other is not chair]
        self._chairs += [] if new is None else [new]
        lacked = isinstance(error, self._room.ray.exceptions.OutOfMemoryError)
        if tasks:
            words = LastWords(tasks[0].doing)
            self._blame(tasks[0], Ended(-signal.SIGKILL, words, lacked), chair)
        return tasks

    def _blame(self, task: Task, ended: Ended, chair: Chair) -> None:
        """Count that a worker has ended on a task; `TRIES` times is too often."""
        task.lost += 1
        text = ended.text(self.count)
        if ended.words.late:
            raise MirbenchError(text)
        if task.lost == TRIES:
            raise MirbenchError(f"{text} (tried {TRIES} times, last on node {chair.host})")
        say(f"node {chair.host}: {text.split(';')[0]}; it is tried again")
