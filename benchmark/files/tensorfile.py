"""Write safetensors tensor by tensor, so that the memory it takes is that of one tensor.

``safetensors.torch.save_file`` wants all tensors at once. For a checkpoint of
2 GiB that is mapped and cast to float16, 1 GiB in the end, it takes 1.1 GiB of
memory with safetensors 0.8 and 2.1 GiB with earlier versions, which copy; this
takes 0.3 GiB. The format is that of https://github.com/huggingface/safetensors:
the length of the header (8 bytes, little-endian), the header (JSON, padded with
spaces), the raw values.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.progress import count

#: Bytes kept free for the header where the number of tensors is not known beforehand.
RESERVED = 1 << 20

#: Bytes that the entry of one tensor takes at most, beside its name.
_ENTRY = 256

_NAMES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "float16": "F16",
    "bfloat16": "BF16",
    "uint32": "U32",
    "int32": "I32",
    "float32": "F32",
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
}


def write_tensors(
    file: IO[bytes], tensors: Mapping[str, Any] | Iterable[tuple[str, Any]]
) -> dict[str, tuple[int, ...]]:
    """Write named tensors into an empty file that can be sought in.

    Parameters
    ----------
    file : binary file
        Where they go.
    tensors : mapping or iterable of (name, tensor)
        NumPy arrays or PyTorch tensors; of an iterable only one is held at a time.

    Returns
    -------
    dict
        Name to shape, in the order in which they were written.

    Raises
    ------
    PluginError
        If a name comes twice, or a value is no tensor that the format knows.
    """
    pairs: Iterable[tuple[str, Any]]
    if isinstance(tensors, Mapping):
        room = 2 + sum(len(json.dumps(str(name))) + _ENTRY for name in tensors)
        pairs = tensors.items()
    else:
        room, pairs = RESERVED, tensors
    room += -room % 8
    file.seek(8 + room)
    header: dict[str, dict[str, Any]] = {}
    end = 0
    for name, tensor in pairs:
        if not isinstance(name, str) or name in header or name == "__metadata__":
            raise PluginError(f"tensor {name!r}: a name is text and comes once")
        kind, values = _values(name, tensor)
        file.write(values.reshape(-1).view(np.uint8).data if values.size else b"")
        start, end = end, end + values.nbytes
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    if len(text) > room:
        raise PluginError(
            f"the names of {len(header):,} tensors do not fit into {count(room, 'byte')}"
        )
    file.seek(0)
    file.write(struct.pack("<Q", room) + text.ljust(room))
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def _values(name: str, tensor: Any) -> tuple[str, Any]:
    """Convert a tensor to the format's name of its type, and a little-endian array."""
    kind = ""
    # PyTorch is not imported to find out whether something is one of its tensors.
    if type(tensor).__module__.partition(".")[0] == "torch" and hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().contiguous()
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind == "bfloat16":
            import torch

            tensor = tensor.view(torch.int16)
        tensor = tensor.numpy()
    if not isinstance(tensor, np.ndarray | np.generic):
        raise PluginError(f"tensor {name!r} is {type(tensor).__name__}, not an array")
    values = np.asarray(tensor, order="C")
    kind = kind or values.dtype.name
    if kind not in _NAMES:
        raise PluginError(f"tensor {name!r} has the type {kind}, which safetensors cannot hold")
    return _NAMES[kind], values.astype(values.dtype.newbyteorder("<"), copy=False)
