"""The embeddings of a grid on its device: loaded once, standardised where asked."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import torch
from sklearn.preprocessing import StandardScaler

from mirbench.benchmark.api import FloatArray, IntArray
from mirbench.benchmark.probing.data import ProbeData
from mirbench.benchmark.probing.draws import Mask


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
            kept = _NO_MASK if mask.input is None else mask.input.numpy()
            _gather(
                X.numpy(),
                rows.numpy(),
                mean=mean.numpy(),
                scale=scale.numpy(),
                standardise=standardise,
                kept=kept,
                factor=np.float32(mask.factor),
                out=out.numpy(),
            )
            return out
        batch = X.index_select(0, rows)
        if standardise:
            batch.sub_(mean).div_(scale)
        return batch if mask.input is None else batch.mul_(mask.input * mask.factor)

    @staticmethod
    def prepare() -> None:
        """Compile what gathers batches, so that no timing includes it."""
        one = np.zeros((1, 1), dtype=np.float32)
        rows = np.zeros(1, dtype=np.int64)
        _gather(
            one,
            rows,
            mean=one[0],
            scale=one[0],
            standardise=True,
            kept=_NO_MASK,
            factor=np.float32(1),
            out=one.copy(),
        )


_NO_MASK = np.zeros((0, 0), dtype=np.bool_)


@numba.njit(nogil=True, error_model="numpy")
def _gather(
    X: FloatArray,
    rows: IntArray,
    mean: FloatArray,
    scale: FloatArray,
    standardise: bool,
    kept: npt.NDArray[np.bool_],
    factor: np.float32,
    out: FloatArray,
) -> None:
    """Gather, standardise and mask in one pass, each element rounded as by single steps."""
    for i in range(rows.size):
        x, o = X[rows[i]], out[i]
        if standardise:
            for j in range(x.size):
                o[j] = (x[j] - mean[j]) / scale[j]
        else:
            for j in range(x.size):
                o[j] = x[j]
        if kept.size > 0:
            k = kept[i]
            for j in range(x.size):
                o[j] *= factor * np.float32(k[j])


def _statistics(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and population standard deviation of each column; 1 where that is zero."""
    scaler = StandardScaler().fit(X)
    return scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
