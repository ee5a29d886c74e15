"""The division inside Adam: as the processor rounds it, for every number that it meets."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pytest

from mirbench.benchmark.probing.adam import BETA2
from mirbench.benchmark.probing.kernels.adam import divided

Floats = npt.NDArray[np.float32]


@numba.njit(error_model="numpy")
def _all_divided(values: Floats, by: np.float32, out: Floats) -> None:
    inverse = np.float32(1) / by
    for i in range(values.size):
        out[i] = divided(values[i], by, inverse)


@pytest.mark.parametrize("update", [1, 2, 3, 7, 8, 40, 333, 1000, 5000, 20_000])
def test_division_by_the_correction_rounds_as_the_processor(update: int) -> None:
    rng = np.random.default_rng(update)
    bits = np.arange(0, 0x7F7FF000, 4001, dtype=np.uint32)  # some of every size, subnormal ones too
    means = (bits + rng.integers(0, 4000, len(bits), dtype=np.uint32)).view(np.float32)
    ends = np.array([0, 1e-45, np.finfo(np.float32).max, np.inf, np.nan], dtype=np.float32)
    roots = np.sqrt(np.concatenate([means, ends]))
    by = np.float32((1 - BETA2**update) ** 0.5)
    found = np.empty_like(roots)
    _all_divided(roots, by, found)
    np.testing.assert_array_equal(found.view(np.uint32), (roots / by).view(np.uint32))
