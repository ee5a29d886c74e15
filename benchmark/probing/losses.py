"""Gradients of the three losses with respect to the outputs of many probes.

With partial labels the loss of a batch is the sum over its observed cells, divided by the
number of cells that a batch has observed on average. So every observed cell of the training
set weighs the same, whichever batch it falls into, and with all of them observed the loss is the
mean over all cells, as it is without.

The rounding is that of torch's own backward passes, so that a probe trained
here and one trained by autograd stay together for thousands of updates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mirbench.benchmark.api import UNOBSERVED, Kind

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
        or multiplies with (regression). With partial labels, the kind is ``partial``, and
        behind its targets a row has 1 for each that is observed, else 0:
        ``[n, 2 * n_outputs]``.
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
        scale = float(np.float32(2) / np.float32(count)) if kind == "regression" else float(count)
        name: str = kind
        if kind == "multilabel" and (rows == UNOBSERVED).any():
            observed = (rows != UNOBSERVED).astype(np.float32)
            rows, name = np.hstack([np.maximum(rows, 0), observed]), "partial"
            scale = batch * float(observed.sum(dtype=np.float64)) / len(rows)
        self.terms: Terms = (torch.from_numpy(rows).to(device), name, scale)


def loss_gradient(
    outputs: torch.Tensor, targets: torch.Tensor, kind: str, scale: float
) -> torch.Tensor:
    """Differentiate the mean loss of each probe on one batch.

    Parameters
    ----------
    outputs : tensor of float32, shape [probes, batch, n_outputs] or [batch, probes, n_outputs]
        Overwritten.
    targets : tensor of float32, shape [batch, n_outputs] or [batch, 1, n_outputs]
        Rows of the targets in `Loss.terms`; twice as many columns with partial labels.
    kind : str
        As in `Loss.terms`.
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
    if kind == "partial":
        n = outputs.size(-1)
        wanted, observed = targets.narrow(-1, 0, n), targets.narrow(-1, n, n)
        return _sigmoid(outputs).sub_(wanted).div_(scale).mul_(observed)
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
