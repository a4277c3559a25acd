"""A Boltzmann machine of which some visible units are bits and the others real numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from thalweg.core import Energy
from thalweg.energies.boltzmann import MOST_LISTED
from thalweg.energies.gaussian_boltzmann import GaussianRestrictedBoltzmann
from thalweg.energies.rescaled import Rescaled
from thalweg.energies.visible_units import every_state
from thalweg.samplers import Bipartite
from thalweg.samplers.noise import bits, normal


class MixedRestrictedBoltzmann(GaussianRestrictedBoltzmann):
    r"""The restricted Boltzmann machine with visible bits and real numbers side by side.

    .. math::
        E(y, h) = \sum_{i \text{ real}} \frac{(y_i - a_i)^2}{2 \sigma_i^2}
        - \sum_{i \text{ bit}} a_i y_i - b^T h - \left(\frac{y}{\sigma^2}\right)^T W h

    with sigma = 1 for bits; the hidden units are summed out of F.

    Parameters
    ----------
    weights : Tensor
        W, (d, k).
    visible_bias : Tensor
        a, (d,).
    hidden_bias : Tensor
        b, (k,).
    log_sigma : Tensor
        (d,); of bits it is not looked at.
    bits : Tensor
        (d,), bool: which units are bits.

    References
    ----------
    Welling, Rosen-Zvi, Hinton, "Exponential family harmoniums with an application to information
    retrieval" (2004).
    """

    space = "mixed"
    bits: Tensor

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        log_sigma: Tensor,
        bits: Tensor,
    ) -> None:
        super().__init__(weights, visible_bias, hidden_bias, log_sigma)
        self.register_buffer("bits", bits.clone())

    def which_bits(self) -> Tensor:
        return self.bits

    def precision(self) -> Tensor:
        return torch.where(self.bits, 1, super().precision())

    def own(self, y: Tensor) -> Tensor:
        return torch.where(self.bits, -self.visible_bias * y, super().own(y))

    def summed(self, m: Tensor) -> Tensor:
        return torch.where(self.bits, softplus(self.visible_bias + m), super().summed(m))

    def mean_of(self, m: Tensor) -> Tensor:
        mean = self.visible_bias + m
        return torch.where(self.bits, mean.sigmoid(), mean)

    def draw_units(self, m: Tensor, u: Tensor) -> Tensor:
        bits = (u < (self.visible_bias + m).sigmoid()).to(m)
        return torch.where(self.bits, bits, super().draw_units(m, u))

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.own(y).sum(dim=1) - softplus(self.field(y)).sum(dim=1)

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        field = self.field(y)
        slope = torch.where(self.bits, -self.visible_bias, y - self.visible_bias)
        grad = torch.where(self.bits, slope, slope * self.precision())
        grad = grad - (field.sigmoid() @ self.weights.T) * self.precision()
        return self.own(y).sum(dim=1) - softplus(field).sum(dim=1), grad

    def draw_visible(self, hidden: Tensor, generator: torch.Generator) -> Tensor:
        m = hidden @ self.weights.T
        real = self.visible_bias + m + self.log_sigma.exp() * normal(m, generator)
        return torch.where(self.bits, bits(self.visible_bias + m, generator), real)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The mean of real visible units, the more probable state of bits: (n, d)."""
        mean = super().decode(z, x)
        return torch.where(self.bits, (mean > 0).to(mean), mean)

    def log_normalizer(self) -> Tensor | None:
        """Exact, by listing the hidden layer, where it has 20 units at most; else None."""
        if len(self.hidden_bias) > MOST_LISTED:
            return None
        hidden = every_state(len(self.hidden_bias)).to(self.weights)
        terms = hidden @ self.hidden_bias + self.summed(hidden @ self.weights.T).sum(dim=1)
        return torch.logsumexp(terms, dim=0)

    @torch.no_grad()
    def tempered(self, beta: float) -> MixedRestrictedBoltzmann:
        """The machine with weights and hidden biases beta times these; at 0 they do nothing."""
        return MixedRestrictedBoltzmann(
            beta * self.weights, self.visible_bias, beta * self.hidden_bias, self.log_sigma,
            self.bits,
        )  # fmt: skip

    def untied(self) -> Energy:
        """Where :meth:`tempered` begins: independent units, and k log 2 for free hidden ones."""
        return _Untied(self.tempered(0.0))


class _Untied(Energy):
    """A machine whose layers do not see each other."""

    space = "mixed"

    def __init__(self, machine: MixedRestrictedBoltzmann) -> None:
        super().__init__()
        self.machine = machine.requires_grad_(False)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.machine(y)
        return value

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        hidden = self.machine.hidden_bias.expand(n, -1)
        return self.machine.draw_visible(hidden, generator)

    def log_normalizer(self) -> Tensor:
        k = len(self.machine.hidden_bias)
        units = self.machine.summed(torch.zeros_like(self.machine.visible_bias)).sum()
        return units + k * softplus(torch.zeros_like(units))


class RescaledMachine(Rescaled, Bipartite):
    """A machine of standardized columns, asked in the columns' own units.

    Units that are integrated out are so in units of their own too.
    """

    def __init__(self, energy: GaussianRestrictedBoltzmann, shift: Tensor, scale: Tensor) -> None:
        super().__init__(energy, shift, scale)
        self.space = energy.space

    def which_bits(self) -> Tensor | None:
        return self.energy.which_bits()

    def draw_hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        assert isinstance(self.energy, GaussianRestrictedBoltzmann)
        return self.energy.draw_hidden(self._in(y), generator)

    def draw_visible(self, hidden: Tensor, generator: torch.Generator) -> Tensor:
        assert isinstance(self.energy, GaussianRestrictedBoltzmann)
        return self.energy.draw_visible(hidden, generator) * self.scale + self.shift

    def restricted(self, visible: Tensor) -> Rescaled:
        view = self.energy.restricted(visible)
        assert view is not None
        return _OfVisible(view, self.shift, self.scale, visible)


class _OfVisible(Rescaled):
    """What is left of a machine, and the units of what was integrated out."""

    def __init__(self, energy: Energy, shift: Tensor, scale: Tensor, visible: Tensor) -> None:
        super().__init__(energy, shift, scale)
        self.visible = visible

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        room = torch.where(self.visible, 0, self.scale.log()).sum(dim=1)
        return super().forward(y, x) - room
