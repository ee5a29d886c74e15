"""The embeddings of a grid on its device: loaded once, standardised where asked."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.probing.data import ProbeData


class Features:
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
        """Rows of one part as a probe sees them, not to be overwritten."""
        X = self._parts[name]
        mean, scale = self._statistics
        return (X - mean).div_(scale) if standardise else X

    def batch(self, rows: torch.Tensor, standardise: bool) -> torch.Tensor:
        """Copy some of the training rows, as a probe sees them."""
        X = self._parts["train"].index_select(0, rows)
        mean, scale = self._statistics
        return X.sub_(mean).div_(scale) if standardise else X


def _statistics(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and population standard deviation of each column; 1 where that is zero."""
    scaler = StandardScaler().fit(X)
    return scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
