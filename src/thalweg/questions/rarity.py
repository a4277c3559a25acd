"""How rare an energy is among those of rows that were not learned from."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError


def p_values(
    energies: NDArray[np.floating],
    calibration: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    r"""Conformal p-values: how often a row like those of the calibration has as high an energy.

    .. math::
        p(y) = \frac{1 + \#\{i : F(y_i) \ge F(y)\}}{n + 1}

    For a row that comes as the calibration rows do, the probability of p <= t is at most t,
    whatever the energy is like, if none of them was learned from.

    Parameters
    ----------
    energies : array (m,)
    calibration : array (n,)
        Energies of rows that were not learned from; equal ones count as at least as high.
    weight : array (n,), optional
        How many rows each of them stands for.

    Returns
    -------
    array (m,)

    References
    ----------
    Vovk, Gammerman, Shafer, "Algorithmic learning in a random world" (2005).

    Examples
    --------
    >>> p_values(np.array([0.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0]))
    array([1.  , 0.5 , 0.25])
    """
    # calibrations that are saved are finite: what is beyond all numbers is as high as the highest
    energies = np.minimum(np.asarray(energies, np.float64), np.finfo(np.float64).max)
    order = np.argsort(calibration, kind="stable")
    each = np.ones(len(order)) if weight is None else np.asarray(weight, np.float64)[order]
    above = np.append(np.cumsum(each[::-1])[::-1], 0.0)
    at_least = above[np.searchsorted(calibration[order], energies, side="left")]
    return (1 + at_least) / (1 + each.sum())


def discoveries(p: NDArray[np.floating], fdr: float) -> NDArray[np.bool_]:
    r"""Which of many p-values to call discoveries, so that the share of false ones is small.

    The k smallest, for the largest k with :math:`p_{(k)} \le k q / m`: among them the expected
    share of rows that are like the calibration is at most q. That holds for conformal p-values
    too, which share their calibration (Bates et al., theorem 2).

    Parameters
    ----------
    p : array (m,)
    fdr : float
        q, the false discovery rate.

    References
    ----------
    Benjamini, Hochberg, "Controlling the false discovery rate" (1995); Bates, Candes, Lei, Romano,
    Sesia, "Testing for outliers with conformal p-values", Annals of Statistics 51 (2023).

    Examples
    --------
    >>> discoveries(np.array([0.001, 0.9, 0.03, 0.02]), 0.1)
    array([ True, False,  True,  True])
    """
    _check_rate("fdr", fdr)
    ranked = np.sort(p)
    below = np.flatnonzero(ranked <= fdr * np.arange(1, len(p) + 1) / max(1, len(p)))
    return p <= ranked[below[-1]] if len(below) else np.zeros(len(p), dtype=bool)


def adjusted(p: NDArray[np.floating], n: int, delta: float) -> NDArray[np.float64]:
    r"""Conformal p-values that are right for the calibration rows that there happen to be.

    A plain one is right on average over calibrations. With probability 1 - delta over these,
    P(p <= t) <= t holds for all t at once for the adjusted ones:

    .. math::
        h(p) = b_{\lceil (n + 1) p \rceil}, \quad
        b_{n+1-i} = 1 - \delta^{2/n}
        \left(\frac{i (i-1) \cdots (i - n/2 + 1)}{n (n-1) \cdots (n - n/2 + 1)}\right)^{2/n}

    Parameters
    ----------
    p : array (m,)
        By a calibration of n rows.
    n : int
    delta : float

    References
    ----------
    Bates et al. (2023), section 3 (Simes adjustment).
    """
    _check_rate("delta", delta)
    k = max(1, n // 2)
    i = np.arange(1, n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(i))])  # of factorials
    top = np.where(i >= k, logs[i] - logs[np.maximum(i - k, 0)], -math.inf)
    b = 1 - np.exp((math.log(delta) + top - (logs[n] - logs[n - k])) / k)
    table = np.append(b[::-1], 1.0)
    return table[np.clip(np.ceil((n + 1) * p - 1e-9).astype(int), 1, n + 1) - 1]


def _check_rate(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1:
        raise InputError(f"{name} must be between 0 and 1, got {value!r}")
