"""Registers of floats kept in two bytes each: bfloat16, rounded towards zero.

Called from inside ``numba.njit`` functions only.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from thalweg.kernels.simd import vector_of


def _to_half_word(builder: Any, value: Any, shape: Any) -> Any:
    """Float to the upper 16 bits of its float32: bfloat16, rounded towards zero."""
    single, word, half = shape(ir.FloatType()), shape(ir.IntType(32)), shape(ir.IntType(16))
    if value.type != single:
        value = builder.fptrunc(value, single)
    bits = builder.bitcast(value, word)
    sixteen = ir.Constant(ir.IntType(32), 16)
    if isinstance(word, ir.VectorType):
        sixteen = ir.Constant(word, [sixteen] * word.count)
    return builder.trunc(builder.lshr(bits, sixteen), half)


@intrinsic
def shorten(typingctx: Any, value: Any) -> Any:
    """A non-negative float as bfloat16, rounded down: its bits as an unsigned integer."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _to_half_word(builder, args[0], lambda element: element)

    return types.uint16(value), generate


@intrinsic
def store_short(typingctx: Any, array: Any, offset: Any, vector: Any) -> Any:
    """Write a register of non-negative floats as bfloat16, rounded down, to a uint16 array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        halves = _to_half_word(builder, args[2], lambda e: ir.VectorType(e, vector.lanes))
        address = builder.bitcast(builder.gep(data, [args[1]]), halves.type.as_pointer())
        builder.store(halves, address).align = 2
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def load_short(typingctx: Any, array: Any, offset: Any, like: Any) -> Any:
    """Read a register, of the kind of array ``like``, from a uint16 array of bfloat16."""
    vector = vector_of(like.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        n = vector.lanes
        kind = ir.VectorType(ir.IntType(16), n)
        address = builder.bitcast(builder.gep(data, [args[1]]), kind.as_pointer())
        halves = builder.load(address)
        halves.align = 2
        word = ir.VectorType(ir.IntType(32), n)
        bits = builder.shl(builder.zext(halves, word), ir.Constant(word, [16] * n))
        value = builder.bitcast(bits, ir.VectorType(ir.FloatType(), n))
        full = ir.VectorType(context.get_value_type(like.dtype), n)
        return value if value.type == full else builder.fpext(value, full)

    return vector(array, types.intp, like), generate
