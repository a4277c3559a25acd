"""Square independent component analysis."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from thalweg.core import Energy, InputError, is_exporting


class IndependentSources(Energy):
    r"""As many independent sources as columns, mixed by a square matrix.

    .. math::
        F(y) = \sum_i g_i\bigl((yW)_i - b_i\bigr) - \log|\det W|, \qquad
        g(s) = \begin{cases}
            \log\cosh s + \log\pi & \text{heavy tails}\\
            \tfrac12 s^2 - \log\cosh s + \tfrac12 + \tfrac12\log 2\pi & \text{light tails}
        \end{cases}

    Both g are minus the logarithm of a density (the hyperbolic secant; the mixture of two unit
    normals at -1 and 1), so F is minus the log-likelihood of y.

    Parameters
    ----------
    weight : Tensor
        W, (d, d): column i gives source i.
    offset : Tensor
        b, (d,).
    heavy : Tensor
        (d,), bool: which sources have heavy tails.

    References
    ----------
    Bell and Sejnowski (1995); Lee, Girolami, Sejnowski, "Independent component analysis using an
    extended infomax algorithm" (1999).

    Examples
    --------
    >>> import torch
    >>> energy = IndependentSources(torch.eye(1), torch.zeros(1), torch.tensor([True]))
    >>> y = torch.linspace(-40, 40, 8001)[:, None]
    >>> round(float(torch.exp(-energy(y)).sum().detach() * 0.01), 4)
    1.0
    """

    heavy: Tensor

    def __init__(self, weight: Tensor, offset: Tensor, heavy: Tensor) -> None:
        super().__init__()
        if weight.ndim != 2 or weight.shape[0] != weight.shape[1]:
            raise InputError(
                f"IndependentSources: weight has shape {tuple(weight.shape)}; expected (d, d)"
            )
        self.weight = nn.Parameter(weight.clone())
        self.offset = nn.Parameter(offset.clone())
        self.register_buffer("heavy", heavy.clone())

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        # in double: far from 0 the two terms cancel
        return (y.double() @ self.weight.double() - self.offset.double()).to(y)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        return torch.linalg.solve(self.weight.T, (z + self.offset).T).T

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        penalty = source_penalty(self.codes(y), self.heavy).sum(dim=-1)
        return penalty - log_volume(self.weight)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        shape, kind = (n, len(self.offset)), self.weight.dtype
        u = torch.rand(shape, generator=generator, dtype=kind, device=generator.device)
        e = torch.randn(shape, generator=generator, dtype=kind, device=generator.device)
        u, e = u.to(self.weight), e.to(self.weight)
        # the quantile function of the hyperbolic secant; a sign and a unit normal
        tails = torch.asinh(torch.tan(math.pi * (u.clamp(1e-7, 1 - 1e-7) - 0.5)))
        return self.decode(torch.where(self.heavy, tails, torch.sign(u - 0.5) + e))


def log_volume(weight: Tensor) -> Tensor:
    """log abs det of a matrix (d, d): ()."""
    if not is_exporting():
        volume: Tensor = torch.linalg.slogdet(weight).logabsdet
        return volume
    # in operations that every format has: half the log pivots of W W^T, which needs no pivoting
    left = weight.double() @ weight.double().T
    total = left.new_zeros(())
    for _ in range(len(weight)):
        pivot, column = left[0, 0], left[1:, 0]
        total = total + 0.5 * pivot.log()
        left = left[1:, 1:] - column[:, None] * column / pivot
    return total.to(weight)


def source_penalty(s: Tensor, heavy: Tensor) -> Tensor:
    """g of each source value (..., d)."""
    # log cosh s without overflow
    log_cosh = s.abs() - logsigmoid(2 * s.abs()) - math.log(2)
    light = 0.5 * s.square() - log_cosh + 0.5 + 0.5 * math.log(2 * math.pi)
    return torch.where(heavy, log_cosh + math.log(math.pi), light)
