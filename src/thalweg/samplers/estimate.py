"""An estimate of the metric from draws and their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from thalweg.samplers.base import State
from thalweg.samplers.metric import Diagonal, LowRank, Metric, Unit

LARGEST = 1000
"""Coordinates above which directions of their own are not looked for."""

RANK = 32
"""Directions at most."""

NOTABLE = 1.5
"""A direction is kept if its variance differs from that of its coordinates by this factor."""


def metric_from(states: Sequence[State], most: int) -> Metric:
    r"""The metric that draws y and gradients g of all chains speak for.

    Along a direction of a Gaussian the variance of the gradient is the inverse of that of y, so
    both tell of the variance, one of long directions and the other of short ones. For each
    coordinate it is

    .. math::
        s_i^2 = \sqrt{\mathrm{var}(y_i) / \mathrm{var}(g_i)}

    and in the coordinates divided by s the geometric mean of cov(y) and cov(g)^-1 gives the
    directions that differ. Without gradients, var(y) and cov(y).

    References
    ----------
    Seyboldt, Carlson, Carpenter, "Preconditioning Hamiltonian Monte Carlo by minimizing Fisher
    divergence" (2026).
    """
    y, g = _rows(states, most)
    m, d = y.shape
    if m < 4:
        return Unit()
    shape = states[0].y.shape[1:]
    # a little of the variance of one count, as if a few unit draws had been seen too
    share = m / (m + 5.0)
    variance = y.var(dim=0)
    if g is not None:
        variance = (variance / g.var(dim=0)).sqrt()
    variance = torch.where(variance.isfinite() & (variance > 0), variance, 1.0)
    scale = variance.sqrt()
    like = states[0].y
    if d == 1 or d > LARGEST or m < 2 * d:
        return Diagonal((share * variance + (1 - share) * 1e-3).to(like).reshape(shape))
    within = _correlations(y / scale, None if g is None else g * scale, d)
    values, vectors = torch.linalg.eigh(within)
    far = values.log().abs()
    chosen = far.argsort(descending=True)[:RANK]
    chosen = chosen[far[chosen] > torch.tensor(NOTABLE).log()]
    if len(chosen) == 0:
        return Diagonal(variance.to(like).reshape(shape))
    return LowRank(
        scale.to(like).reshape(shape), vectors[:, chosen].to(like), values[chosen].to(like)
    )


def _rows(states: Sequence[State], most: int) -> tuple[Tensor, Tensor | None]:
    """Draws and gradients of a window in double precision, evenly thinned: (m, d)."""
    chains = len(states[0].y)
    every = max(1, -(-len(states) * chains // most))
    # thinning along time first, for neighbours in time tell the least
    some = states[:: min(every, max(1, len(states) // 2))]
    y = torch.cat([state.y for state in some]).flatten(1).double()
    grads = [state.grad for state in some if state.grad is not None]
    return y, torch.cat(grads).flatten(1).double() if grads else None


def _correlations(y: Tensor, g: Tensor | None, d: int) -> Tensor:
    """The geometric mean of cov(y) and cov(g)^-1, each drawn a little towards the unit matrix."""
    eye = torch.eye(d, dtype=y.dtype, device=y.device)
    share = len(y) / (len(y) + 5.0 + d)
    of_y = share * torch.cov(y.T) + (1 - share) * eye
    if g is None:
        return of_y
    of_g = share * torch.cov(g.T) + (1 - share) * eye
    # A # B^-1 solves X B X = A: X = B^-1/2 (B^1/2 A B^1/2)^1/2 B^-1/2
    root, inverse = _power(of_g, 0.5), _power(of_g, -0.5)
    return inverse @ _power(root @ of_y @ root, 0.5) @ inverse


def _power(matrix: Tensor, power: float) -> Tensor:
    """A power of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh(0.5 * (matrix + matrix.T))
    return (vectors * values.clamp(min=1e-12) ** power) @ vectors.T
