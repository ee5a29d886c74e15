"""Queues of a device: work that is recorded once and replayed, and marks to wait for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from mirbench.benchmark.progress import say


class Mark:
    """A place in a device's queue of work, for which the CPU can wait.

    Parameters
    ----------
    device : torch.device
        A CPU has no such queue: what it was told is done.
    """

    def __init__(self, device: torch.device) -> None:
        cuda: Any = torch.cuda
        self._event: Any = cuda.Event() if device.type == "cuda" else None

    def set(self) -> None:
        """Let it be here, after all that was launched."""
        if self._event is not None:
            self._event.record()

    def wait(self) -> None:
        """Wait until the device has come here; at once if it was never set."""
        if self._event is not None:
            self._event.synchronize()


def own_queue(device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    """Make a queue of a device beside its others; what is called with it goes into it."""
    if device.type != "cuda":
        return contextlib.nullcontext
    cuda: Any = torch.cuda
    stream: torch.cuda.Stream = cuda.Stream(device)
    return lambda: torch.cuda.stream(stream)


class Branches:
    """Parts of a work that do not depend on each other, which a GPU does side by side.

    Parameters
    ----------
    count : int
        How many parts.
    device : torch.device
    """

    def __init__(self, count: int, device: torch.device) -> None:
        cuda: Any = torch.cuda
        self._streams: list[torch.cuda.Stream] = (
            [cuda.Stream(device) for _ in range(count)] if device.type == "cuda" else []
        )

    def run(self, parts: Sequence[Callable[[], None]]) -> None:
        """Do all parts; what is launched afterwards waits for them."""
        if not self._streams:
            for part in parts:
                part()
            return
        trunk = torch.cuda.current_stream()
        for stream, part in zip(self._streams, parts, strict=True):
            stream.wait_stream(trunk)
            with torch.cuda.stream(stream):
                part()
        for stream in self._streams:
            trunk.wait_stream(stream)


class Replay:
    """A function of fixed tensors, launched as a whole.

    The first call runs it as it is, which also lets the libraries settle; the
    second records it. On a CPU, and where recording fails, every call runs it.

    Parameters
    ----------
    work : callable
        Always does the same to the same tensors, and does not wait for the device.
    device : torch.device

    Attributes
    ----------
    recorded : bool
        Whether calls replay a graph.
    """

    def __init__(self, work: Callable[[], None], device: torch.device) -> None:
        self._work = work
        self._graph: torch.cuda.CUDAGraph | None = None
        self._runs_as_it_is = 1 if device.type == "cuda" else -1

    @property
    def recorded(self) -> bool:
        """Whether calls replay a graph."""
        return self._graph is not None

    def __call__(self) -> None:
        """Do the work."""
        if self._graph is None and self._runs_as_it_is == 0:
            self._record()
        if self._graph is not None:
            self._graph.replay()
            return
        self._runs_as_it_is -= 1
        self._work()

    def _record(self) -> None:
        graph = torch.cuda.CUDAGraph()
        _forget_workspaces()
        try:
            # Other threads lock memory and wait for events meanwhile, which is no mistake.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._work()
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            say(f"the GPU does not record the training of probes ({reason}); it is slower without")
            self._runs_as_it_is = -1
            return
        finally:
            _forget_workspaces()
        self._graph = graph


def _forget_workspaces() -> None:
    """Let what follows take memory of its own for products.

    Graphs are all recorded in one queue, and cuBLAS has a workspace for each queue: those of
    several grids, replayed at once, would write into the same one.
    """
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
