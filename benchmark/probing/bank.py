"""A bank: probes that are trained as one computation, because they see the same input.

They share architecture, batch size, standardisation and dropout rate, and
differ in learning rate and L2. On a CPU a probe with a hidden layer is a bank
of its own: its products are large enough, and it stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import DataError
from mirbench.benchmark.probing import passes
from mirbench.benchmark.probing.adam import Adam, Pieces
from mirbench.benchmark.probing.draws import Draws, Mask, Update
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.network import Network, parts_of
from mirbench.benchmark.probing.passes import Pass
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.subnormal import flushed
from mirbench.benchmark.probing.views import View
from mirbench.benchmark.protocol import ProbeConfig
from mirbench.benchmark.scoring.metrics import Way

#: Buffers of a bank: weights, running means of the gradient and of its square, and the weights
#: remembered.
STATE = ("weights", "first", "second", "best")


@dataclass(slots=True)
class Learner:
    """How far one probe has come: its best score so far, and evaluations since."""

    config: ProbeConfig
    valid: float = -np.inf
    way: Way | None = None
    best_update: int = 0
    waited: int = 0

    def see(self, number: int, valid: float, way: Way | None) -> bool:
        """Take note of a score after `number` updates; return whether it is the best so far.

        Raises
        ------
        DataError
            If it is not a number.
        """
        if np.isnan(valid):
            raise DataError(f"probe {self.config.index}: the validation score is NaN")
        if valid <= self.valid:
            self.waited += 1
            return False
        self.valid, self.way, self.best_update, self.waited = valid, way, number, 0
        return True


@dataclass(frozen=True, eq=False)
class Finished:
    """A probe that has stopped: `learner`, after `updates`, with `network` as remembered."""

    learner: Learner
    updates: int
    network: Network


class Bank:
    """Some probes with one input, their weights, and the weights remembered.

    Parameters
    ----------
    setup : Setup
        What all probes of the grid share.
    loss : Loss
        That of the group.
    configs : sequence of ProbeConfig
        The probes.
    draws : Draws
        Gives the initial weights.
    widths : tuple of int
        Units of the layers, the input first.
    """

    def __init__(
        self,
        setup: Setup,
        loss: Loss,
        configs: Sequence[ProbeConfig],
        draws: Draws,
        widths: tuple[int, ...],
    ) -> None:
        self.setup, self.loss, self.widths = setup, loss, widths
        self.view: View = (configs[0].standardise, configs[0].dropout)
        self.learners = [Learner(config) for config in configs]
        layout = Layout(widths, len(configs))
        weights = torch.zeros(layout.size, device=draws.device)
        for parts, initial in zip(layout.layers, draws.initial, strict=True):
            for part, values in zip(parts, initial, strict=True):
                layout.view(weights, part).copy_(values.expand(len(configs), *part.shape))
        self._adopt(
            layout, weights, torch.zeros_like(weights), torch.zeros_like(weights), weights.clone()
        )

    def _adopt(self, layout: Layout, *buffers: torch.Tensor) -> None:
        weights, first, second, self.best = buffers
        self.layout = layout
        self.network = Network(layout, weights)
        self.adam = Adam(
            weights,
            (first, second),
            Pieces(layout.spans()),
            [learner.config.learning_rate for learner in self.learners],
            [learner.config.l2 for learner in self.learners],
        )

    @property
    def state_bytes(self) -> int:
        """Size of the arrays of `state`."""
        floats = sum(part.size for layer in self.layout.layers for part in layer)
        return len(STATE) * len(self.learners) * floats * self.best.element_size()

    def state(self) -> tuple[list[dict[str, Any]], dict[str, npt.NDArray[np.float32]]]:
        """Copy what the updates to come depend on, besides their random numbers.

        Returns
        -------
        list of dict, dict
            The record of each probe, JSON-like; and the arrays `STATE`, float32
            ``[probes, floats]``.
        """
        records = [asdict(learner) for learner in self.learners]
        parts = [part for layer in self.layout.layers for part in layer]
        arrays = {}
        for name, buffer in zip(STATE, self._buffers(), strict=True):
            views = [self.layout.view(buffer, part).flatten(1) for part in parts]
            arrays[name] = torch.cat(views, 1).cpu().numpy()
        return records, arrays

    def restore(
        self, records: Sequence[Mapping[str, Any]], arrays: Mapping[str, npt.NDArray[np.float32]]
    ) -> None:
        """Go on where `state` was taken of the same probes, in the order of this bank.

        Raises
        ------
        KeyError, TypeError, ValueError
            If that is not such a state; the bank is as it was.
        """
        learners = [
            Learner(**{**record, "config": learner.config})
            for record, learner in zip(records, self.learners, strict=True)
        ]
        parts = [part for layer in self.layout.layers for part in layer]
        shape = len(learners), sum(part.size for part in parts)
        if any(arrays[name].shape != shape or arrays[name].dtype != np.float32 for name in STATE):
            raise ValueError(f"the state of a bank is float32 {list(shape)} in {STATE}")
        for name, buffer in zip(STATE, self._buffers(), strict=True):
            columns = np.split(arrays[name], np.cumsum([part.size for part in parts])[:-1], axis=1)
            for part, values in zip(parts, columns, strict=True):
                view = self.layout.view(buffer, part)
                view.copy_(torch.from_numpy(values.reshape(view.shape)))
        self.learners = learners

    def _buffers(self) -> tuple[torch.Tensor, ...]:
        return self.adam.weights, *self.adam.moments, self.best

    def train(
        self,
        number: int,
        updates: Sequence[Update],
        batches: Callable[[View], Sequence[torch.Tensor]],
        X_valid: torch.Tensor,
        scratch: Callable[[int], torch.Tensor],
    ) -> list[Finished]:
        """Evaluate, and make the updates up to the next evaluation.

        Parameters
        ----------
        number : int
            Updates made so far.
        updates : sequence of Update
            Rows and masks of the updates to make.
        batches : callable
            Returns the batch of every update as a bank of some view sees it.
        X_valid : tensor of float32, shape [n, dims]
            Validation rows as this bank sees them.
        scratch : callable
            Returns a buffer of so many floats for the gradient.

        Returns
        -------
        list of Finished
            Probes that had stopped; they have left the bank.
        """
        X_train = batches(self.view)
        finished = self._leave(number)
        if not self.learners:
            return finished
        with flushed():
            outputs = self.network.outputs(X_valid)
        self._evaluate(number, outputs)
        with flushed():
            gradient = self._gradients(len(X_train[0]), scratch)
            for update, X in zip(updates, X_train, strict=True):
                number += 1
                self.adam.step(gradient(X, update.rows, update.masks[self.view[1]]), number)
        return finished

    def _gradients(
        self, batch: int, scratch: Callable[[int], torch.Tensor]
    ) -> Callable[[torch.Tensor, torch.Tensor, Mask], torch.Tensor]:
        """Give what differentiates the loss on a batch, of its rows as seen, places, and mask."""
        layout, terms = self.layout, self.loss.terms
        if passes.applies(layout, terms, batch, self.best.device):
            room = scratch(Pass.floats(layout, terms, batch))
            return Pass(layout, self.adam.weights, terms, batch, room).gradient
        out = scratch(layout.size)
        into = parts_of(layout, out)

        def gradient(X: torch.Tensor, rows: torch.Tensor, mask: Mask) -> torch.Tensor:
            self.network.gradient(X, rows, mask.hidden, self.loss, into)
            return out

        return gradient

    def _evaluate(self, number: int, outputs: torch.Tensor) -> None:
        scores, ways = self.setup.score(outputs)
        improved = [
            probe
            for probe, learner in enumerate(self.learners)
            if learner.see(number, float(scores[probe]), ways[probe])
        ]
        self._remember(improved)

    def _remember(self, improved: list[int]) -> None:
        if len(improved) == len(self.learners):
            self.best.copy_(self.adam.weights)
            return
        for layer in self.layout.layers:
            for part in layer:
                best = self.layout.view(self.best, part)
                now = self.layout.view(self.adam.weights, part)
                for probe in improved:
                    best[probe].copy_(now[probe])

    def _leave(self, number: int) -> list[Finished]:
        patience = self.setup.protocol.patience
        out = [i for i, learner in enumerate(self.learners) if learner.waited >= patience]
        if not out:
            return []
        finished = []
        for probe in out:
            layout, (best,) = self._extract([probe], self.best)
            finished.append(Finished(self.learners[probe], number, Network(layout, best)))
        kept = [i for i in range(len(self.learners)) if i not in out]
        self.learners = [self.learners[i] for i in kept]
        if kept:
            layout, smaller = self._extract(kept, *self._buffers())
            self._adopt(layout, *smaller)
        return finished

    def _extract(
        self, probes: list[int], *buffers: torch.Tensor
    ) -> tuple[Layout, list[torch.Tensor]]:
        if len(probes) == self.layout.probes:
            return self.layout, list(buffers)
        layout = Layout(self.widths, len(probes))
        result = []
        for buffer in buffers:
            smaller = buffer.new_zeros(layout.size)
            for old, new in zip(self.layout.layers, layout.layers, strict=True):
                for part, target in zip(old, new, strict=True):
                    layout.view(smaller, target).copy_(self.layout.view(buffer, part)[probes])
            result.append(smaller)
        return layout, result
