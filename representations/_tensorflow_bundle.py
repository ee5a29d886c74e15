"""Read the variables of a TensorFlow checkpoint (V2 "tensor bundle"), without TensorFlow.

A bundle is two files. The index is a table in the format of LevelDB: blocks of
entries whose keys share prefixes, found through a 48-byte footer; each value is
a small protocol buffer that says type, shape, place and checksum of a variable.
The data file holds the variables' bytes, little-endian, one after the other.

Formats: leveldb/doc/table_format.md; tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray
from mirbench.representations._crc32c import crc32c

_FOOTER_BYTES = 48
_MAGIC = 0xDB4775248B80FB57
_FLOAT32 = 1

#: An index of these checkpoints has a few kilobytes; this much is no index.
_LARGEST_INDEX = 16 * 2**20


@dataclass(frozen=True, slots=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


def read_bundle(index: Path, data: Path, names: Collection[str]) -> dict[str, FloatArray]:
    """Read some float32 variables of a checkpoint of one data file.

    Parameters
    ----------
    index, data : Path
        The files ``*.index`` and ``*.data-00000-of-00001``.
    names : collection of str
        The variables that are wanted.

    Raises
    ------
    DataError
        If the files are not a bundle, are damaged or cut off, or lack a variable.
    """
    entries = _read_index(index)
    absent = sorted(set(names) - set(entries))
    if absent:
        raise DataError(f"{index.name} lists no variable {absent[0]!r}")
    with data.open("rb") as file:
        length = file.seek(0, 2)
        variables = {}
        for name in names:
            entry = entries[name]
            if entry.dtype != _FLOAT32 or entry.shard != 0:
                raise DataError(f"{index.name}: variable {name!r} is not float32 of the first file")
            if entry.size != 4 * int(np.prod(entry.shape, dtype=object)):
                raise DataError(
                    f"{index.name} contradicts itself: variable {name!r} of shape "
                    f"{list(entry.shape)} has {entry.size} bytes"
                )
            if entry.offset + entry.size > length:
                raise DataError(
                    f"{data.name} is cut off: it has {length} bytes, but variable {name!r} "
                    f"ends at byte {entry.offset + entry.size}"
                )
            file.seek(entry.offset)
            raw = file.read(entry.size)
            if _masked(crc32c(raw)) != entry.crc:
                raise DataError(f"{data.name} is damaged: the checksum of {name!r} is wrong")
            variables[name] = np.frombuffer(raw, dtype="<f4").reshape(entry.shape)
    return variables


def _read_index(path: Path) -> dict[str, _Entry]:
    if path.stat().st_size > _LARGEST_INDEX:
        raise DataError(f"{path.name} is too large to be the index of a TensorFlow checkpoint")
    table = path.read_bytes()
    if len(table) < _FOOTER_BYTES or struct.unpack("<Q", table[-8:])[0] != _MAGIC:
        raise DataError(f"{path.name} is not the index of a TensorFlow checkpoint")
    try:
        return dict(_entries(table))
    except (IndexError, ValueError, struct.error) as error:
        raise DataError(f"{path.name} is damaged: {error}") from error


def _entries(table: bytes) -> Iterator[tuple[str, _Entry]]:
    footer = table[-_FOOTER_BYTES:]
    _, place = _handle(footer, 0)  # of the block of metadata, which bundles leave empty
    handle, _ = _handle(footer, place)
    for _, value in _block(table, *handle):
        for key, message in _block(table, *_handle(value, 0)[0]):
            if key:  # the empty key holds the header
                yield key.decode(), _parse_entry(message)


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block, which a byte of type and a checksum follow."""
    block, trailer = table[offset : offset + size], table[offset + size : offset + size + 5]
    if len(block) != size or len(trailer) != 5:
        raise ValueError("a block lies beyond its end")
    if trailer[0] != 0:
        raise ValueError("it is compressed")
    if _masked(crc32c(block + trailer[:1])) != struct.unpack("<I", trailer[1:])[0]:
        raise ValueError("the checksum of a block is wrong")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 - 4 * restarts
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        unshared, place = _varint(block, place)
        length, place = _varint(block, place)
        if shared > len(key) or place + unshared + length > end:
            raise ValueError("an entry lies beyond its block")
        key = key[:shared] + block[place : place + unshared]
        place += unshared
        yield key, block[place : place + length]
        place += length


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the next field starts."""
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number has too many bytes")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a protocol buffer."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, place = _varint(message, place)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                length, place = _varint(message, place)
            if length is None or place + length > len(message):
                raise ValueError("an entry is no protocol buffer")
            value = message[place : place + length]
            place += length
        yield tag >> 3, value


def _parse_entry(message: bytes) -> _Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    shape: tuple[int, ...] = ()
    crc = 0
    for field, value in _fields(message):
        if field in numbers and isinstance(value, int):
            numbers[field] = value
        elif field == 2 and isinstance(value, bytes):
            dims = [dim for number, dim in _fields(value) if number == 2 and isinstance(dim, bytes)]
            shape = tuple(_size(dim) for dim in dims)
        elif field == 6 and isinstance(value, bytes):
            (crc,) = struct.unpack("<I", value)
    return _Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], crc)


def _size(dim: bytes) -> int:
    sizes = [value for number, value in _fields(dim) if number == 1 and isinstance(value, int)]
    return sizes[-1] if sizes else 0


def _masked(crc: int) -> int:
    """Give a CRC in the form in which LevelDB stores it."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
