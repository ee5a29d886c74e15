"""A round on a device: one evaluation, and the updates up to the next."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mirbench.benchmark.probing.ahead import Numbers
from mirbench.benchmark.probing.device_scores import DeviceScorer
from mirbench.benchmark.probing.draws import kept_factor
from mirbench.benchmark.probing.setup import Shared
from mirbench.benchmark.probing.stack import Stack
from mirbench.benchmark.probing.views import View


class Round:
    """What a round is computed from, all of it on the device.

    Parameters
    ----------
    shared : Shared
    rates : tuple of float
        Those of `Draws`.
    numbers : Numbers
        Where the random numbers of a round are when it begins.
    """

    def __init__(self, shared: Shared, rates: tuple[float, ...], numbers: Numbers) -> None:
        setup = shared.setup
        self._updates, self._patience = setup.protocol.eval_every, setup.protocol.patience
        self._batch, self._terms = shared.batch, shared.loss.terms
        self._rates, self._numbers = rates, numbers
        ways, rows = shared.standardise, setup.inputs.rows
        self._X_train = {way: rows("train", way) for way in ways}
        self._X_valid = {way: rows("valid", way) for way in ways}
        self.score = DeviceScorer(setup.data, setup.threads.device)

    def __call__(self, stack: Stack, scores: torch.Tensor) -> None:
        """Evaluate a stack, and make its updates.

        Parameters
        ----------
        stack : Stack
        scores : tensor of float64, shape [ways, places]
            Receives the scores.
        """
        scores.copy_(self.score(stack.outputs(self._X_valid)))
        stack.judge(scores.amax(dim=0), self._patience)
        X, masks = self.batches(stack.views)
        goals = self._terms[0].index_select(0, self._numbers.rows)
        goals = goals.view(self._updates, self._batch, -1)
        for update in range(self._updates):
            mask = None if masks is None else masks[:, update]
            stack.update(X[:, update], goals[update], mask, self._terms)

    def batches(self, views: Sequence[View]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Gather, standardise and mask the batches of a round, as each view sees them.

        Returns
        -------
        X : tensor of float32, shape [views, updates, batch, dims]
        masks : tensor of float32, shape [views, updates, batch, hidden], or None
            Of the hidden layer, if there is one and something is dropped.
        """
        rows = self._numbers.rows
        gathered = {
            way: self._X_train[way].index_select(0, rows)
            for way in sorted({standardise for standardise, _ in views})
        }
        kept = [self._kept(levels, views) for levels in self._numbers.levels]
        dims = next(iter(gathered.values())).shape[1]
        X = self._terms[0].new_empty(len(views), len(rows), dims)
        for out, (standardise, dropout) in zip(X, views, strict=True):
            if dropout > 0:
                torch.mul(gathered[standardise], kept[0][dropout], out=out)
            else:
                out.copy_(gathered[standardise])
        shape = len(views), self._updates, self._batch, -1
        if len(kept) < 2:
            return X.view(shape), None
        hidden = self._numbers.levels[1].shape[1]
        masks = X.new_ones(len(views), len(rows), hidden)
        for out, (_, dropout) in zip(masks, views, strict=True):
            if dropout > 0:
                out.copy_(kept[1][dropout])
        return X.view(shape), masks.view(shape)

    def _kept(self, levels: torch.Tensor, views: Sequence[View]) -> dict[float, torch.Tensor]:
        """Turn levels into what multiplies the elements at each rate: 0 or 1 / (1 - dropout)."""
        rates = sorted({dropout for _, dropout in views if dropout > 0})
        return {p: (levels > self._rates.index(p)) * kept_factor(p) for p in rates}
