"""Embeddings of many layers, left on disk and read one layer at a time.

Seventy-two layers of 4,800 values are 1.4 MB a clip: 36 GB for MagnaTagATune,
of which a grid of probes needs one layer, half a gigabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.api import DataError, FloatArray, IntArray

#: Rows that are read at once where all layers are wanted.
BLOCK_ROWS = 64


@dataclass(frozen=True, eq=False)
class StoredLayers:
    """Rows of several layers in the shards of a store.

    `numpy.asarray` gives them all at once, if they fit into memory.

    Attributes
    ----------
    files, counts : tuple
        Shards in order, and the rows in each.
    n_layers, dims : int
    places : ndarray of int, shape [n_rows]
        Place of each row among those of all shards.
    """

    files: tuple[Path, ...]
    counts: tuple[int, ...]
    n_layers: int
    dims: int
    places: IntArray

    ndim = 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(n_rows, n_layers, dims)``."""
        return len(self.places), self.n_layers, self.dims

    def __len__(self) -> int:
        return len(self.places)

    def take(self, places: Sequence[int]) -> StoredLayers:
        """Take some of the rows, in another order."""
        return replace(self, places=self.places[np.asarray(places, dtype=np.int64)])

    def layer(self, number: int) -> FloatArray:
        """Read one layer: float32 ``[n_rows, dims]``.

        Raises
        ------
        DataError
            If a shard is gone or was replaced by another.
        """
        return self._read(self.places, lambda stored: stored[:, number], (self.dims,))

    def blocks(self) -> Iterator[FloatArray]:
        """Read all layers, some rows at a time: float32 ``[rows, n_layers, dims]``."""
        for first in range(0, len(self.places), BLOCK_ROWS):
            some = self.places[first : first + BLOCK_ROWS]
            yield self._read(some, lambda stored: stored[:], (self.n_layers, self.dims))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        blocks = [*self.blocks(), np.zeros((0, self.n_layers, self.dims), np.float32)]
        return np.concatenate(blocks).astype(dtype or np.float32, copy=False)

    def _read(
        self, places: IntArray, part: Callable[[Any], FloatArray], shape: tuple[int, ...]
    ) -> FloatArray:
        rows = np.empty((len(places), *shape), dtype=np.float32)
        ends = np.cumsum(self.counts)
        owners = np.searchsorted(ends, places, side="right")
        for owner in np.unique(owners):
            mine = owners == owner
            first = int(ends[owner]) - self.counts[owner]
            whole = (self.counts[owner], self.n_layers, self.dims)
            rows[mine] = _slice(self.files[owner], part, whole)[places[mine] - first]
        return rows


def _slice(path: Path, part: Callable[[Any], FloatArray], shape: tuple[int, ...]) -> FloatArray:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            stored = file.get_slice("embedding")
            if tuple(stored.get_shape()) != shape:
                raise ValueError("it was replaced by another")
            return part(stored)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(
            f"cannot read {path} again ({error}); run the same command once more"
        ) from error


def leave_on_disk(path: Path, rows: FloatArray | StoredLayers) -> FloatArray | StoredLayers:
    """Let go of the rows of the shard at `path` if they have several layers; else keep them."""
    if rows.ndim != 3:
        return rows
    count, layers, dims = rows.shape
    return StoredLayers((path,), (count,), layers, dims, np.arange(count))


def join_rows(parts: Sequence[FloatArray | StoredLayers]) -> FloatArray | StoredLayers:
    """Put rows below each other; those on disk stay there."""
    stored = [part for part in parts if isinstance(part, StoredLayers)]
    if not stored:
        return np.concatenate([np.asarray(part) for part in parts])
    counts = tuple(count for part in stored for count in part.counts)
    return replace(
        stored[0],
        files=tuple(path for part in stored for path in part.files),
        counts=counts,
        places=np.arange(sum(counts)),
    )
