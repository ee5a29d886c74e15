"""A bank: probes that are trained as one computation, because they see the same input.

They share architecture, batch size, standardisation and dropout rate, and
differ in learning rate and L2. On a CPU a probe with a hidden layer is a bank
of its own: its products are large enough, and it stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mirbench.benchmark.api import DataError
from mirbench.benchmark.probing.adam import Adam, Pieces
from mirbench.benchmark.probing.draws import Draws, Update
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.network import Network, parts_of
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.views import View
from mirbench.benchmark.protocol import ProbeConfig
from mirbench.benchmark.scoring.metrics import Way


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
        self._evaluate(number, X_valid)
        gradient = scratch(self.layout.size)
        into = parts_of(self.layout, gradient)
        for update, X in zip(updates, X_train, strict=True):
            number += 1
            mask = update.masks[self.view[1]].hidden
            self.network.gradient(X, update.rows, mask, self.loss, into)
            self.adam.step(gradient, number)
        return finished

    def _evaluate(self, number: int, X_valid: torch.Tensor) -> None:
        scores, ways = self.setup.score(self.network.outputs(X_valid))
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
            buffers = (self.adam.weights, *self.adam.moments, self.best)
            layout, smaller = self._extract(kept, *buffers)
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
