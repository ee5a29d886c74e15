"""Arrays in NumPy's own format, whose header is believed only as far as the bytes go.

`numpy.load` makes an array of the size that a header claims before it reads a byte of it, and
lets through what Python's parser raises on a header that is no expression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.files.foreign import ARCHIVE_DAMAGES, Damaged
from mirbench.benchmark.progress import count

#: Characters of a header; NumPy's own are a tenth as long.
_HEADER = 2000
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What an array says of itself."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """Read the header of an array, up to the first byte of its values.

    Raises
    ------
    Damaged
        If it is none, or of an array that cannot be (of values without a size, say). One of
        Python objects can; it must not be read.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise Damaged(f"it is an array of format {version}")
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file, max_header_size=_HEADER)
        if not all(type(n) is int and 0 <= n < 2**62 for n in shape) or dtype.itemsize == 0:
            raise Damaged(f"it claims the shape {shape} and the type {dtype}")
        return Header(tuple(shape), bool(fortran), dtype)
    except Damaged:
        raise
    except (OSError, MemoryError, *ARCHIVE_DAMAGES) as error:
        raise Damaged(f"it is no array: {str(error)[:300] or type(error).__name__}") from error


def read_values(file: IO[bytes], header: Header) -> npt.NDArray[Any]:
    """Read the values behind a header, and take no more memory than there are bytes.

    Raises
    ------
    Damaged
        If there are fewer, or more, or they are Python objects.
    """
    if header.dtype.hasobject:
        raise Damaged("it is an array of Python objects, which are not unpickled")
    content = bytearray()
    while len(content) <= header.bytes:
        block = file.read(min(_BLOCK, header.bytes + 1 - len(content)))
        if not block:
            break
        content += block
    if len(content) != header.bytes:
        which = "more" if len(content) > header.bytes else f"{len(content):,}"
        raise Damaged(f"it claims {count(header.bytes, 'byte')} and has {which}")
    if not content:
        return np.empty(header.shape, header.dtype)
    order: Literal["C", "F"] = "F" if header.fortran else "C"
    return np.frombuffer(content, header.dtype).reshape(header.shape, order=order)
