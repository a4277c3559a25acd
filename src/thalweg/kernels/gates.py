"""SiLU, h(f) = f s(f), and its slope, h'(f) = s(f) (1 + f (1 - s(f))), with what is next to them.

s is the logistic function, by an exponential of products and sums, which registers work out side by
side; its relative error is a few roundings. A layer of few inputs, on the way there or back, is no
more work than the nonlinearity is, and is done beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from thalweg.kernels.random_numbers import as_float
from thalweg.kernels.threads import over_blocks

SHARED_OUT = 1 << 19
"""Numbers from which threads share the work"""


def _silu_of(real: Any) -> Callable[..., Any]:
    """Value and slope for one type."""
    single = real is np.float32
    word, whole = (np.uint32, np.int32) if single else (np.uint64, np.int64)
    mantissa, bias, far, terms = (23, 127, 87, 8) if single else (52, 1023, 708, 15)
    shift, offset, far = word(mantissa), whole(bias), real(far)
    log2e, one = real(1 / math.log(2)), real(1)
    # a number so large that nothing after the point is left
    rounder = real(1.5 * 2.0**mantissa)
    # ln 2 in two parts, of which the first has few digits
    high = real(math.ldexp(math.floor(math.ldexp(math.log(2), 12)), -12))
    low = real(math.log(2) - float(high))
    series = tuple(real(1 / math.factorial(k)) for k in range(terms))[::-1]

    def silu(f: Any) -> Any:
        x = -f
        x = far if x > far else x
        x = -far if x < -far else x
        n = (x * log2e + rounder) - rounder
        rest = x - n * high - n * low
        power = real(0)
        for c in series:
            power = power * rest + c
        # 2^n is an exponent's bits
        s = one / (one + power * as_float(word(word(whole(n) + offset) << shift)))
        return f * s, s * (one + f * (one - s))

    return silu


_SILU = {32: _silu_of(np.float32), 64: _silu_of(np.float64)}


def silu(f: Any) -> Any:
    """Value and slope within compiled code, in the type of f."""
    raise NotImplementedError


@overload(silu, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _silu(f: Any) -> Callable[..., Any]:
    return _SILU[f.bitwidth]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _gate(field, value, slope, start, stop):  # type: ignore[no-untyped-def]
    """Value and slope of fields."""
    f, h, up = field[start:stop], value[start:stop], slope[start:stop]
    for i in range(len(f)):
        h[i], up[i] = silu(f[i])


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _first(y, weight, bias, value, slope, start, stop):  # type: ignore[no-untyped-def]
    """Value and slope of a layer of few inputs."""
    columns, f = weight.T.copy(), np.empty_like(bias)
    for i in range(start, stop):
        for j in range(len(f)):
            f[j] = bias[j]
        for k in range(len(columns)):
            c, column = y[i, k], columns[k]
            for j in range(len(f)):
                f[j] += c * column[j]
        h, up = value[i], slope[i]
        for j in range(len(f)):
            h[j], up[j] = silu(f[j])


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _last(field, weight, start, stop):  # type: ignore[no-untyped-def]
    """Fields become the slope times what each counts."""
    for i in range(start, stop):
        f = field[i]
        for j in range(len(f)):
            f[j] = weight[j] * silu(f[j])[1]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _back(grad, slope, weight, out, start, stop):  # type: ignore[no-untyped-def]
    """Through a nonlinearity and a layer of few inputs."""
    columns, through = weight.T.copy(), np.empty(len(weight), weight.dtype)
    for i in range(start, stop):
        g, up = grad[i], slope[i]
        for j in range(len(through)):
            through[j] = g[j] * up[j]
        for k in range(len(columns)):
            column = columns[k]
            total = through[0] * column[0]
            for j in range(1, len(through)):
                total += through[j] * column[j]
            out[i, k] = total


def _shared(kernel: Callable[..., None], n: int, size: int, *arrays: NDArray[Any]) -> None:
    if size < SHARED_OUT:
        kernel(*arrays, 0, n)
    else:
        over_blocks(lambda start, stop: kernel(*arrays, start, stop), n)


def fill_silu(field: NDArray[Any], value: NDArray[Any], slope: NDArray[Any]) -> None:
    """Fill ``value`` and ``slope`` for ``field``, all of one shape, type and order, in a row."""
    flat = field.reshape(-1), value.reshape(-1), slope.reshape(-1)
    _shared(_gate, field.size, field.size, *flat)


def fill_first(
    y: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any], value: NDArray[Any],
    slope: NDArray[Any],
) -> None:  # fmt: skip
    """Value and slope (n, h) after a layer of weight (h, d), for rows (n, d) of few columns."""
    _shared(_first, len(y), value.size, y, weight, bias, value, slope)


def slope_times(field: NDArray[Any], weight: NDArray[Any]) -> None:
    """Fields (n, h) become their slope times the weight (h,) of each, in place."""
    _shared(_last, len(field), field.size, field, weight)


def fill_back(
    grad: NDArray[Any], slope: NDArray[Any], weight: NDArray[Any], out: NDArray[Any]
) -> None:
    """A gradient (n, h) through slopes (n, h) and a layer of weight (h, d): (n, d), d small."""
    _shared(_back, len(grad), grad.size, grad, slope, weight, out)
