"""Densities with a closed form: for tests, for examples, and to start from."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from thalweg.core import Energy, InputError

LOG_2_PI = math.log(2 * math.pi)


class Normal(Energy):
    r"""The normal density.

    .. math::
        F(y) = \tfrac12 (y - \mu)^T \Sigma^{-1} (y - \mu), \qquad
        \log Z = \tfrac d2 \log 2\pi + \tfrac12 \log \det \Sigma

    Parameters
    ----------
    mean : Tensor
        (d,).
    covariance : Tensor, optional
        (d, d); the unit matrix by default.

    Raises
    ------
    InputError
        If the covariance is not positive definite.

    Examples
    --------
    >>> energy = Normal(torch.zeros(2))
    >>> energy(torch.tensor([[1.0, 2.0]]))
    tensor([2.5000])
    """

    mean: Tensor
    factor: Tensor
    precision: Tensor
    shift: Tensor
    pull: Tensor
    each: Tensor | None

    def __init__(self, mean: Tensor, covariance: Tensor | None = None) -> None:
        super().__init__()
        if covariance is None:
            covariance = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
        factor, failed = torch.linalg.cholesky_ex(covariance.double())
        if int(failed):
            raise InputError("Normal: covariance is not positive definite; expected (d, d) that is")
        self.register_buffer("mean", mean.clone())
        self.register_buffer("factor", factor.to(mean))
        self.register_buffer("precision", torch.cholesky_inverse(factor).to(mean))
        self.register_buffer("shift", mean @ self.precision)
        # the precision is symmetric, and a product that adds a row is one call
        self.register_buffer("pull", -self.shift, persistent=False)
        # of independent coordinates a product for each is enough
        apart = torch.equal(covariance, covariance.diagonal().diag())
        each = self.precision.diagonal().clone() if apart else None
        self.register_buffer("each", each, persistent=False)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        away = y - self.mean
        return 0.5 * torch.linalg.vecdot(self._times(away), away)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        away = y - self.mean
        grad = self._times(away)
        return 0.5 * torch.linalg.vecdot(grad, away), grad

    def gradient(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        if self.each is not None:
            return (y - self.mean) * self.each
        return linear(y, self.precision, self.pull)

    def _times(self, away: Tensor) -> Tensor:
        return away @ self.precision if self.each is None else away * self.each

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, len(self.mean), generator=generator, dtype=self.mean.dtype,
                            device=generator.device)  # fmt: skip
        return self.mean + noise.to(self.mean) @ self.factor.T

    def log_normalizer(self) -> Tensor:
        return 0.5 * len(self.mean) * LOG_2_PI + self.factor.diagonal().log().sum()


class Gumbel(Energy):
    r"""Independent Gumbel densities: skewed, with closed-form moments.

    .. math::
        F(y) = \sum_i y_i + e^{-y_i}, \qquad E[y_i] = \gamma, \quad
        \mathrm{var}\, y_i = \pi^2 / 6, \quad \log Z = 0

    Parameters
    ----------
    d : int
        Coordinates.
    """

    like: Tensor

    def __init__(self, d: int) -> None:
        super().__init__()
        self.d = d
        self.register_buffer("like", torch.zeros(()))

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return (y + (-y).exp()).sum(dim=1)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        small = (-y).exp()
        return (y + small).sum(dim=1), 1 - small

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, self.d, generator=generator, dtype=torch.float64,
                       device=generator.device)  # fmt: skip
        return -(-u.clamp(min=1e-300).log()).log().to(self.like)

    def log_normalizer(self) -> Tensor:
        return torch.zeros_like(self.like)


class NormalMixture(Energy):
    r"""Normal wells of equal width: several modes.

    .. math::
        F(y) = -\log \sum_k \pi_k e^{-\|y - \mu_k\|^2 / 2 s^2}

    Parameters
    ----------
    means : Tensor
        (k, d).
    scale : float, default 1
        s.
    weights : Tensor, optional
        (k,), that sum to 1; equal by default.
    """

    means: Tensor
    log_weights: Tensor

    def __init__(self, means: Tensor, scale: float = 1.0, weights: Tensor | None = None) -> None:
        super().__init__()
        if weights is None:
            weights = torch.full((len(means),), 1 / len(means)).to(means)
        self.register_buffer("means", means.clone())
        self.register_buffer("log_weights", weights.log())
        self.scale = scale

    def _terms(self, y: Tensor) -> Tensor:
        away = (y[:, None] - self.means).square().sum(dim=2)
        return self.log_weights - away / (2 * self.scale**2)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return -torch.logsumexp(self._terms(y), dim=1)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        terms = self._terms(y)
        center = torch.softmax(terms, dim=1) @ self.means
        return -torch.logsumexp(terms, dim=1), (y - center) / self.scale**2

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        share = self.log_weights.exp().to(generator.device)
        chosen = torch.multinomial(share, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=self.means.dtype,
                            device=generator.device)  # fmt: skip
        return self.means[chosen.to(self.means.device)] + self.scale * noise.to(self.means)

    def log_normalizer(self) -> Tensor:
        d = self.means.shape[1]
        return self.log_weights.new_tensor(0.5 * d * LOG_2_PI + d * math.log(self.scale))


class Funnel(Energy):
    r"""Neal's funnel: a coordinate that sets the width of all others.

    .. math::
        F(v, y) = \frac{v^2}{2 s^2} + \sum_{i=1}^{d-1} \Big(\tfrac12 y_i^2 e^{-v} + \tfrac12 v\Big)

    v is normal with standard deviation s, and y_i given v with variance e^v; its neck is what
    step sizes are held against.

    Parameters
    ----------
    d : int, default 10
        Coordinates, v the first.
    scale : float, default 3
        s.

    References
    ----------
    Neal, "Slice sampling" (2003), section 8.
    """

    like: Tensor

    def __init__(self, d: int = 10, scale: float = 3.0) -> None:
        super().__init__()
        self.d, self.scale = d, scale
        self.register_buffer("like", torch.zeros(()))

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        v, rest = y[:, 0], y[:, 1:]
        wide = 0.5 * (rest.square() * (-v).exp()[:, None]).sum(dim=1)
        return v.square() / (2 * self.scale**2) + wide + 0.5 * (self.d - 1) * v

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        v, rest = y[:, :1], y[:, 1:]
        slope = rest * (-v).exp()
        wide = 0.5 * (rest * slope).sum(dim=1, keepdim=True)
        along = v / self.scale**2 - wide + 0.5 * (self.d - 1)
        energy = v.square() / (2 * self.scale**2) + wide + 0.5 * (self.d - 1) * v
        return energy[:, 0], torch.cat([along, slope], dim=1)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, self.d, generator=generator, dtype=self.like.dtype,
                            device=generator.device).to(self.like)  # fmt: skip
        v = self.scale * noise[:, :1]
        return torch.cat([v, noise[:, 1:] * (v / 2).exp()], dim=1)

    def log_normalizer(self) -> Tensor:
        return self.like.new_tensor(0.5 * self.d * LOG_2_PI + math.log(self.scale))


class TwoWells(Energy):
    r"""Two wells in the first coordinate, a parabola in all others.

    .. math::
        F(y) = h (y_1^2 - 1)^2 + \tfrac12 \sum_{i > 1} y_i^2

    Parameters
    ----------
    height : float, default 4
        h, of the barrier between the wells at -1 and 1.
    """

    def __init__(self, height: float = 4.0) -> None:
        super().__init__()
        self.height = height

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        barrier = self.height * (y[:, 0].square() - 1).square()
        return barrier + 0.5 * y[:, 1:].square().sum(dim=1)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        beyond = y[:, 0].square() - 1
        grad = y.clone()
        grad[:, 0] = 4 * self.height * beyond * y[:, 0]
        energy = self.height * beyond.square() + 0.5 * y[:, 1:].square().sum(dim=1)
        return energy, grad


class Bernoulli(Energy):
    r"""Independent bits.

    .. math::
        F(y) = -\sum_i b_i y_i, \qquad \log Z = \sum_i \log(1 + e^{b_i})

    Parameters
    ----------
    logits : Tensor
        b, (d,).
    """

    space = "binary"

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return -(y @ self.logits)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, len(self.logits), generator=generator, dtype=self.logits.dtype,
                       device=generator.device).to(self.logits)  # fmt: skip
        return (u < self.logits.sigmoid()).to(u)

    def log_normalizer(self) -> Tensor:
        return torch.nn.functional.softplus(self.logits).sum()
