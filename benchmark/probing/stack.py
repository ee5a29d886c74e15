"""A stack: probes of one architecture and batch size as a few large tensors.

Where every launch of a kernel costs as much as its arithmetic, probes that see
different inputs are computed together, too. A stack has `views` of equally
many places each, and a place holds a probe, or what is left of one that has
stopped. One product per layer serves all of them, and one pass of Adam for
each pair of learning rate and L2 goes over the flat buffer. Nothing here waits
for the device, or depends on a number that is on it, so that several updates
can be recorded once and replayed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch

from mirbench.benchmark.probing.adam import BETA1, BETA2, EPS
from mirbench.benchmark.probing.draws import kept_factor
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Terms, loss_gradient
from mirbench.benchmark.probing.replay import Branches
from mirbench.benchmark.probing.views import View
from mirbench.benchmark.protocol import ProbeConfig


class Stack:
    """Weights, moments and remembered weights of some probes, on one device.

    Parameters
    ----------
    widths : tuple of int
        Units of the layers, the input first.
    views : sequence of (bool, float)
        Ascending. What the probes see; those of the first view stand first.
    places : sequence of ProbeConfig
        As many for every view.
    buffers : sequence of four tensors of float32, shape [layout.size]
        Weights, the two moments, and the weights remembered; changed in place.
    standing : tuple of three tensors, shapes [places], [places] and []
        Best scores (float64) and evaluations since (int64), and updates made
        (float32); changed in place.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        views: Sequence[View],
        places: Sequence[ProbeConfig],
        buffers: Sequence[torch.Tensor],
        standing: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> None:
        self.views, self.places = list(views), list(places)
        self.layout = Layout(widths, len(places))
        self.buffers = list(buffers)
        self.weights, self.best = buffers[0], buffers[3]
        self.top, self.waited, self.made = standing
        gradient = torch.zeros_like(self.weights)
        self._parts, self._into = self._split(self.weights), self._split(gradient)
        self._factors = torch.tensor(
            [kept_factor(dropout) for _, dropout in views], device=gradient.device
        ).view(-1, 1, 1, 1)
        self._adams = self._adam_lists(gradient)
        self._branches = Branches(len(self._adams), gradient.device)

    @classmethod
    def begin(
        cls,
        widths: tuple[int, ...],
        views: Sequence[View],
        places: Sequence[ProbeConfig],
        initial: Sequence[tuple[torch.Tensor, torch.Tensor]],
        device: torch.device,
    ) -> Stack:
        """Give every place the same initial weights and biases, layer by layer.

        Parameters
        ----------
        widths, views, places
            Those of the stack.
        initial : sequence of (weight, bias)
            Of each layer, as `Draws.initial`.
        device : torch.device
        """
        layout = Layout(widths, len(places))
        weights = torch.zeros(layout.size, device=device)
        for parts, values in zip(layout.layers, initial, strict=True):
            for part, value in zip(parts, values, strict=True):
                layout.view(weights, part).copy_(value.expand(len(places), *part.shape))
        moments = torch.zeros_like(weights), torch.zeros_like(weights)
        standing = (
            torch.full((len(places),), -torch.inf, dtype=torch.float64, device=device),
            torch.zeros(len(places), dtype=torch.int64, device=device),
            torch.zeros((), device=device),
        )
        return cls(widths, views, places, [weights, *moments, weights.clone()], standing)

    def rearranged(
        self, views: Sequence[View], places: Sequence[ProbeConfig], old: Sequence[int]
    ) -> Stack:
        """Take some places, `old`, into a stack of `views` and `places`."""
        index = torch.tensor(old, device=self.weights.device)
        layout = Layout(self.layout.widths, len(places))
        buffers = [buffer.new_zeros(layout.size) for buffer in self.buffers]
        for before, after in zip(self.buffers, buffers, strict=True):
            for parts, targets in zip(self.layout.layers, layout.layers, strict=True):
                for part, target in zip(parts, targets, strict=True):
                    layout.view(after, target).copy_(self.layout.view(before, part)[index])
        standing = self.top[index], self.waited[index], self.made
        return Stack(self.layout.widths, views, places, buffers, standing)

    def remembered(self, place: int) -> torch.Tensor:
        """Copy the remembered weights of one place into a buffer of one probe's layout."""
        alone = Layout(self.layout.widths, 1)
        out = self.best.new_zeros(alone.size)
        for parts, targets in zip(self.layout.layers, alone.layers, strict=True):
            for part, target in zip(parts, targets, strict=True):
                alone.view(out, target).copy_(self.layout.view(self.best, part)[[place]])
        return out

    def outputs(self, rows: dict[bool, torch.Tensor]) -> torch.Tensor:
        """Evaluate without dropout.

        Parameters
        ----------
        rows : dict
            Whether standardised, to rows of float32, shape [n, dims].

        Returns
        -------
        tensor of float32, shape [places, n, n_outputs]
        """
        n, width = len(next(iter(rows.values()))), self.layout.widths[1]
        out = self.weights.new_empty(len(self.places), n, self.layout.widths[-1])
        matrix, bias = (self.layout.view(self.weights, part) for part in self.layout.layers[0])
        each = len(self.places) // len(self.views)
        for standardise, X in rows.items():
            of = [i for i, view in enumerate(self.views) if view[0] == standardise]
            if not of:
                continue
            here = slice(of[0] * each, (of[-1] + 1) * each)
            first = torch.nn.functional.linear(X, matrix[here].flatten(0, 1), bias[here].flatten())
            first = first.view(n, -1, width).transpose(0, 1)
            if len(self._parts) > 2:
                second, last = (part[here] for part in self._parts[2:])
                torch.baddbmm(
                    last.unsqueeze(1), first.relu_(), second.transpose(1, 2), out=out[here]
                )
            else:
                out[here].copy_(first)
        return out

    def judge(self, scores: torch.Tensor, patience: int) -> None:
        """Remember the weights of those that scored higher than ever and have not stopped.

        Parameters
        ----------
        scores : tensor of float64, shape [places]
        patience : int
            Evaluations without a higher score after which a probe has stopped.
        """
        improved = (scores > self.top).logical_and_(self.waited < patience)
        torch.where(improved, scores, self.top, out=self.top)
        self.waited.add_(1).masked_fill_(improved, 0)
        for parts in self.layout.layers:
            for part in parts:
                best = self.layout.view(self.best, part)
                mask = improved.view(-1, *(1 for _ in part.shape))
                torch.where(mask, self.layout.view(self.weights, part), best, out=best)

    def update(
        self, X: torch.Tensor, goals: torch.Tensor, masks: torch.Tensor | None, terms: Terms
    ) -> None:
        """Make one update of every place.

        Parameters
        ----------
        X : tensor of float32, shape [views, batch, dims]
            The batch as each view sees it.
        goals : tensor of float32, shape [batch, n_outputs]
            Rows of the targets in `Loss.terms`.
        masks : tensor of float32, shape [views, batch, hidden], or None
            Of the hidden layer, if there is one and something is dropped.
        terms : tuple
            `Loss.terms`.
        """
        _, kind, scale = terms
        views, batch, _ = X.shape
        matrix, bias = self._parts[:2]
        first = torch.bmm(X, matrix.transpose(1, 2)).view(views, batch, *bias.shape[1:])
        if len(self._parts) == 2:
            out = first.add_(bias.unsqueeze(1))
            back = loss_gradient(out, goals.unsqueeze(1), kind, scale)
        else:
            back = self._through_hidden(first, goals, masks, (kind, scale))
        back = back.view(views, batch, -1)
        torch.sum(back, [1], out=self._into[1].flatten(1))
        torch.bmm(back.transpose(1, 2), X, out=self._into[0])
        self._step()

    def _through_hidden(
        self,
        first: torch.Tensor,
        goals: torch.Tensor,
        masks: torch.Tensor | None,
        loss: tuple[str, float],
    ) -> torch.Tensor:
        _, bias, second, last = self._parts
        views, batch, each, width = first.shape
        hidden = first.new_empty(views, each, batch, width)
        torch.add(first.transpose(1, 2), bias.unsqueeze(2), out=hidden)
        hidden.relu_()
        if masks is not None:
            hidden.mul_(masks.unsqueeze(1))
        hidden = hidden.flatten(0, 1)
        out = torch.baddbmm(last.unsqueeze(1), hidden, second.transpose(1, 2))
        out = loss_gradient(out, goals, *loss)
        torch.sum(out, [1], out=self._into[3])
        torch.bmm(out.transpose(1, 2), hidden, out=self._into[2])
        passed = torch.ops.aten.threshold_backward(torch.bmm(out, second), hidden, 0)
        # What the mask has put to zero is zero in `hidden`: the factor is left to do.
        passed = passed.view(views, each, batch, width).transpose(1, 2)
        return torch.mul(passed, self._factors, out=first)

    def _step(self) -> None:
        self.made.add_(1)
        # Each is too small to fill a GPU.
        self._branches.run(
            [functools.partial(self._adam, *rates, lists) for rates, lists in self._adams.items()]
        )

    def _adam(self, learning_rate: float, l2: float, lists: list[list[torch.Tensor]]) -> None:
        weights, gradients, first, second = lists
        torch._fused_adam_(
            weights,
            gradients,
            first,
            second,
            [],
            [self.made] * len(weights),
            lr=learning_rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=l2,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )

    def _split(self, buffer: torch.Tensor) -> list[torch.Tensor]:
        """View a buffer as ``[views, each · width, dims]``, ``[views, each, width]`` and so on."""
        parts = [self.layout.view(buffer, part) for layer in self.layout.layers for part in layer]
        views, dims = len(self.views), self.layout.widths[0]
        parts[0] = parts[0].view(views, -1, dims)
        parts[1] = parts[1].view(views, len(self.places) // views, -1)
        return parts

    def _adam_lists(
        self, gradient: torch.Tensor
    ) -> dict[tuple[float, float], list[list[torch.Tensor]]]:
        alike: dict[tuple[float, float], list[int]] = {}
        for place, config in enumerate(self.places):
            alike.setdefault((config.learning_rate, config.l2), []).append(place)
        buffers = self.weights, gradient, *self.buffers[1:3]
        parts = [part for layer in self.layout.layers for part in layer]
        return {
            rates: [
                [self.layout.view(buffer, part)[place] for part in parts for place in places]
                for buffer in buffers
            ]
            for rates, places in alike.items()
        }
