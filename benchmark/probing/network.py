"""Forward and backward pass of a bank of probes that see the same input.

Written out, without autograd: at these sizes a graph costs more than the
arithmetic. Every product keeps, per probe, the shape and the order of
summation of `nn.Linear`. On a CPU where kernels give the same
(`mirbench.benchmark.probing.passes`), they do the pass over a batch. On any other,
it is compiled to TorchScript: the same operations in the same order, but no thread
waits for Python's lock between two of them, which took up to a half of the time.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import torch

from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Loss, Terms, loss_gradient

#: Rows of a batch as the bank sees them, their places in the training set, and the mask of
#: the hidden layer.
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]


class Network:
    """Linear probes, or probes with one hidden layer of rectified units.

    Parameters
    ----------
    layout : Layout
        Where the weights lie.
    weights : tensor of float32, shape [layout.size]
        Not copied: the optimiser changes it.
    """

    def __init__(self, layout: Layout, weights: torch.Tensor) -> None:
        self.layout = layout
        self.parts = parts_of(layout, weights)
        self._compiles = weights.device.type == "cpu"

    def outputs(self, X: torch.Tensor) -> torch.Tensor:
        """Evaluate without dropout: ``[n, dims]`` to ``[probes, n, n_outputs]``."""
        first = first_layer(X, self.parts, self.layout.probes, self.layout.widths[1])
        first = first.transpose(0, 1)
        return second_layer(first.relu_(), self.parts) if len(self.parts) > 2 else first

    def gradient(
        self,
        X: torch.Tensor,
        rows: torch.Tensor,
        mask: torch.Tensor | None,
        loss: Loss,
        into: list[torch.Tensor],
    ) -> None:
        """Differentiate the loss on one batch.

        Parameters
        ----------
        X : tensor of float32, shape [batch, dims]
            The batch as the bank sees it: standardised and masked.
        rows : tensor of int64, shape [batch]
            Its rows of the training set.
        mask : tensor of float32, shape [batch, hidden], or None
            Of the hidden layer.
        loss : Loss
        into : list of tensor
            Receives the gradient: `parts_of` a buffer that is laid out as the weights.
        """
        probes, width = self.layout.probes, self.layout.widths[1]
        backward = _compiled_gradient() if self._compiles else batch_gradient
        backward((X, rows, mask), loss.terms, self.parts, into, probes, width)


def parts_of(layout: Layout, buffer: torch.Tensor) -> list[torch.Tensor]:
    """View a flat buffer as parts: the first layer as one matrix and one bias, then the second.

    Shapes ``[columns, dims]``, ``[columns]``, ``[probes, outputs, hidden]``
    and ``[probes, outputs]``.
    """
    later = [layout.view(buffer, part) for layer in layout.layers[1:] for part in layer]
    return [*layout.first(buffer), *later]


def first_layer(
    X: torch.Tensor, parts: list[torch.Tensor], probes: int, width: int
) -> torch.Tensor:
    """Apply the first layer: ``[n, dims]`` to ``[n, probes, width]``.

    Parameters
    ----------
    X : tensor of float32, shape [n, dims]
    parts : list of tensor
        Those of `parts_of`.
    probes, width : int
        Probes of the bank, and units of the layer of each.
    """
    # Not addmm, which TorchScript would take apart into a product and a sum.
    flat = torch.nn.functional.linear(X, parts[0], parts[1])
    return flat[:, : probes * width].view(X.size(0), probes, width)


def second_layer(hidden: torch.Tensor, parts: list[torch.Tensor]) -> torch.Tensor:
    """Apply the second layer: ``[probes, n, hidden]`` to ``[probes, n, outputs]``."""
    return torch.baddbmm(parts[3].unsqueeze(1), hidden, parts[2].transpose(1, 2))


def batch_gradient(
    batch: Batch,
    terms: Terms,
    parts: list[torch.Tensor],
    into: list[torch.Tensor],
    probes: int,
    width: int,
) -> None:
    """Differentiate the loss on one batch; see `Network.gradient`.

    Parameters
    ----------
    batch : tuple of (X, rows, mask)
    terms : tuple
        `Loss.terms`.
    parts, into : list of tensor
        `parts_of` the weights, and of what receives the gradient.
    probes, width : int
        Probes of the bank, and units of the first layer of one.
    """
    X, rows, mask = batch
    targets, kind, scale = terms
    used, columns = probes * width, into[0].size(0)
    goals = targets.index_select(0, rows)
    first = first_layer(X, parts, probes, width)
    if len(parts) > 2:
        hidden = first.transpose(0, 1).relu_()
        if mask is not None:
            hidden.mul_(mask)
        out = loss_gradient(second_layer(hidden, parts), goals, kind, scale)
        torch.sum(out, [1], out=into[3])
        torch.bmm(out.transpose(1, 2), hidden, out=into[2])
        passed = torch.bmm(out, parts[2])
        if mask is not None:
            passed.mul_(mask)
        # A unit that the mask has put to zero passes nothing back either way.
        passed = torch.ops.aten.threshold_backward(passed, hidden, 0)
        flat = passed.transpose(0, 1).reshape(-1, used)
    else:
        flat = loss_gradient(first.contiguous(), goals.unsqueeze(1), kind, scale).view(-1, used)
        # A sum over rows of all probes would round by how many probes there are.
        passed = flat.view(-1, probes, width).transpose(0, 1).contiguous()
    torch.sum(passed, [1], out=into[1][:used].view(probes, width))
    if used < columns:
        padded = flat.new_zeros([flat.size(0), columns])
        padded[:, :used] = flat
        flat = padded
    torch.mm(flat.t(), X, out=into[0])


@functools.cache
def _compiled_gradient() -> Callable[..., None]:
    """Compile `batch_gradient`; without TorchScript in this torch, return it as it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript will go one day
            compiled: Callable[..., None] = torch.jit.script(batch_gradient)
    except (RuntimeError, AttributeError, OSError):
        return batch_gradient
    return compiled
