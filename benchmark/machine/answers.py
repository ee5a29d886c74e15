"""What a worker sends, written and read so that a sandbox is not left by it.

Objects between processes are pickled, and a pickle may name any function of the reader's
for it to call: code in a sandbox could have what it likes run outside. What comes from
there is therefore built of a few kinds of values alone: mirbench's own records, errors,
arrays of numbers, paths and sets.
"""

from __future__ import annotations

import builtins
import dataclasses
import io
import pickle
import sys
from typing import Any, ClassVar, cast

import numpy as np

from mirbench.benchmark.api import PluginError

#: What a pickle may name of Python besides errors; none of it does more than hold values.
_PLAIN = {
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("pathlib", "PosixPath"),
    ("pathlib._local", "PosixPath"),
}


def write_answer(answer: Any) -> bytes:
    """Pickle what `read_answer` reads; raises whatever pickling raises."""
    content = io.BytesIO()
    _Writer(content, protocol=4).dump(answer)
    return content.getvalue()


def why_unpicklable(value: Any) -> str:
    """Say why a value cannot be pickled; empty if it can. Nothing is kept of the pickle."""

    class Sink(io.RawIOBase):
        def write(self, content: Any) -> int:
            return memoryview(content).nbytes

    try:
        pickle.Pickler(cast("Any", Sink()), protocol=5).dump(value)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def read_answer(content: bytes) -> Any:
    """Build what a worker in a sandbox has sent.

    Raises
    ------
    PluginError
        If it is anything else than plain values.
    """
    try:
        return _Reader(io.BytesIO(content)).load()
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(
            f"what a plugin sent out of the sandbox cannot be read: {type(error).__name__}: {error}"
        ) from error


def numbers(kind: str, shape: tuple[int, ...], content: bytes) -> Any:
    """Build an array of numbers, or one number where `shape` is None.

    Parameters
    ----------
    kind : str
        Its dtype: numbers or truth values, little or big endian.
    shape : tuple of int
    content : bytes
        The numbers in C order.
    """
    dtype = np.dtype(str(kind))
    if dtype.kind not in "biufc":
        raise PluginError(f"a plugin sent an array of {dtype} out of the sandbox, not of numbers")
    return np.frombuffer(bytes(content), dtype).reshape(shape).copy()


def number(kind: str, content: bytes) -> Any:
    """Build one number of NumPy's; the parameters are those of `numbers`."""
    return numbers(kind, (), content)[()]


class _Writer(pickle.Pickler):
    """Writes arrays so that nothing of NumPy need be named."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.ndarray and value.dtype.kind in "biufc":
            return numbers, (value.dtype.str, value.shape, value.tobytes())
        if isinstance(value, np.bool_ | np.number):
            return number, (value.dtype.str, value.tobytes())
        return NotImplemented


#: The reader that is written in Python, since that in C lets nothing be asked before a step.
_Unpickler: Any = pickle._Unpickler


class _Reader(_Unpickler):  # type: ignore[misc]
    """Takes no name but of plain values, and imports nothing of mirbench."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if module == __name__ and name in ("numbers", "number"):
            return globals()[name]
        found = _loaded(module, name)
        if isinstance(found, type) and (
            issubclass(found, BaseException) or dataclasses.is_dataclass(found)
        ):
            return found
        raise PluginError(
            f"a plugin sent {module}.{name} out of the sandbox, where only numbers, texts and "
            "mirbench's own records are taken: what it declares (made_with, notes, …) must be "
            "of Python's own plain types"
        )

    def set_attributes(self) -> None:
        """Set attributes of what was built last, which may not be mirbench's class or function."""
        if callable(self.stack[-2]):
            raise PluginError("a plugin sent what would change mirbench out of the sandbox")
        self.load_build()

    dispatch: ClassVar = {**_Unpickler.dispatch, pickle.BUILD[0]: set_attributes}


def _loaded(module: str, name: str) -> Any:
    """Find what Python, or a module of mirbench that is loaded already, has under a name."""
    if module == "builtins":
        return vars(builtins).get(name)
    if module.startswith("mirbench.benchmark.") and module in sys.modules:
        return vars(sys.modules[module]).get(name)
    return None
