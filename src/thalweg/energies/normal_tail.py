"""log of the normal distribution function, far into its tail."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from thalweg.core import values_known

TERMS = 32
"""Chebyshev coefficients, with which the logarithm is right to 1e-14"""


def log_ndtr(x: Tensor) -> Tensor:
    r""":math:`\log \Phi(x)` of numbers in double precision, as ``torch.special.log_ndtr``.

    Where values are not known (``torch.export``, ``vmap``), in operations that every format has:
    :math:`\operatorname{erfc}(t) = u\, e^{-t^2 + P(u)}, u = 2 / (2 + t)`, for t of at least 0.

    References
    ----------
    Schonfelder, "Chebyshev expansions for the error and related functions" (1978), its idea.
    """
    if values_known(x):
        value: Tensor = torch.special.log_ndtr(x)
        return value
    t = x.abs() / math.sqrt(2)
    u = 2 / (2 + t)
    at, first, second = 2 * u - 1, torch.zeros_like(u), torch.zeros_like(u)
    lowest, *others = _coefficients()
    for c in reversed(others):
        first, second = 2 * at * first - second + c, first
    half_erfc = u.log() - t.square() + at * first - second + lowest - math.log(2)
    return torch.where(x < 0, half_erfc, torch.log(1 - half_erfc.exp()))


@cache
def _coefficients() -> tuple[float, ...]:
    """Of P on [-1, 1], where 2 u - 1 runs."""
    import numpy as np
    from numpy.polynomial.chebyshev import chebinterpolate
    from numpy.typing import NDArray
    from scipy.special import erfcx

    def p(at: NDArray[np.float64]) -> NDArray[np.float64]:
        u = np.maximum((at + 1) / 2, 1e-300)
        t = 2 / u - 2
        return np.asarray(np.log(erfcx(t) / u))

    found = chebinterpolate(p, TERMS - 1)  # type: ignore[type-var]
    return tuple(map(float, found))
