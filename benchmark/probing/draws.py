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

import copy
import functools
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.probing.twister import Bytes, Sampler, Twister

Doubles = npt.NDArray[np.float64]
#: Uniforms that are compared before any is believed: more than two blocks of the twister.
_CHECKED = 1000
_ELSEWHERE = "train with --device cpu"


@dataclass(frozen=True, eq=False)
class Mask:
    """What a dropout rate leaves of one batch; None where nothing is dropped.

    Attributes
    ----------
    input : tensor of bool, shape [batch, dims]
        Elements that are kept, and multiplied by `factor`.
    hidden : tensor of float32, shape [batch, hidden]
        What multiplies the hidden layer: 0 or `factor`.
    factor : float
        1 / (1 - dropout), as torch rounds it.
    """

    input: torch.Tensor | None
    hidden: torch.Tensor | None
    factor: float


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
        self._uniforms = torch.empty(self.batch * max(self.inputs), dtype=torch.float64)

    #: Arrays of `state`.
    STATE = ("batches", "masks")

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Copy where both streams are: what is drawn from now on depends on nothing else."""
        _, words, _ = self._batches.getstate()
        return {"batches": np.array(words), "masks": self._masks.get_state().numpy().copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `state` was taken."""
        version, _, _ = self._batches.getstate()
        self._batches.setstate((version, tuple(state["batches"].tolist()), None))
        self._masks.set_state(torch.from_numpy(state["masks"]))

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
        return [self._next() for _ in range(n_updates)]

    def levels(self, rows: npt.NDArray[np.int64], levels: Sequence[Bytes]) -> None:
        """Draw the same numbers as `next` into arrays; of one stream, only one way can be used.

        Parameters
        ----------
        rows : ndarray of int64, shape [n_updates, batch]
            Receives the rows of every batch.
        levels : sequence of ndarray of uint8, shapes [n_updates · batch, width]
            For the input and the hidden layer, if anything is dropped: how
            many of `rates` keep an element. The lower ones do.
        """
        for update in range(len(rows)):
            self._sampler.sample(rows[update])
            for array in levels:
                some = array[update * self.batch : (update + 1) * self.batch]
                self._twister.levels(some.reshape(-1))

    @functools.cached_property
    def _sampler(self) -> Sampler:
        sampler = Sampler(self._batches, self.n_rows, self.batch)
        wanted, found = random.Random(), np.empty(self.batch, dtype=np.int64)
        wanted.setstate(self._batches.getstate())
        copy.deepcopy(sampler).sample(found)
        if found.tolist() != wanted.sample(range(self.n_rows), self.batch):
            raise MirbenchError(f"this Python draws samples otherwise; {_ELSEWHERE}")
        return sampler

    @functools.cached_property
    def _twister(self) -> Twister:
        twister = Twister(self._masks, self.rates)
        wanted, found = torch.Generator(), np.empty(_CHECKED, dtype=np.uint8)
        wanted.set_state(self._masks.get_state())
        copy.deepcopy(twister).levels(found)
        uniforms = torch.empty(_CHECKED, dtype=torch.float64).uniform_(generator=wanted).numpy()
        if not np.array_equal(found, sum(uniforms < 1 - p for p in self.rates)):
            raise MirbenchError(f"this PyTorch draws uniforms otherwise; {_ELSEWHERE}")
        return twister

    def _next(self) -> Update:
        rows = torch.tensor(self._batches.sample(range(self.n_rows), self.batch))
        first, *later = [self._kept(width) for width in self.inputs]
        masks = {}
        for p in self.dropouts:
            factor = kept_factor(p)
            hidden = later[0][p].to(torch.float32).mul_(factor) if later and p > 0 else None
            masks[p] = Mask(first[p] if p > 0 else None, hidden, factor)
        return Update(rows.to(self.device), masks)

    def _kept(self, width: int) -> dict[float, torch.Tensor]:
        rates = self.rates
        if not rates:
            return {}
        uniforms = self._uniforms[: self.batch * width]
        uniforms.uniform_(generator=self._masks)
        kept = torch.empty(len(rates), self.batch, width, dtype=torch.bool)
        below = np.array([1 - p for p in rates])
        _compare(uniforms.numpy(), below, kept.view(len(rates), -1).numpy())
        return dict(zip(rates, kept.to(self.device), strict=True))


@functools.cache
def kept_factor(dropout: float) -> float:
    """Compute what multiplies the elements that are kept, 1 / (1 - dropout), as torch rounds it."""
    return torch.ones(1).div_(1 - dropout).item()


@numba.njit(nogil=True)
def _compare(uniforms: Doubles, below: Doubles, kept: npt.NDArray[np.bool_]) -> None:
    for start in range(0, uniforms.size, 4096):  # stays in the cache for every rate
        stop = min(start + 4096, uniforms.size)
        for rate in range(below.size):
            u, k, limit = uniforms[start:stop], kept[rate, start:stop], below[rate]
            for i in range(u.size):
                k[i] = u[i] < limit


def prepare() -> None:
    """Compile what draws masks, so that no timing includes it."""
    _compare(np.zeros(1), np.zeros(1), np.zeros((1, 1), dtype=np.bool_))
