r"""SiLU and its derivatives, within compiled code.

.. math::
    h(f) = f s, \quad h' = s (1 + f (1 - s)), \quad h'' = s (1 - s) (2 + f (1 - 2 s))

s is the logistic function, by an exponential of products and sums, which registers work out side by
side; its relative error is a few roundings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from thalweg.kernels.random_numbers import as_float


def _exponential_of(real: Any) -> Callable[..., Any]:
    """e^x for one type; beyond what it has numbers for, the last that it has."""
    single = real is np.float32
    word, whole = (np.uint32, np.int32) if single else (np.uint64, np.int64)
    mantissa, bias, far, terms = (23, 127, 87, 8) if single else (52, 1023, 708, 15)
    shift, offset, far = word(mantissa), whole(bias), real(far)
    log2e = real(1 / math.log(2))
    # a number so large that nothing after the point is left
    rounder = real(1.5 * 2.0**mantissa)
    # ln 2 in two parts, of which the first has few digits
    high = real(math.ldexp(math.floor(math.ldexp(math.log(2), 12)), -12))
    low = real(math.log(2) - float(high))
    series = tuple(real(1 / math.factorial(k)) for k in range(terms))[::-1]

    def exponential(x: Any) -> Any:
        x = far if x > far else x
        x = -far if x < -far else x
        n = (x * log2e + rounder) - rounder
        rest = x - n * high - n * low
        power = real(0)
        for c in series:
            power = power * rest + c
        # 2^n is an exponent's bits
        return power * as_float(word(word(whole(n) + offset) << shift))

    return exponential


_EXPONENTIAL = {32: _exponential_of(np.float32), 64: _exponential_of(np.float64)}
COMPILED: Any = {"error_model": "numpy", "fastmath": {"contract"}}


def exponential(x: Any) -> Any:
    """e^x within compiled code, in the type of x; NaN stays what it is."""
    raise NotImplementedError


@overload(exponential, jit_options=COMPILED)
def _exponential(x: Any) -> Callable[..., Any]:
    return _EXPONENTIAL[x.bitwidth]


def _silu_of(real: Any) -> Callable[..., Any]:
    """Value and derivatives for one type."""
    one, two = real(1), real(2)

    def silu(f: Any) -> Any:
        s = one / (one + exponential(-f))
        return f * s, s * (one + f * (one - s)), s * (one - s) * (two + f * (one - two * s))

    return silu


_SILU = {32: _silu_of(np.float32), 64: _silu_of(np.float64)}


def silu_twice(f: Any) -> Any:
    """Value, slope and second derivative within compiled code, in the type of f."""
    raise NotImplementedError


@overload(silu_twice, jit_options=COMPILED)
def _silu_twice(f: Any) -> Callable[..., Any]:
    return _SILU[f.bitwidth]


@numba.njit(nogil=True, cache=True, **COMPILED)
def silu(f):  # type: ignore[no-untyped-def]
    """Value and slope."""
    value, slope, _ = silu_twice(f)
    return value, slope
