"""The embeddings of a grid on its device: loaded once, standardised where asked."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.draws import Mask
from mirbench.benchmark.probing.kernels import Call, word


class Inputs:
    """Training, validation and test rows, as they are or standardised.

    Only the raw rows are kept. Standardised ones are computed where they are
    needed, batch by batch, which costs less time than reading a second copy
    of a large matrix and no memory.
    """

    def __init__(self, data: ProbeData, device: torch.device) -> None:
        self._parts = {
            name: torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(device)
            for name, X in (("train", data.X_train), ("valid", data.X_valid), ("test", data.X_test))
        }
        self._statistics = [torch.from_numpy(a).to(device) for a in _statistics(data.X_train)]

    def rows(self, name: str, standardise: bool) -> torch.Tensor:
        """Rows of one part as a probe sees them: float32 ``[n, dims]``, not to be overwritten."""
        X = self._parts[name]
        mean, scale = self._statistics
        return (X - mean).div_(scale) if standardise else X

    def batch(self, rows: torch.Tensor, standardise: bool, mask: Mask) -> torch.Tensor:
        """Copy training rows as a probe sees them under a mask: float32 ``[batch, dims]``."""
        X, (mean, scale) = self._parts["train"], self._statistics
        if X.device.type == "cpu":
            out = torch.empty(len(rows), X.shape[1])
            gather = Call("gather", X=X, dims=X.shape[1], mean=mean, scale=scale)
            gather(
                rows=rows.data_ptr(),
                batch=len(rows),
                standardise=standardise,
                levels=mask.levels[0].data_ptr() if mask.levels else 0,
                least=mask.least,
                factor=word(mask.factor),
                out=out.data_ptr(),
            )
            return out
        batch = X.index_select(0, rows)
        if standardise:
            batch.sub_(mean).div_(scale)
        return batch if mask.input is None else batch.mul_(mask.input * mask.factor)


def _statistics(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and population standard deviation of each column; 1 where that is zero."""
    scaler = StandardScaler().fit(X)
    return scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
