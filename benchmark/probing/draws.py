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

import functools
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mirbench.benchmark.probing.twister import Bytes, Sampler, Twister

#: Uniforms that are compared before any is believed: more than two blocks of the twister.
_CHECKED = 1000


@dataclass(frozen=True, eq=False)
class Mask:
    """What a dropout rate leaves of one batch.

    Attributes
    ----------
    levels : tuple of tensor of uint8, shapes [batch, width]
        Of the input and of the hidden layer; empty where nothing is dropped.
    least : int
        Elements whose level is above it are kept.
    factor : float
        What they are multiplied by: 1 / (1 - dropout), as torch rounds it.
    """

    levels: tuple[torch.Tensor, ...]
    least: int
    factor: float

    @property
    def input(self) -> torch.Tensor | None:
        """Elements that are kept, bool ``[batch, dims]``; None where nothing is dropped."""
        return self.levels[0] > self.least if self.levels else None

    @property
    def hidden(self) -> torch.Tensor | None:
        """What multiplies the hidden layer, 0 or `factor`: float32 ``[batch, hidden]``."""
        return (self.levels[1] > self.least) * self.factor if len(self.levels) > 1 else None


@dataclass(frozen=True, eq=False)
class Update:
    """Rows of one batch, int64 ``[batch]``, and the masks for each dropout rate."""

    rows: torch.Tensor
    masks: dict[float, Mask]


class Draws:
    """The stream of random numbers of one architecture and batch size.

    Parameters
    ----------
    seed : int
        Of the protocol.
    n_rows : int
        Rows of the training set; a batch never has more.
    batch_size : int
        Rows per batch.
    widths : sequence of int
        Units of the layers, the input first.
    dropouts : sequence of float
        The rates in the group.
    device : torch.device
        Where the drawn numbers are used.
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
        self._quick = self._make_quick()

    #: Arrays of `state`.
    STATE = ("batches", "masks")

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Copy where both streams are: what is drawn from now on depends on nothing else."""
        if self._quick is None:
            _, words, _ = self._batches.getstate()
            return {"batches": np.array(words), "masks": self._masks.get_state().numpy().copy()}
        sampler, twister = self._quick
        return {"batches": np.array(sampler.state()), "masks": twister.state()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `state` was taken."""
        version, _, _ = self._batches.getstate()
        self._batches.setstate((version, tuple(state["batches"].tolist()), None))
        self._masks.set_state(torch.from_numpy(state["masks"]))
        self._quick = self._make_quick()

    @property
    def masked(self) -> bool:
        """Whether masks are drawn: without, that stream stands still."""
        return any(p > 0 for p in self.dropouts)

    @property
    def rates(self) -> tuple[float, ...]:
        """The dropout rates at which something is dropped, ascending."""
        return tuple(p for p in self.dropouts if p > 0)

    def next(self, n_updates: int) -> list[Update]:
        """Draw the numbers of the next `n_updates` updates."""
        rows = np.empty((n_updates, self.batch), dtype=np.int64)
        widths = self.inputs if self.rates else ()
        levels = [np.empty((n_updates * self.batch, width), dtype=np.uint8) for width in widths]
        self.levels(rows, levels)
        places = torch.from_numpy(rows).to(self.device)
        drawn = [
            torch.split(torch.from_numpy(array).to(self.device), self.batch) for array in levels
        ]
        updates = []
        for number in range(n_updates):
            some = tuple(array[number] for array in drawn)
            masks = {0.0: Mask((), 0, 1.0)} | {
                p: Mask(some, least, kept_factor(p)) for least, p in enumerate(self.rates)
            }
            updates.append(Update(places[number], masks))
        return updates

    def levels(self, rows: npt.NDArray[np.int64], levels: Sequence[Bytes]) -> None:
        """Draw the same numbers into arrays.

        Parameters
        ----------
        rows : ndarray of int64, shape [n_updates, batch]
            Receives the rows of every batch.
        levels : sequence of ndarray of uint8, shapes [n_updates · batch, width]
            For the input and the hidden layer, if anything is dropped: how
            many of `rates` keep an element. The lower ones do.
        """
        for update in range(len(rows)):
            some = [array[update * self.batch : (update + 1) * self.batch] for array in levels]
            if self._quick is None:
                rows[update] = self._batches.sample(range(self.n_rows), self.batch)
                for array in some:
                    array[:] = self._kept(array.shape)
            else:
                sampler, twister = self._quick
                sampler.sample(rows[update])
                for array in some:
                    twister.levels(array.reshape(-1))

    def _kept(self, shape: tuple[int, ...]) -> Bytes:
        uniforms = torch.empty(shape, dtype=torch.float64).uniform_(generator=self._masks).numpy()
        kept: Bytes = np.zeros(shape, dtype=np.uint8)
        for p in self.rates:
            kept += uniforms < 1 - p
        return kept

    def _make_quick(self) -> tuple[Sampler, Twister] | None:
        """Make what draws the same several times faster, if it does on this machine."""
        sampler, found = Sampler(self._batches, self.n_rows, self.batch), np.empty(self.batch, int)
        wanted = random.Random()
        wanted.setstate(self._batches.getstate())
        sampler.sample(found)
        if found.tolist() != wanted.sample(range(self.n_rows), self.batch):
            return None
        twister, levels = Twister(self._masks, self.rates), np.empty(_CHECKED, dtype=np.uint8)
        generator = torch.Generator()
        generator.set_state(self._masks.get_state())
        twister.levels(levels)
        uniforms = torch.empty(_CHECKED, dtype=torch.float64).uniform_(generator=generator).numpy()
        kept = [uniforms < 1 - p for p in self.rates]
        if not np.array_equal(levels, sum(kept, np.zeros(_CHECKED, int))):
            return None
        return Sampler(self._batches, self.n_rows, self.batch), Twister(self._masks, self.rates)


@functools.cache
def kept_factor(dropout: float) -> float:
    """Compute what multiplies the elements that are kept, 1 / (1 - dropout), as torch rounds it."""
    return torch.ones(1).div_(1 - dropout).item()
