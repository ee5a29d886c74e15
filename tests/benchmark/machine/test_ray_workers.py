"""What is done again when actors of Ray end, without Ray: its answers are played."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import itemgetter, neg
from types import SimpleNamespace
from typing import Any

import pytest

from mirbench.benchmark.api import MirbenchError, PluginError
from mirbench.benchmark.machine.ended import Ended
from mirbench.benchmark.machine.last_words import LastWords
from mirbench.benchmark.machine.ray_seat import Died, Done, Failed
from mirbench.benchmark.machine.ray_workers import TRIES, Chair, RayWorkers


class RayError(Exception):
    pass


class Lost(RayError):
    pass


class TaskError(RayError):
    pass


class Play:
    """A cluster whose actors answer in turn, and end where the play says."""

    def __init__(self, ends: Callable[[str, int], Any] = lambda name, item: None) -> None:
        self.ends, self.given_up, self.most = ends, list[str](), 0
        self.alive: dict[str, bool] = {}
        self.pending: deque[Any] = deque()
        errors = SimpleNamespace(
            RayError=RayError,
            RayTaskError=TaskError,
            RaySystemError=TaskError,
            OutOfMemoryError=Lost,
        )
        self.ray = SimpleNamespace(wait=self.wait, get=self.get, exceptions=errors)

    def chair(self, name: str, coming: bool = False) -> Chair:
        self.alive[name] = True
        call = SimpleNamespace(remote=lambda function, item: self.begin(name, function, item))
        ready = self.begin(name, neg, 0) if coming else None
        return Chair("node", name, SimpleNamespace(call=call), ready)

    def begin(self, name: str, function: Any, item: Any) -> Any:
        reference = (object(), name, function, item)
        self.pending.append(reference)
        self.most = max(self.most, len(self.pending))
        return reference

    def wait(self, references: list[Any], num_returns: int, timeout: float) -> Any:
        first = next(reference for reference in self.pending if reference in references)
        self.pending.remove(first)
        return [first], []

    def get(self, reference: Any) -> Any:
        _, name, function, item = reference
        if not self.alive[name]:
            raise RayError(name)
        end = self.ends(name, item)
        if isinstance(end, RayError):
            self.alive[name] = False
            raise end
        return Done(function(item)) if end is None else end

    def replace(self, chair: Chair) -> Chair | None:
        self.give_up(chair)
        return None if chair.host.startswith("gone") else self.chair(chair.host + "'", coming=True)

    def give_up(self, chair: Chair) -> None:
        chair.tasks.clear()
        self.given_up.append(chair.host)

    def workers(self, *names: str, depth: int = 2) -> RayWorkers:
        return RayWorkers(self, [self.chair(name) for name in names], depth)


def test_items_are_bounded_and_each_has_one_outcome() -> None:
    play = Play()
    taken = []

    def items() -> Any:
        for item in range(20):
            taken.append(item)
            yield item

    results = play.workers("a", "b").unordered(neg, items())
    assert next(results) == 0
    assert len(taken) <= 5
    assert sorted([0, *results]) == sorted(-item for item in range(20))
    assert play.most == 4
    assert list(play.workers("a").unordered(neg, [])) == []


def test_what_a_lost_actor_had_is_given_to_others(capsys: pytest.CaptureFixture[str]) -> None:
    play = Play(lambda name, item: RayError() if name == "gone" and item == 2 else None)
    assert sorted(play.workers("gone", "b").unordered(abs, range(10))) == list(range(10))
    assert play.given_up == ["gone"]
    assert capsys.readouterr().err.count("it is tried again") == 1


def test_an_actor_is_replaced_where_its_node_is_there() -> None:
    play = Play(lambda name, item: RayError() if name == "a" and item == 3 else None)
    assert sorted(play.workers("a").unordered(abs, range(10))) == list(range(10))
    assert play.given_up == ["a"]


def test_an_item_on_which_actors_end_again_and_again_is_told() -> None:
    play = Play(lambda name, item: RayError() if item == 3 else None)
    with pytest.raises(MirbenchError, match=r"was killed \(SIGKILL\).* \(tried 3 times, last on"):
        list(play.workers("a", "b").unordered(abs, range(10)))
    assert len(play.given_up) >= TRIES


def test_without_nodes_the_run_ends() -> None:
    play = Play(lambda name, item: RayError())
    with pytest.raises(MirbenchError, match="no worker of the Ray cluster is left"):
        list(play.workers("gone", "gone too").unordered(abs, range(10)))


def test_a_process_that_ends_is_told_with_its_last_words() -> None:
    words = LastWords("embedding clip 'a'", "mine.py, line 3")
    play = Play(lambda name, item: Died(Ended(-11, words)))
    with pytest.raises(MirbenchError, match=r"segmentation fault .*clip 'a' .*mine.py, line 3"):
        list(play.workers("a").unordered(abs, [1]))
    late = Play(lambda name, item: Died(Ended(1, LastWords("embedding", "", late=True))))
    with pytest.raises(MirbenchError, match="longer than --clip-timeout allows"):
        list(late.workers("a").unordered(abs, [1]))
    assert late.most == 1  # not tried again


def test_what_a_function_raises_is_raised_and_busy_actors_end() -> None:
    play = Play(lambda name, item: Failed(PluginError("no")) if item == 2 else None)
    with pytest.raises(PluginError, match="no"):
        list(play.workers("a", "b").unordered(abs, range(10)))
    assert play.given_up
    with play.workers("c") as workers:
        results = workers.unordered(itemgetter(0), [(1,), (2,), (3,)])
        assert next(results) == 1
    assert play.given_up[-1] == "c"
