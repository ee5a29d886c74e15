"""Forward and backward pass of a bank: see `mirbench.benchmark.probing.network`.

The products are those of the BLAS that PyTorch has within it, with the shapes that PyTorch
gives them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirbench.benchmark.probing.kernels.language import (
    floats,
    ints,
    kernel,
    octets,
    part,
    real,
    sgemm,
)

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

#: For `sgemm`: which factor is transposed.
_NONE, _FIRST, _SECOND = 0, 1, 2
#: PyTorch sums up so many rows before it adds the sum to those before.
_STRETCH = 16


@part
def _copy(into: Floats, x: Floats) -> None:
    for j in range(x.size):
        into[j] = x[j]


@part
def _add(into: Floats, x: Floats) -> None:
    for j in range(x.size):
        into[j] += x[j]


@part
def _clear(x: Floats) -> None:
    for j in range(x.size):
        x[j] = np.float32(0)


@part
def _rectify(x: Floats) -> None:
    for j in range(x.size):
        x[j] = np.float32(0) if x[j] <= 0 else x[j]  # what is not a number stays so


@part
def _mask(x: Floats, level: Bytes, least: np.uint8, factor: np.float32) -> None:
    for j in range(x.size):
        x[j] *= factor if level[j] > least else np.float32(0)


@part
def _pass(x: Floats, unit: Floats) -> None:
    for j in range(x.size):
        x[j] = np.float32(0) if unit[j] <= 0 else x[j]


@kernel
def gather_goals(goals: int, wide: int, rows: int, batch: int, out: int) -> None:
    """Copy the goals of a batch.

    Parameters
    ----------
    goals, wide : int
        Address of rows of so many floats.
    rows, batch : int
        Address of the places of so many of them.
    out : int
        Address of what receives them.
    """
    place = ints(rows, batch)
    for i in range(batch):
        _copy(floats(out + 4 * wide * i, wide), floats(goals + 4 * wide * place[i], wide))


@kernel
def linear(
    blas: int,
    X: int,
    batch: int,
    dims: int,
    W: int,
    b: int,
    columns: int,
    used: int,
    first: int,
    out: int,
) -> None:
    """Compute the outputs of linear probes.

    Parameters
    ----------
    blas : int
        Address of the product.
    X, batch, dims : int
        Address of the batch, and its shape.
    W, b, columns : int
        Addresses of the weights and biases of so many columns.
    used : int
        Columns that belong to a probe.
    first, out : int
        Addresses of what receives all columns, and those that are used.
    """
    for i in range(batch):
        _copy(floats(first + 4 * columns * i, columns), floats(b, columns))
    sgemm(blas, (_FIRST, columns, batch, dims), W, X, 1, first)
    for i in range(batch):
        _copy(floats(out + 4 * used * i, used), floats(first + 4 * columns * i, used))


@kernel
def linear_gradient(
    blas: int,
    X: int,
    batch: int,
    dims: int,
    back: int,
    columns: int,
    used: int,
    first: int,
    into: int,
) -> None:
    """Differentiate by the weights of linear probes.

    Parameters
    ----------
    blas, X, batch, dims, columns, used : int
        As in `linear`.
    back : int
        Address of the gradient by the outputs.
    first : int
        Address of room for all columns.
    into : int
        Address of what receives the gradient.
    """
    for i in range(batch):
        row = floats(first + 4 * columns * i, columns)
        _copy(row[:used], floats(back + 4 * used * i, used))
        _clear(row[used:])
    sgemm(blas, (_SECOND, dims, columns, batch), X, first, 0, into)


@kernel
def hidden(
    blas: int,
    X: int,
    batch: int,
    dims: int,
    W1: int,
    b1: int,
    units: int,
    W2: int,
    b2: int,
    outputs: int,
    levels: int,
    least: int,
    factor: int,
    first: int,
    out: int,
) -> None:
    """Compute the hidden layer and the outputs of one probe.

    Parameters
    ----------
    blas, X, batch, dims : int
        As in `linear`.
    W1, b1, units, W2, b2, outputs : int
        Addresses of weights and biases of the layers, and their widths.
    levels, least, factor
        Of the hidden layer, as in `gather`.
    first, out : int
        Addresses of what receives the hidden layer and the outputs.
    """
    for i in range(batch):
        _copy(floats(first + 4 * units * i, units), floats(b1, units))
    sgemm(blas, (_FIRST, units, batch, dims), W1, X, 1, first)
    limit, kept = np.uint8(least), np.float32(real(factor))
    for i in range(batch):
        unit = floats(first + 4 * units * i, units)
        _rectify(unit)
        if levels != 0:
            _mask(unit, octets(levels + units * i, units), limit, kept)
        _copy(floats(out + 4 * outputs * i, outputs), floats(b2, outputs))
    sgemm(blas, (_FIRST, outputs, batch, units), W2, first, 1, out)


@kernel
def hidden_gradient(
    blas: int,
    X: int,
    batch: int,
    dims: int,
    units: int,
    W2: int,
    outputs: int,
    levels: int,
    least: int,
    factor: int,
    first: int,
    back: int,
    passed: int,
    into_W1: int,
    into_b1: int,
    into_W2: int,
) -> None:
    """Differentiate by the weights of both layers, and by the biases of the first.

    Parameters
    ----------
    blas, X, batch, dims, units, W2, outputs, levels, least, factor
        As in `hidden`.
    first : int
        Address of the hidden layer.
    back : int
        Address of the gradient by the outputs.
    passed : int
        Address of room for the gradient by the hidden layer, and for one more row.
    into_W1, into_b1, into_W2 : int
        Addresses of what receives the gradient.
    """
    sgemm(blas, (_SECOND, units, outputs, batch), first, back, 0, into_W2)
    sgemm(blas, (_NONE, units, batch, outputs), W2, back, 0, passed)
    limit, kept = np.uint8(least), np.float32(real(factor))
    whole, stretch = floats(into_b1, units), floats(passed + 4 * units * batch, units)
    _clear(whole)
    _clear(stretch)
    for i in range(batch):
        row = floats(passed + 4 * units * i, units)
        if levels != 0:
            _mask(row, octets(levels + units * i, units), limit, kept)
        # A unit that the mask has put to zero passes nothing back either way.
        _pass(row, floats(first + 4 * units * i, units))
        _add(stretch, row)
        if (i + 1) % _STRETCH == 0:
            _add(whole, stretch)
            _clear(stretch)
    _add(whole, stretch)
    sgemm(blas, (_SECOND, dims, units, batch), X, passed, 0, into_W1)
