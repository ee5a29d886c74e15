"""Forward and backward pass of a bank of probes that see the same input.

Written out, without autograd: at these sizes a graph costs more than the
arithmetic. Every product keeps, per probe, the shape and the order of
summation of `nn.Linear`.
"""

from __future__ import annotations

import torch

from mirbench.benchmark.probing.draws import Mask
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Loss


class Network:
    """Linear probes, or probes with one hidden layer of rectified units.

    Parameters
    ----------
    weights : tensor of float32, shape [layout.size]
        Not copied: the optimiser changes it.
    """

    def __init__(self, layout: Layout, weights: torch.Tensor) -> None:
        self.layout = layout
        self.matrix, self.bias = layout.first(weights)
        self.second = [layout.view(weights, part) for part in layout.layers[-1]]
        self.deep = len(layout.layers) > 1

    def outputs(self, X: torch.Tensor) -> torch.Tensor:
        """Evaluate without dropout: ``[n, dims]`` to ``[probes, n, n_outputs]``."""
        first = self._first(X)
        return self._second(first.relu_()) if self.deep else first

    def gradient(
        self, X: torch.Tensor, mask: Mask, loss: Loss, rows: torch.Tensor, into: torch.Tensor
    ) -> None:
        """Differentiate the loss on one batch.

        Parameters
        ----------
        X : tensor of float32, shape [batch, dims]
            Overwritten.
        into : tensor of float32, shape [layout.size]
            Receives the gradient, laid out as the weights.
        """
        layout = self.layout
        if mask.input is not None:
            X.mul_(mask.input)
        passed = self._first(X)
        if self.deep:
            weight, bias = (layout.view(into, part) for part in layout.layers[-1])
            hidden = passed.relu_()
            if mask.hidden is not None:
                hidden.mul_(mask.hidden)
            out = loss.gradient(self._second(hidden), rows)
            torch.sum(out, 1, out=bias)
            torch.bmm(out.transpose(1, 2), hidden, out=weight)
            passed = torch.bmm(out, self.second[0])
            if mask.hidden is not None:
                passed.mul_(mask.hidden)
            # A unit that the mask has put to zero passes nothing back either way.
            passed = torch.ops.aten.threshold_backward(passed, hidden, 0)
        else:
            passed = loss.gradient(passed.contiguous(), rows)
        self._first_gradient(X, passed, into)

    def _first(self, X: torch.Tensor) -> torch.Tensor:
        flat = torch.addmm(self.bias, X, self.matrix.t())
        probes, width = self.layout.probes, self.layout.widths[1]
        return flat[:, : probes * width].view(len(X), probes, width).transpose(0, 1)

    def _second(self, hidden: torch.Tensor) -> torch.Tensor:
        weight, bias = self.second
        return torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))

    def _first_gradient(self, X: torch.Tensor, passed: torch.Tensor, into: torch.Tensor) -> None:
        matrix, _ = self.layout.first(into)
        torch.sum(passed, 1, out=self.layout.view(into, self.layout.layers[0][1]))
        used = self.layout.probes * self.layout.widths[1]
        columns = passed.transpose(1, 2).reshape(used, -1)
        if used < self.layout.columns:
            padded = columns.new_zeros(self.layout.columns, columns.shape[1])
            padded[:used] = columns
            columns = padded
        torch.mm(columns, X, out=matrix)
