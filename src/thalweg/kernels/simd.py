"""Vector registers inside numba kernels.

LLVM vectorizes simple loops by itself, but it will not keep a tile of accumulators and a running
minimum in registers, and that is where a fused "distance and minimum" gets its speed. This file
gives numba one type, a register of 64 bytes (16 float32 or 8 float64 lanes), and the dozen
operations the kernels need, each one LLVM instruction. LLVM splits the register on machines with
narrower units, so nothing here depends on the processor.

Everything below is called from inside ``numba.njit`` functions only.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

REGISTER_BYTES = 64


class Vector(types.Type):
    """The numba type of one register."""

    def __init__(self, dtype: types.Type, lanes: int) -> None:
        self.dtype = dtype
        self.lanes = lanes
        super().__init__(f"Vector({dtype}, {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        element = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.lanes))


def vector_of(dtype: types.Type) -> Vector:
    return Vector(dtype, REGISTER_BYTES * 8 // dtype.bitwidth)


def _element_name(dtype: types.Type) -> str:
    return ("f" if isinstance(dtype, types.Float) else "i") + str(dtype.bitwidth)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, offset: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    vector = vector_of(array_type.dtype)
    element = context.get_value_type(array_type.dtype)
    pointer = builder.gep(data, [offset])
    return builder.bitcast(pointer, ir.VectorType(element, vector.lanes).as_pointer())


def _call_elementwise(builder: Any, name: str, vector: Vector, args: Any) -> Any:
    kind = args[0].type
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(kind, [kind] * len(args)),
        f"{name}.v{vector.lanes}{_element_name(vector.dtype)}",
    )
    return builder.call(function, args)


def _call_reduction(builder: Any, name: str, vector: Vector, args: Any, flags: Any = ()) -> Any:
    element = args[-1].type.element
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(element, [a.type for a in args]),
        f"llvm.vector.reduce.{name}.v{vector.lanes}{_element_name(vector.dtype)}",
    )
    return builder.call(function, args, fastmath=flags)


@intrinsic
def lanes(typingctx: Any, array: Any) -> Any:
    """How many elements of this array one register holds (a constant)."""
    count = vector_of(array.dtype).lanes

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.IntType(64), count)

    return types.intp(array), generate


@intrinsic
def load(typingctx: Any, array: Any, offset: Any) -> Any:
    """The register that starts at ``array[offset]`` (any alignment)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *args)
        instruction = builder.load(pointer)
        instruction.align = array.dtype.bitwidth // 8
        return instruction

    return vector_of(array.dtype)(array, types.intp), generate


@intrinsic
def store(typingctx: Any, array: Any, offset: Any, vector: Any) -> Any:
    """Write a register to ``array[offset:]`` (any alignment)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        instruction = builder.store(args[2], pointer)
        instruction.align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def prefetch(typingctx: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line of ``array[offset]`` ahead of its use."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
            "llvm.prefetch.p0",
        )
        address = builder.bitcast(builder.gep(data, [args[1]]), byte)
        # for reading, to be kept in every cache, data
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def splat(typingctx: Any, array: Any, value: Any) -> Any:
    """A register of the array's element type with ``value`` in every lane."""
    vector = vector_of(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(args[1].type, vector.lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(undefined, args[1], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
        return builder.shuffle_vector(first, undefined, zeros)

    return vector(array, array.dtype), generate


@intrinsic
def spread(typingctx: Any, array: Any, offset: Any) -> Any:
    """A register with ``array[offset]`` in every lane."""
    vector = vector_of(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        value = builder.load(builder.gep(data, [args[1]]))
        kind = ir.VectorType(value.type, vector.lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
        return builder.shuffle_vector(first, undefined, zeros)

    return vector(array, types.intp), generate


@intrinsic
def iota(typingctx: Any, array: Any) -> Any:
    """A register that counts 0, 1, 2, ..."""
    vector = vector_of(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(context.get_value_type(array.dtype), vector.lanes)
        return ir.Constant(kind, list(range(vector.lanes)))

    return vector(array), generate


@intrinsic
def fused_multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, fused where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call_elementwise(builder, "llvm.fmuladd", a, args)

    return a(a, a, a), generate


def _binary(operation: str) -> Any:
    @intrinsic
    def apply(typingctx: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, operation)(*args)

        return a(a, a), generate

    return apply


add = _binary("fadd")
subtract = _binary("fsub")
multiply = _binary("fmul")
integer_add = _binary("add")


@intrinsic
def square_root(typingctx: Any, a: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call_elementwise(builder, "llvm.sqrt", a, args)

    return a(a), generate


@intrinsic
def where_greater(typingctx: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Lane by lane: ``yes`` where ``a > b``, else ``no``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return yes(a, a, yes, yes), generate


@intrinsic
def tag(typingctx: Any, a: Any, mask: Any, number: Any) -> Any:
    """The register with the bits of ``mask`` kept and those of ``number`` set, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], args[1].type)
        return builder.bitcast(builder.or_(builder.and_(bits, args[1]), args[2]), args[0].type)

    return a(a, mask, number), generate


@intrinsic
def bits_of(typingctx: Any, value: Any, like: Any) -> Any:
    """The bits of a float as an integer of the kind of array ``like``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(like.dtype))

    return like.dtype(value, like), generate


def _bits_where(operator: str) -> Any:
    @intrinsic
    def apply(typingctx: Any, a: Any, b: Any) -> Any:
        """An integer whose bit ``l`` says whether the comparison holds in lane ``l``."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            mask = builder.fcmp_ordered(operator, args[0], args[1])
            packed = builder.bitcast(mask, ir.IntType(a.lanes))
            return builder.zext(packed, ir.IntType(64))

        return types.uint64(a, a), generate

    return apply


bits_equal = _bits_where("==")
bits_less = _bits_where("<")


@intrinsic
def lowest_bit(typingctx: Any, bits: Any) -> Any:
    """The position of the lowest bit that is set."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def count_bits(typingctx: Any, bits: Any) -> Any:
    """How many bits are set."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


@intrinsic
def total(typingctx: Any, a: Any) -> Any:
    """The sum of all lanes."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = ir.Constant(args[0].type.element, -0.0)
        return _call_reduction(builder, "fadd", a, [start, args[0]], ("reassoc",))

    return a.dtype(a), generate


@intrinsic
def highest(typingctx: Any, a: Any) -> Any:
    """The largest lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call_reduction(builder, "fmax", a, [args[0]], ("nnan",))

    return a.dtype(a), generate


@intrinsic
def lowest(typingctx: Any, a: Any) -> Any:
    """The smallest lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call_reduction(builder, "fmin", a, [args[0]], ("nnan",))

    return a.dtype(a), generate


@intrinsic
def replace_lane(typingctx: Any, a: Any, lane: Any, value: Any) -> Any:
    """The register with one lane replaced."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.insert_element(args[0], args[2], args[1])

    return a(a, types.intp, a.dtype), generate


@intrinsic
def lowest_where_equal(typingctx: Any, a: Any, value: Any, index: Any) -> Any:
    """The smallest ``index`` among the lanes where ``a`` equals ``value``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        far = ir.Constant(args[2].type.element, 2**31 - 1)
        everywhere = ir.Constant(args[2].type, [far] * index.lanes)
        mask = builder.fcmp_ordered("==", args[0], args[1])
        candidates = builder.select(mask, args[2], everywhere)
        return _call_reduction(builder, "smin", index, [candidates])

    return index.dtype(a, a, index), generate
