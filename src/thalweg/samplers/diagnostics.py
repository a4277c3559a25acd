"""Do the chains agree, and how many independent draws are they worth?

Draws are ``(chains, draws, *shape)``; every answer has the shape of one draw. Computed in double
precision on the host.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


def r_hat(draws: Tensor) -> Tensor:
    r"""Rank-normalized split R-hat: 1 where chains agree; above 1.01 they do not yet.

    .. math::
        \hat R = \sqrt{\frac{N - 1}{N} + \frac{B}{N W}}

    over halves of chains, B between and W within them, of the normal scores of the ranks of the
    draws; also for the distances from the median, and the larger of both.

    Not a number for a coordinate that is the same in all draws, and for fewer than 4 draws.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Bürkner, "Rank-normalization, folding, and localization:
    an improved R-hat" (2021).
    """
    x = _split(_numbers(draws))
    far = np.abs(x - np.median(x, axis=(0, 1)))
    # where folding leaves nothing (a balanced bit), the other one tells
    return _tensor(np.fmax(_split_r_hat(_scores(x)), _split_r_hat(_scores(far))), draws)


def ess_bulk(draws: Tensor) -> Tensor:
    """Effective sample size for the middle of the distribution: of the normal scores of ranks."""
    return _tensor(_effective(_scores(_split(_numbers(draws)))), draws)


def ess_tail(draws: Tensor) -> Tensor:
    """Effective sample size for the 5% and 95% quantiles, the smaller of both."""
    x = _numbers(draws)
    sides = [
        _effective(_split((x <= np.quantile(x, q, axis=(0, 1))).astype(float)))
        for q in (0.05, 0.95)
    ]
    return _tensor(np.minimum(*sides), draws)


def ess_mean(draws: Tensor) -> Tensor:
    """Effective sample size for the mean."""
    return _tensor(_effective(_split(_numbers(draws))), draws)


def mcse_mean(draws: Tensor) -> Tensor:
    """Monte Carlo standard error of the mean: sd / sqrt(ESS)."""
    x = _numbers(draws)
    sd = x.reshape(-1, *x.shape[2:]).std(axis=0, ddof=1)
    return _tensor(sd / np.sqrt(_effective(_split(x))), draws)


def mcse_sd(draws: Tensor) -> Tensor:
    r"""Monte Carlo standard error of the standard deviation.

    With the effective size of :math:`(y - \bar y)^2` and its variance, by the delta method.
    """
    x = _numbers(draws)
    square = (x - x.mean(axis=(0, 1))) ** 2
    flat = square.reshape(-1, *x.shape[2:])
    error = flat.std(axis=0, ddof=1) / np.sqrt(_effective(_split(square)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return _tensor(error / (2 * np.sqrt(flat.mean(axis=0))), draws)


def _numbers(draws: Tensor) -> Array:
    found: Array = draws.detach().double().cpu().numpy()
    return found


def _tensor(x: Array, like: Tensor) -> Tensor:
    return torch.as_tensor(x, dtype=torch.float64).reshape(like.shape[2:])


def _split(x: Array) -> Array:
    """Halves of chains as chains: (2 chains, draws // 2, ...)."""
    half = max(x.shape[1] // 2, 1)
    return np.concatenate([x[:, :half], x[:, x.shape[1] - half :]])


def _scores(x: Array) -> Array:
    """Normal scores of ranks over all chains."""
    n = x.shape[0] * x.shape[1]
    ranks = scipy.stats.rankdata(x.reshape(n, *x.shape[2:]), axis=0)
    scores: Array = scipy.special.ndtri((ranks - 0.375) / (n + 0.25)).reshape(x.shape)
    return scores


def _split_r_hat(x: Array) -> Array:
    draws = x.shape[1]
    if draws < 2:
        return np.full(x.shape[2:], np.nan)
    within = x.var(axis=1, ddof=1).mean(axis=0)
    between = draws * x.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.sqrt((draws - 1) / draws + between / (draws * within))
    return found


def _effective(x: Array) -> Array:
    r"""Effective sample size of chains x (chains, draws, ...), by Geyer's sequence.

    Autocorrelations from all chains, summed over pairs of neighbouring lags as long as a pair is
    above 0, each pair held to be no larger than the one before.
    """
    chains, draws = x.shape[:2]
    if draws < 4:
        return np.full(x.shape[2:], np.nan)
    centered = x - x.mean(axis=1, keepdims=True)
    size = scipy.fft.next_fast_len(2 * draws)
    spectrum = scipy.fft.rfft(centered, size, axis=1)
    power = (np.abs(spectrum) ** 2).mean(axis=0)
    covariance = scipy.fft.irfft(power, size, axis=0)[:draws] / draws
    mean_variance = covariance[0] * draws / (draws - 1)
    total = mean_variance * (draws - 1) / draws
    if chains > 1:
        total = total + x.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (mean_variance - covariance) / total
    rho[0] = 1.0
    # the last lags have hardly any terms: they are not summed
    most = (draws - 3) // 2
    pairs = rho[: 2 * most].reshape(most, 2, *rho.shape[1:]).sum(axis=1)
    falling = np.minimum.accumulate(pairs, axis=0)
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    length = 2 * (falling * positive).sum(axis=0) - 1
    # of the pair that ends the sequence, the even lag
    ending = positive.sum(axis=0)
    length = length + np.maximum(np.take_along_axis(rho[0::2], ending[None], axis=0)[0], 0)
    n = chains * draws
    length = np.maximum(length, 1 / math.log10(n))
    found: Array = np.where(total > 0, n / length, np.nan)
    return found
