"""Workers that are this process, for tests that change or follow what is done there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mirbench.benchmark.embedding.pair import EmbeddingSettings


class Here:
    """One worker, in the place of `mirbench.benchmark.machine.workers.Workers`."""

    count = 1

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def unordered(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Apply a function to items, here and one after the other."""
        return map(function, items)


def embed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models be loaded and embed in this process."""
    monkeypatch.setattr(EmbeddingSettings, "model_workers", lambda self, most=None: Here())
