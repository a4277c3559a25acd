"""Random numbers by a counter: number i of a stream depends on the key and on i alone.

Philox, ten rounds of four words. So any number of chains, and of threads, sees the same numbers;
and as there is no state to hand on, registers work side by side: a normal number takes a tenth of
what a generator with a state takes. Additions and products alone, in an order that does not change:
the same bits on every machine.

References
----------
Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). Box, Muller, "A
note on the generation of random normal deviates" (1958).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from thalweg.kernels.threads import over_blocks

BLOCK = 64
"""Words that 16 counters give; a stream is filled in whole blocks"""

SHARED_OUT = 1 << 16
"""Blocks from which threads share the work"""

LANES = BLOCK // 4

Floats = NDArray[Any]

any_intrinsic: Callable[[Any], Any] = intrinsic
"""Numba's, whose types would ask callers for the compiler's context"""


def _bitcast(single: Any, double: Any) -> Any:
    """What reads the bits of a number as another type of its width."""

    def cast(typingctx: Any, x: Any) -> Any:
        to = single if x.bitwidth == 32 else double

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(to))

        return to(x), code

    return any_intrinsic(cast)


_as_bits = _bitcast(types.uint32, types.uint64)
as_float = _bitcast(types.float32, types.float64)


@numba.njit(inline="always")
def words(counter, stream, k0, k1):  # type: ignore[no-untyped-def]
    """Four words of 32 bits of a counter (64 bits), a stream (64 bits) and a key of two words."""
    half = np.uint64(32)
    c0, c1 = np.uint32(counter), np.uint32(np.uint64(counter) >> half)
    c2, c3 = np.uint32(stream), np.uint32(np.uint64(stream) >> half)
    for _ in range(10):
        a = np.uint64(np.uint64(0xD2511F53) * np.uint64(c0))
        b = np.uint64(np.uint64(0xCD9E8D57) * np.uint64(c2))
        c0, c1, c2, c3 = (
            np.uint32(np.uint32(b >> half) ^ c1 ^ k0), np.uint32(b),
            np.uint32(np.uint32(a >> half) ^ c3 ^ k1), np.uint32(a),
        )  # fmt: skip
        k0, k1 = np.uint32(k0 + np.uint32(0x9E3779B9)), np.uint32(k1 + np.uint32(0xBB67AE85))
    return c0, c1, c2, c3


def _of(real: Any) -> Callable[..., Any]:
    """Two normal numbers from two words of as many bits as ``real`` has."""
    single = real is np.float32
    word, whole = (np.uint32, np.int32) if single else (np.uint64, np.int64)
    mantissa, terms = (23, 5) if single else (52, 11)
    shift, bits = word(mantissa), 8 * np.dtype(real).itemsize
    below_root = np.array([math.sqrt(0.5)], real).view(word)[0]
    ln2, one, two, unit, turn = real(math.log(2)), real(1), real(2), real(2.0**-bits), real(0.5)
    odd, low, flip = word(1), word(2), real(2.0 ** (1 - bits))
    # log m = 2 (s + s^3 / 3 + ...), s = (m - 1) / (m + 1); sine and cosine of x pi / 4 by Taylor
    logs = tuple(real(1 / (2 * k + 1)) for k in range(terms))[::-1]
    quarter = math.pi / 4
    count = 5 if single else 9
    sines = tuple(
        real((-1) ** k * quarter ** (2 * k + 1) / math.factorial(2 * k + 1)) for k in range(count)
    )[::-1]
    cosines = tuple(
        real((-1) ** k * quarter ** (2 * k) / math.factorial(2 * k)) for k in range(count + 1)
    )[::-1]

    @numba.njit(inline="always")
    def pair(a, b):  # type: ignore[no-untyped-def]
        # the radius: minus twice the log of a number in (0, 1]
        u = (real(a) + turn) * unit
        lifted = word(_as_bits(u) - below_root)
        exponent = whole(lifted) >> whole(shift)
        m = as_float(word(_as_bits(u) - (word(exponent) << shift)))
        s = (m - one) / (m + one)
        square, series = s * s, real(0)
        for c in logs:
            series = series * square + c
        radius = math.sqrt(-two * (real(exponent) * ln2 + two * s * series))
        # the angle: within 45 degrees of an axis that two bits choose
        x = real(whole(b)) * flip
        square, sine, cosine = x * x, real(0), real(0)
        for c in sines:
            sine = sine * square + c
        for c in cosines:
            cosine = cosine * square + c
        sine = sine * x
        swapped = (b & odd) != word(0)
        radius = -radius if (b & low) != word(0) else radius
        return (
            radius * (-sine if swapped else cosine),
            radius * (cosine if swapped else sine),
        )

    return pair  # type: ignore[no-any-return]


single_pair, double_pair = _of(np.float32), _of(np.float64)


@numba.njit(inline="always")
def joined(a, b):  # type: ignore[no-untyped-def]
    """One word of 64 bits."""
    return (np.uint64(a) << np.uint64(32)) | np.uint64(b)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _normal_single(key, out, start, stop):  # type: ignore[no-untyped-def]
    k0, k1 = np.uint32(key), np.uint32(key >> np.uint64(32))
    for block in range(start, stop):
        to = out[BLOCK * block : BLOCK * (block + 1)]
        for i in range(LANES):
            a, b, c, d = words(np.uint64(block * LANES + i), np.uint64(0), k0, k1)
            to[i], to[LANES + i] = single_pair(a, b)
            to[2 * LANES + i], to[3 * LANES + i] = single_pair(c, d)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _normal_double(key, out, start, stop):  # type: ignore[no-untyped-def]
    k0, k1 = np.uint32(key), np.uint32(key >> np.uint64(32))
    half = BLOCK // 2
    for block in range(start, stop):
        to = out[half * block : half * (block + 1)]
        for i in range(LANES):
            a, b, c, d = words(np.uint64(block * LANES + i), np.uint64(0), k0, k1)
            to[i], to[LANES + i] = double_pair(joined(a, b), joined(c, d))


@numba.njit(nogil=True, cache=True)
def _uniform_single(key, out, start, stop):  # type: ignore[no-untyped-def]
    k0, k1 = np.uint32(key), np.uint32(key >> np.uint64(32))
    unit, shift = np.float32(2.0**-24), np.uint32(8)
    for block in range(start, stop):
        to = out[BLOCK * block : BLOCK * (block + 1)]
        for i in range(LANES):
            a, b, c, d = words(np.uint64(block * LANES + i), np.uint64(0), k0, k1)
            to[i] = np.float32(np.int32(a >> shift)) * unit
            to[LANES + i] = np.float32(np.int32(b >> shift)) * unit
            to[2 * LANES + i] = np.float32(np.int32(c >> shift)) * unit
            to[3 * LANES + i] = np.float32(np.int32(d >> shift)) * unit


@numba.njit(inline="always")
def fraction(word):  # type: ignore[no-untyped-def]
    """A number in [0, 1) from 64 bits."""
    return np.float64(np.int64(word >> np.uint64(11))) * 2.0**-53


@numba.njit(nogil=True, cache=True)
def _uniform_double(key, out, start, stop):  # type: ignore[no-untyped-def]
    k0, k1 = np.uint32(key), np.uint32(key >> np.uint64(32))
    half = BLOCK // 2
    for block in range(start, stop):
        to = out[half * block : half * (block + 1)]
        for i in range(LANES):
            a, b, c, d = words(np.uint64(block * LANES + i), np.uint64(0), k0, k1)
            to[i], to[LANES + i] = fraction(joined(a, b)), fraction(joined(c, d))


def room_for(n: int, dtype: np.dtype[Any]) -> int:
    """How many numbers whole blocks of a type hold that have n of them."""
    width = BLOCK * 4 // dtype.itemsize
    return -(-n // width) * width


def fill(key: int, out: Floats, normal: bool) -> None:
    """Fill ``out`` (whole blocks, single or double precision) with the numbers of a key.

    Standard normal ones, or from [0, 1). Threads share what is long.
    """
    if out.dtype == np.float32:
        kernel, width = _normal_single if normal else _uniform_single, BLOCK
    else:
        kernel, width = _normal_double if normal else _uniform_double, BLOCK // 2
    blocks, number = len(out) // width, np.uint64(key)
    if blocks < SHARED_OUT:
        kernel(number, out, 0, blocks)
    else:
        over_blocks(lambda start, stop: kernel(number, out, start, stop), blocks)


@numba.njit(inline="always")
def _word_at(key, place):  # type: ignore[no-untyped-def]
    """The word of a stream at a place, as :func:`fill` reads them."""
    k0, k1 = np.uint32(key), np.uint32(np.uint64(key) >> np.uint64(32))
    within = place % BLOCK
    found = words(np.uint64(place // BLOCK * LANES + within % LANES), np.uint64(0), k0, k1)
    return found[within // LANES]


@numba.njit(nogil=True, cache=True)
def single_uniform(key, i):  # type: ignore[no-untyped-def]
    """Number i of a stream, as :func:`fill` has it in single precision."""
    return np.float32(np.int32(_word_at(key, i) >> np.uint32(8))) * np.float32(2.0**-24)


@numba.njit(nogil=True, cache=True)
def double_uniform(key, i):  # type: ignore[no-untyped-def]
    """Number i of a stream, as :func:`fill` has it in double precision."""
    block, within = i // (2 * LANES), i % (2 * LANES)
    k0, k1 = np.uint32(key), np.uint32(np.uint64(key) >> np.uint64(32))
    a, b, c, d = words(np.uint64(block * LANES + within % LANES), np.uint64(0), k0, k1)
    return fraction(joined(a, b) if within < LANES else joined(c, d))
