"""What kernels are written with: arrays at addresses, and calls of functions at addresses.

All parameters of a kernel are int64: addresses, numbers, or the bits of a float64. So its machine
code depends on nothing of the process that compiled it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils as core_cgutils
from numba.np import arrayobj

# Numba says of none of these which types they have.
arrays: Any = arrayobj
tuples: Any = types.UniTuple
cgutils: Any = core_cgutils

#: Machine code that needs nothing of Numba's, and divides as the processor does.
_PLAIN: dict[str, Any] = {
    "_nrt": False,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def intrinsic(function: Callable[..., Any]) -> Any:
    """Let kernels use what a function generates."""
    return extending.intrinsic(function)


def kernel(function: Callable[..., None]) -> Any:
    """Compile a function whose parameters are all int64."""
    names = inspect.signature(function).parameters
    return numba.njit(types.void(*(types.int64 for _ in names)), **_PLAIN)(function)


def part(function: Callable[..., Any]) -> Any:
    """Let kernels contain a function."""
    return numba.njit(inline="always", **_PLAIN)(function)


def _array_at(dtype: types.Type) -> Any:
    kind = types.Array(dtype, 1, "C")
    itemsize = np.dtype(str(dtype)).itemsize

    @intrinsic
    def array(typing: Any, address: Any, size: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            made = arrays.make_array(kind)(context, builder)
            integer = context.get_value_type(types.intp)
            width = integer(itemsize)
            data = builder.inttoptr(args[0], context.get_data_type(dtype).as_pointer())
            arrays.populate_array(
                made,
                data=data,
                shape=cgutils.pack_array(builder, [args[1]]),
                strides=cgutils.pack_array(builder, [width]),
                itemsize=width,
                meminfo=None,
            )
            return made._getvalue()

        return kind(types.int64, types.int64), generate

    return array


#: Arrays of so many elements at an address.
floats, ints = _array_at(types.float32), _array_at(types.int64)
words, octets = _array_at(types.uint32), _array_at(types.uint8)


@intrinsic
def real(typing: Any, bits: Any) -> Any:
    """Read an int64 as the float64 whose bits it has."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Compute ``a * b + c`` with one rounding.

    Parameters
    ----------
    typing
        Numba's.
    a, b, c : float32
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def sgemm(typing: Any, function: Any, form: Any, a: Any, b: Any, adds: Any, c: Any) -> Any:
    """Multiply matrices that lie column by column, without gaps: ``C = op(A) op(B)``.

    Parameters
    ----------
    typing
        Numba's.
    function : int64
        Address of BLAS's ``sgemm``, as Fortran calls it.
    form : tuple of four int64
        1 if A is transposed, 2 if B is, or their sum; rows and columns of C; columns of op(A).
    a, b, c : int64
        Addresses of the matrices.
    adds : int64
        1 to add the product to what C holds, else 0.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        function, whole, a, b, adds, c = args
        turns, m, n, k = cgutils.unpack_tuple(builder, whole)
        letter, single = ir.IntType(8), ir.FloatType()
        pointer = letter.as_pointer()

        def at(value: ir.Value) -> ir.Value:
            slot = cgutils.alloca_once(builder, value.type)
            builder.store(value, slot)
            return builder.bitcast(slot, pointer)

        def turned(bit: int) -> ir.Value:
            return builder.icmp_signed("!=", builder.and_(turns, turns.type(bit)), turns.type(0))

        def flag(bit: int) -> ir.Value:
            return at(builder.select(turned(bit), letter(ord("t")), letter(ord("n"))))

        def address(value: ir.Value) -> ir.Value:
            return builder.inttoptr(value, pointer)

        kind = ir.FunctionType(ir.VoidType(), [pointer] * 13)
        builder.call(
            builder.inttoptr(function, kind.as_pointer()),
            [
                # Sizes have 64 bits: a BLAS that reads 32 of them finds the lower ones.
                *(flag(1), flag(2), at(m), at(n), at(k), at(single(1.0))),
                *(address(a), at(builder.select(turned(1), k, m))),
                *(address(b), at(builder.select(turned(2), n, k))),
                at(builder.uitofp(adds, single)),
                *(address(c), at(m)),
            ],
        )
        return context.get_dummy_value()

    integer = types.int64
    four = tuples(integer, 4)
    return types.none(integer, four, integer, integer, integer, integer), generate


@intrinsic
def square_roots(typing: Any, function: Any, size: Any, values: Any, roots: Any) -> Any:
    """Take square roots with a function of MKL's vector library.

    Parameters
    ----------
    typing
        Numba's.
    function, size, values, roots : int64
        Addresses of ``vmsSqrt``, of so many float32, and of what receives their roots.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        function, size, values, roots = args
        integer, long, pointer = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [integer, pointer, pointer, long])
        builder.call(
            builder.inttoptr(function, kind.as_pointer()),
            [
                builder.trunc(size, integer),
                builder.inttoptr(values, pointer),
                builder.inttoptr(roots, pointer),
                long(_MODE),
            ],
        )
        return context.get_dummy_value()

    integer = types.int64
    return types.none(*(integer,) * 4), generate


#: As torch: high accuracy, subnormals kept, no error status.
_MODE = 0x2 | 0x140000 | 0x100
