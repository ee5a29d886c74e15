"""The random numbers of the next rounds, drawn ahead and sent to the device as bytes.

One thread draws while the device trains. All numbers of a round (the updates
between two evaluations) travel together, from page-locked memory, without
anybody waiting: the rows of the batches, and one byte per element of the
masks, its level (`mirbench.benchmark.probing.twister`).
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.probing.draws import Draws
from mirbench.benchmark.probing.replay import Mark

#: Rounds that are drawn or on their way at the same time.
DEPTH = 3


@dataclass(frozen=True, eq=False)
class Numbers:
    """The random numbers of one round, on one device, as views of one buffer of bytes.

    Attributes
    ----------
    buffer : tensor of uint8
    rows : tensor of int64, shape [updates · batch]
        Places in the training set.
    levels : list of tensors of uint8, shapes [updates · batch, width]
        For the input and the hidden layer; empty where nothing is dropped.
    """

    buffer: torch.Tensor
    rows: torch.Tensor
    levels: list[torch.Tensor]

    @classmethod
    def empty(cls, draws: Draws, updates: int, device: torch.device, pinned: bool) -> Numbers:
        """Make room for a round.

        Parameters
        ----------
        draws : Draws
            What will be drawn.
        updates : int
            Updates of a round.
        device : torch.device
        pinned : bool
            Whether to lock the memory, for a CPU next to a GPU.
        """
        n = updates * draws.batch
        widths = draws.inputs if draws.rates else ()
        ends = np.cumsum([8 * n, *(n * width for width in widths)]).tolist()
        buffer = torch.zeros(ends[-1], dtype=torch.uint8, device=device, pin_memory=pinned)
        levels = [
            buffer[start:stop].view(n, width)
            for start, stop, width in zip(ends[:-1], ends[1:], widths, strict=True)
        ]
        return cls(buffer, buffer[: 8 * n].view(torch.int64), levels)


class Ahead:
    """Draws rounds ahead of the device; to be closed.

    Parameters
    ----------
    draws : Draws
        From which nothing else may be drawn.
    updates : int
        Updates of a round.
    device : torch.device
        Where the numbers are used.
    """

    def __init__(self, draws: Draws, updates: int, device: torch.device) -> None:
        self._draws, self._updates = draws, updates
        on_gpu = device.type == "cuda"
        self.numbers = Numbers.empty(draws, updates, device, False)
        self._sent = [Mark(device) for _ in range(DEPTH)]
        self._pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        host = torch.device("cpu")
        self._waiting: deque[tuple[int, Numbers, Future[None]]] = deque()
        for place in range(DEPTH):
            self._submit(place, Numbers.empty(draws, updates, host, on_gpu))

    def send(self) -> None:
        """Put the next round into `numbers`, in the order of the device's stream."""
        place, drawn, future = self._waiting.popleft()
        future.result()
        self.numbers.buffer.copy_(drawn.buffer, non_blocking=True)
        self._sent[place].set()
        self._submit(place, drawn)

    def close(self) -> None:
        """Stop drawing."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, place: int, numbers: Numbers) -> None:
        future = self._pool.submit(self._draw, place, numbers)
        self._waiting.append((place, numbers, future))

    def _draw(self, place: int, numbers: Numbers) -> None:
        self._sent[place].wait()
        rows: npt.NDArray[np.int64] = numbers.rows.numpy().reshape(self._updates, -1)
        self._draws.levels(rows, [level.numpy() for level in numbers.levels])
