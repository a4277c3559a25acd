"""A Boltzmann machine whose visible units are real numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from thalweg.core import Energy
from thalweg.energies.boltzmann import MOST_LISTED, check_weights
from thalweg.energies.toy import LOG_2_PI
from thalweg.energies.visible_units import VisibleUnits, every_state
from thalweg.samplers import Bipartite
from thalweg.samplers.noise import bits, normal


class GaussianRestrictedBoltzmann(Energy, Bipartite):
    r"""The restricted Boltzmann machine with Gaussian visible units, hidden units summed out.

    .. math::
        E(y, h) = \sum_i \frac{(y_i - a_i)^2}{2 \sigma_i^2} - b^T h
        - \left(\frac{y}{\sigma^2}\right)^T W h, \qquad
        F(y) = \sum_i \frac{(y_i - a_i)^2}{2 \sigma_i^2}
        - \sum_j \log(1 + e^{b_j + (W^T y / \sigma^2)_j})

    Given h the visible units are normal about :math:`a + W h`: it is a mixture of 2^k wells of
    equal width. Hidden coordinates are integrated out
    (:class:`~thalweg.energies.visible_units.VisibleUnits`).

    Parameters
    ----------
    weights : Tensor
        W, (d, k).
    visible_bias : Tensor
        a, (d,).
    hidden_bias : Tensor
        b, (k,).
    log_sigma : Tensor
        (d,).

    References
    ----------
    Cho, Ilin, Raiko, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines"
    (2011), eq. 3.
    """

    def __init__(
        self, weights: Tensor, visible_bias: Tensor, hidden_bias: Tensor, log_sigma: Tensor
    ) -> None:
        super().__init__()
        check_weights("GaussianRestrictedBoltzmann", weights, visible_bias, hidden_bias)
        self.weights = nn.Parameter(weights.clone())
        self.visible_bias = nn.Parameter(visible_bias.clone())
        self.hidden_bias = nn.Parameter(hidden_bias.clone())
        self.log_sigma = nn.Parameter(log_sigma.clone())

    def field(self, y: Tensor) -> Tensor:
        """What the visible units say to each hidden one: (..., k)."""
        return (y * self.precision()) @ self.weights + self.hidden_bias

    def precision(self) -> Tensor:
        """What a visible unit's value counts where it meets the weights: (d,)."""
        return (-2 * self.log_sigma).exp()

    def own(self, y: Tensor) -> Tensor:
        """The energy of each visible unit by itself: (..., d)."""
        return 0.5 * ((y - self.visible_bias) * (-self.log_sigma).exp()).square()

    def summed(self, m: Tensor) -> Tensor:
        """The log of the integral over each visible unit, given m = W h: (..., d)."""
        rise = (self.visible_bias * m + 0.5 * m.square()) * self.precision()
        return rise + self.log_sigma + 0.5 * LOG_2_PI

    def mean_of(self, m: Tensor) -> Tensor:
        """The mean of each visible unit, given m = W h: (..., d)."""
        return self.visible_bias + m

    def draw_units(self, m: Tensor, u: Tensor) -> Tensor:
        """A draw of each visible unit, given m = W h, by numbers u from [0, 1): (..., d)."""
        edge = torch.finfo(u.dtype).eps
        return self.mean_of(m) + self.log_sigma.exp() * torch.special.ndtri(u.clamp(edge, 1 - edge))

    def which_bits(self) -> Tensor:
        return torch.zeros_like(self.visible_bias, dtype=torch.bool)

    def restricted(self, visible: Tensor) -> VisibleUnits:
        return VisibleUnits(self, visible)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        away = ((y - self.visible_bias) * (-self.log_sigma).exp()).square().sum(dim=1)
        return 0.5 * away - softplus(self.field(y)).sum(dim=1)

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        precision = (-2 * self.log_sigma).exp()
        field = self.field(y)
        value = 0.5 * ((y - self.visible_bias).square() * precision).sum(dim=1)
        grad = (y - self.visible_bias - field.sigmoid() @ self.weights.T) * precision
        return value - softplus(field).sum(dim=1), grad

    def draw_hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        return bits(self.field(y), generator)

    def draw_visible(self, hidden: Tensor, generator: torch.Generator) -> Tensor:
        mean = self.decode(hidden)
        return mean + self.log_sigma.exp() * normal(mean, generator)

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """The probability of each hidden unit: (n, k)."""
        return torch.sigmoid(self.field(y))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The mean of the visible units for hidden units (n, k): (n, d)."""
        return z @ self.weights.T + self.visible_bias

    def log_normalizer(self) -> Tensor | None:
        """Exact, by listing the hidden layer, where it has 20 units at most; else None."""
        d, k = self.weights.shape
        if k > MOST_LISTED:
            return None
        hidden = every_state(k).to(self.weights)
        mean = self.decode(hidden)
        rise = (mean.square() - self.visible_bias.square()) * (-2 * self.log_sigma).exp()
        terms = hidden @ self.hidden_bias + 0.5 * rise.sum(dim=1)
        return torch.logsumexp(terms, dim=0) + self.log_sigma.sum() + 0.5 * d * LOG_2_PI

    @torch.no_grad()
    def tempered(self, beta: float) -> GaussianRestrictedBoltzmann:
        """The machine with weights and hidden biases beta times these; at 0 they do nothing."""
        return GaussianRestrictedBoltzmann(
            beta * self.weights, self.visible_bias, beta * self.hidden_bias, self.log_sigma
        )

    def untied(self) -> Energy:
        """Where :meth:`tempered` begins: a normal density, and k log 2 for free hidden units."""
        return _Untied(self.visible_bias, self.log_sigma, len(self.hidden_bias))


class _Untied(Energy):
    """Independent normal numbers, and k hidden units that depend on nothing."""

    def __init__(self, mean: Tensor, log_sigma: Tensor, k: int) -> None:
        super().__init__()
        self.mean, self.log_sigma = mean.detach(), log_sigma.detach()
        self.free = k * math.log(2)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        away = ((y - self.mean) * (-self.log_sigma).exp()).square().sum(dim=1)
        return 0.5 * away - self.free

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        return self.mean + self.log_sigma.exp() * normal(self.mean.expand(n, -1), generator)

    def log_normalizer(self) -> Tensor:
        return self.log_sigma.sum() + 0.5 * len(self.mean) * LOG_2_PI + self.free
