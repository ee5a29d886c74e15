"""A worker that is the process itself, for what cannot be sent to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Here:
    """One worker, which is this process; see `mirbench.benchmark.machine.workers.Workers`."""

    count = 1

    def __enter__(self) -> Here:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def unordered(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[Outcome]:
        """Apply a function to items, one after the other."""
        return map(function, items)

    def everywhere(self, function: Callable[[Item], Outcome], item: Item) -> None:
        """Apply a function to an item."""
        function(item)
