"""Where the one model is whose device or purpose has no use for several."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mirbench.benchmark.embedding.worker import (
    Chunk,
    Decoded,
    Outcome,
    embed_chunk,
    loaded_model,
)
from mirbench.benchmark.machine.launch import rules
from mirbench.benchmark.machine.workers import Workers, end_idle

Item = TypeVar("Item")
Found = TypeVar("Found")


class Holder:
    """The process that holds a model: this one, or while there is a sandbox one in there."""

    def __init__(self, workers: Workers | None) -> None:
        self._workers = workers

    def apply(self, function: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
        """Apply a function that uses the model to items, one after the other."""
        if self._workers is None:
            return map(function, items)
        return self._workers.unordered(function, items)


@contextmanager
def model_holder() -> Iterator[Holder]:
    """Find the process that holds the model."""
    if rules().sandbox is None:
        yield Holder(None)
        return
    with Workers(1) as workers:
        yield Holder(workers)


def embed_decoded(work: tuple[Chunk, Decoded]) -> Outcome:
    """Embed some clips that were decoded elsewhere."""
    return embed_chunk(*work)


def forget_model() -> None:
    """Let go of the model on a GPU, here or in a process of its own: others need its memory.

    The next clips load it again.
    """
    end_idle()
    loaded_model.cache_clear()
    gc.collect()  # models may refer to themselves
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
        sys.modules["torch"].cuda.empty_cache()
