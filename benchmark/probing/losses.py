"""Gradients of the three losses with respect to the outputs of many probes.

The rounding is that of torch's own backward passes, so that a probe trained
here and one trained by autograd stay together for thousands of updates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import Kind

#: Targets of the training set, kind of the loss, and scale; see `Loss`.
Terms = tuple[torch.Tensor, str, float]


class Loss:
    """Loss of one kind of task on batches of one size.

    Parameters
    ----------
    kind : {"multiclass", "multilabel", "regression"}
    targets : ndarray
        Of the whole training set, as in `ProbeData`.
    n_outputs : int
        Outputs of a probe.
    batch : int
        Rows per batch.
    device : torch.device
        Where `terms` lie.

    Attributes
    ----------
    terms : tuple of (targets, kind, scale)
        What the gradient on a batch is computed from: rows for `loss_gradient`, float32
        ``[n, n_outputs]``; the kind; and what `loss_gradient` divides by (multilabel)
        or multiplies with (regression).
    """

    def __init__(
        self,
        kind: Kind,
        targets: npt.NDArray[Any],
        n_outputs: int,
        batch: int,
        device: torch.device,
    ) -> None:
        if kind == "multiclass":
            rows = np.zeros((len(targets), n_outputs), dtype=np.float32)
            # What the mean negative log-likelihood passes back to a log-softmax.
            rows[np.arange(len(targets)), targets] = -(np.float32(1) / np.float32(batch))
        else:
            rows = np.ascontiguousarray(targets, dtype=np.float32)
        count = batch * n_outputs
        scale = np.float32(2) / np.float32(count) if kind == "regression" else count
        self.terms: Terms = (torch.from_numpy(rows).to(device), kind, float(scale))


def loss_gradient(
    outputs: torch.Tensor, targets: torch.Tensor, kind: str, scale: float
) -> torch.Tensor:
    """Differentiate the mean loss of each probe on one batch.

    Parameters
    ----------
    outputs : tensor of float32, shape [probes, batch, n_outputs] or [batch, probes, n_outputs]
        Overwritten.
    targets : tensor of float32, shape [batch, n_outputs] or [batch, 1, n_outputs]
        Rows of the targets in `Loss.terms`.
    kind : str
        As in `Loss`.
    scale : float
        As in `Loss.terms`.

    Returns
    -------
    tensor of float32, of the shape of `outputs`
    """
    if kind == "multiclass":
        logs = torch.log_softmax(outputs, -1)
        return torch._log_softmax_backward_data(targets.expand_as(logs), logs, -1, torch.float32)
    if kind == "multilabel":
        return _sigmoid(outputs).sub_(targets).div_(scale)
    return outputs.sub_(targets).mul_(scale)


def _sigmoid(x: torch.Tensor) -> torch.Tensor:
    """Compute the sigmoid, in the memory of `x` if that is of whole vectors.

    What is left over of them torch computes with another exponential, and what
    is left over depends on how many probes there are.
    """
    left = x.numel() % 32
    if left == 0 or x.size(0) == 1:
        return x.sigmoid_()
    filled = torch.cat([x.reshape(-1), x.new_zeros(32 - left)]).sigmoid_()
    return filled[: x.numel()].view(x.shape)
