"""Loops that are compiled to machine code, which is kept for the next process.

`Call` binds a kernel to its arguments. Kernels are written in Numba, one module per use:
`adam`, `batches`, `draws` and `networks`; `language` has what they are made of. Numba itself is
only imported where nothing that was kept can be used (`mirbench.benchmark.probing.kernels.keep`).
A call leaves Python's lock to other threads.
"""

from __future__ import annotations

import functools
import struct
import threading
from typing import Any

import numpy as np
import torch

from mirbench.benchmark.probing.kernels.keep import Function, load

_lock = threading.Lock()


class Call:
    """A kernel and its arguments, most of which stay the same from call to call.

    Whoever holds it keeps alive what its addresses belong to.

    Parameters
    ----------
    name : str
        Of the kernel.
    **values
        By the names of its parameters; those that are missing are 0. An array or a
        tensor, contiguous and on the CPU, is given as its address, and a float as its bits.
    """

    def __init__(self, name: str, **values: Any) -> None:
        self._name = name
        self._function, parameters = _functions()[name]
        self._values = dict.fromkeys(parameters, 0)
        self._change({key: word(value) for key, value in values.items()})

    def __call__(self, **changed: int) -> None:
        """Run it; what has changed is given as `word` makes it."""
        self._change(changed)
        self._function(*self._values.values())

    def _change(self, changed: dict[str, int]) -> None:
        if not changed.keys() <= self._values.keys():
            unknown = ", ".join(sorted(changed.keys() - self._values.keys()))
            raise TypeError(f"kernel {self._name} has no parameter {unknown}")
        self._values.update(changed)


def word(value: Any) -> int:
    """Make the argument that a kernel takes: an address, a number, or the bits of a float64.

    Raises
    ------
    ValueError
        If an array or a tensor is not contiguous, or not on the CPU.
    """
    if isinstance(value, torch.Tensor):
        if value.device.type != "cpu" or not value.is_contiguous():
            raise ValueError("kernels take contiguous tensors on the CPU")
        return value.data_ptr()
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("kernels take contiguous arrays")
        return int(value.__array_interface__["data"][0])
    if isinstance(value, float | np.floating):
        return int(struct.unpack("<q", struct.pack("<d", value))[0])
    return int(value)


def prepare() -> None:
    """Load the kernels, or compile them (seconds), so that no timing includes it."""
    _functions()


def _functions() -> dict[str, tuple[Function, tuple[str, ...]]]:
    with _lock:
        return _loaded()


_loaded = functools.cache(load)
