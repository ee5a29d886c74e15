"""The random numbers of a group of probes, in the order of the original code.

Batches come from Python's ``random.Random(seed)``; initial weights and
dropout masks from torch's CPU generator: first the layers of `nn.Linear`,
then, at every update, one mask for the input and one for the hidden layer.
All of it is drawn on the CPU, whatever the device.

Torch fills a mask by comparing one double-precision uniform per element with
the probability of keeping it. So one set of uniforms gives the masks of all
dropout rates, and gives them on processors, too, where ``bernoulli_`` is left
to MKL, which draws other numbers.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, eq=False)
class Mask:
    """What multiplies the input ``[batch, dims]`` and the hidden layer ``[batch, hidden]``.

    Elements are 0 or 1 / (1 - dropout), float32; None where nothing is dropped.
    """

    input: torch.Tensor | None
    hidden: torch.Tensor | None


@dataclass(frozen=True, eq=False)
class Update:
    """Rows of one batch, int64 ``[batch]``, and the masks for each dropout rate."""

    rows: torch.Tensor
    masks: dict[float, Mask]


class Draws:
    """The stream of random numbers of one architecture and batch size.

    Parameters
    ----------
    n_rows : int
        Rows of the training set; a batch never has more.
    dropouts : sequence of float
        The rates in the group.
    """

    def __init__(
        self,
        seed: int,
        n_rows: int,
        batch_size: int,
        widths: Sequence[int],
        dropouts: Sequence[float],
        device: torch.device,
    ) -> None:
        self.n_rows = n_rows
        self.batch = min(batch_size, n_rows)
        self.inputs = tuple(widths[:-1])
        self.dropouts = tuple(sorted(set(dropouts)))
        self.device = device
        self._batches = random.Random(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
            self._masks = torch.Generator()
            self._masks.set_state(torch.get_rng_state())
        #: Initial weights and biases, layer by layer.
        self.initial = [(layer.weight.detach(), layer.bias.detach()) for layer in layers]
        self._uniforms = torch.empty(self.batch * max(self.inputs), dtype=torch.float64)

    def next(self, n_updates: int) -> list[Update]:
        """Draw the numbers of the next `n_updates` updates."""
        return [self._next() for _ in range(n_updates)]

    def _next(self) -> Update:
        rows = torch.tensor(self._batches.sample(range(self.n_rows), self.batch))
        layers = [self._layer(width) for width in self.inputs]
        masks = {p: Mask(layers[0][p], layers[1][p] if layers[1:] else None) for p in self.dropouts}
        return Update(rows.to(self.device), masks)

    def _layer(self, width: int) -> dict[float, torch.Tensor | None]:
        masks: dict[float, torch.Tensor | None] = dict.fromkeys(self.dropouts)
        rates = [p for p in self.dropouts if p > 0]
        if rates:
            uniforms = self._uniforms[: self.batch * width].view(self.batch, width)
            uniforms.uniform_(generator=self._masks)
            for p in rates:
                kept = (uniforms < 1 - p).to(self.device)
                masks[p] = kept.to(torch.float32).div_(1 - p)
        return masks
