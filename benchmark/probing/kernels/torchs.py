"""Functions that PyTorch's library brings for itself, and others may call."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch


@functools.cache
def function_address(name: str) -> int:
    """Find a function of the library that PyTorch was built with: 0, if there is none."""
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        function = getattr(ctypes.CDLL(str(library)), name)
    except (OSError, AttributeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0
