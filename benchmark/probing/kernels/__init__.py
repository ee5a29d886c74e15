"""Loops that are compiled to machine code, which is kept for the next process.

`call` binds a kernel to its arguments. Kernels are written in Numba, one module per use:
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
        self._function, parameters = _functions()[name]
        unknown = values.keys() - set(parameters)
        if unknown:
            raise TypeError(f"kernel {name} has no parameter {', '.join(sorted(unknown))}")
        self._values = dict.fromkeys(parameters, 0) | {k: word(v) for k, v in values.items()}

    def __call__(self, **changed: int) -> None:
        """Run it; what has changed is given as `word` makes it."""
        self._values.update(changed)
        self._function(*self._values.values())


def word(value: Any) -> int:
    """Make the argument that a kernel takes: an address, a number, or the bits of a float64."""
    if isinstance(value, torch.Tensor):
        return value.data_ptr()
    if isinstance(value, np.ndarray):
        return int(value.__array_interface__["data"][0])
    if isinstance(value, float):
        return int(struct.unpack("<q", struct.pack("<d", value))[0])
    return int(value)


def prepare() -> None:
    """Load the kernels, or compile them (seconds), so that no timing includes it."""
    _functions()


def _functions() -> dict[str, tuple[Function, tuple[str, ...]]]:
    with _lock:
        return _loaded()


_loaded = functools.cache(load)
