"""Boltzmann machines: energies of binary units."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from thalweg.core import Energy, InputError
from thalweg.core.compiled import LIKE
from thalweg.energies.toy import Bernoulli
from thalweg.energies.visible_units import VisibleUnits, every_state
from thalweg.samplers import Bipartite
from thalweg.samplers.native import KINDS
from thalweg.samplers.noise import STEP, bits, key_of, stream_of

MOST_LISTED = 20
"""Units of the smaller layer up to which log Z is summed exactly."""


AT_ONCE = 1 << 17
"""Numbers that come to be in one call at most"""

SHARED_OUT = 1 << 20
"""Products of a sweep from which threads share the work"""


def check_weights(owner: str, weights: Tensor, visible_bias: Tensor, hidden_bias: Tensor) -> None:
    """A weight for each pair of a visible and a hidden unit, or :class:`InputError`."""
    if weights.shape != (len(visible_bias), len(hidden_bias)):
        raise InputError(
            f"{owner}: weights are {tuple(weights.shape)}; expected "
            f"({len(visible_bias)}, {len(hidden_bias)}), as many as the biases"
        )


class RestrictedBoltzmann(Energy, Bipartite):
    r"""The restricted Boltzmann machine, its hidden units summed out.

    .. math::
        E(y, h) = -a^T y - b^T h - y^T W h, \qquad
        F(y) = -a^T y - \sum_j \log(1 + e^{b_j + (y^T W)_j})

    Hidden coordinates are summed out (:class:`~thalweg.energies.visible_units.VisibleUnits`).

    Parameters
    ----------
    weights : Tensor
        W, (d, k).
    visible_bias : Tensor
        a, (d,).
    hidden_bias : Tensor
        b, (k,).

    References
    ----------
    Smolensky, "Information processing in dynamical systems: foundations of harmony theory" (1986).
    """

    space = "binary"

    def __init__(self, weights: Tensor, visible_bias: Tensor, hidden_bias: Tensor) -> None:
        super().__init__()
        check_weights("RestrictedBoltzmann", weights, visible_bias, hidden_bias)
        self.weights = nn.Parameter(weights.clone())
        self.visible_bias = nn.Parameter(visible_bias.clone())
        self.hidden_bias = nn.Parameter(hidden_bias.clone())

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        hidden = softplus(y @ self.weights + self.hidden_bias)
        return -(y @ self.visible_bias) - hidden.sum(dim=1)

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        field = y @ self.weights + self.hidden_bias
        energy = -(y @ self.visible_bias) - softplus(field).sum(dim=1)
        return energy, -self.visible_bias - field.sigmoid() @ self.weights.T

    def draw_hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        return bits(torch.addmm(self.hidden_bias, y, self.weights), generator)

    def draw_visible(self, hidden: Tensor, generator: torch.Generator) -> Tensor:
        return bits(torch.addmm(self.visible_bias, hidden, self.weights.T), generator)

    def sweeps(
        self, y: Tensor, n_sweeps: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        parts = self.weights, self.visible_bias, self.hidden_bias
        ours = all(getattr(type(self), name) is own for name, own in _OWN.items())
        if not ours or y.dtype not in KINDS or not all(
            each.is_cpu and each.dtype == y.dtype and each.is_contiguous() for each in parts
        ):  # fmt: skip
            yield from super().sweeps(y, n_sweeps, generator)
            return
        while n_sweeps:
            some = min(n_sweeps, max(1, AT_ONCE // max(1, y.numel())))
            visible, energy = self._some_sweeps(y, some, generator)
            yield from zip(visible, energy, strict=True)
            y, n_sweeps = visible[-1], n_sweeps - some

    def _some_sweeps(
        self, y: Tensor, n_sweeps: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """In one loop: ``(sweeps, n, d)`` and (sweeps, n)."""
        from thalweg.kernels.machine import sweeps  # compiled: slow to import
        from thalweg.kernels.threads import over_blocks

        (d, k), n, kind = self.weights.shape, len(y), KINDS[y.dtype]
        parts = self.weights, self.visible_bias, self.hidden_bias
        hidden, visible = np.empty((n_sweeps, n * k), kind), np.empty((n_sweeps, n * d), kind)
        for h, v in zip(hidden, visible, strict=True):
            h[:] = stream_of(key_of(generator), n * k, kind, normal=False)
            v[:] = stream_of(key_of(generator), n * d, kind, normal=False)
        energy = y.new_empty(n_sweeps, n)
        how = (
            LIKE[y.dtype], *(each.data_ptr() for each in parts), d, k, STEP[y.dtype] / 2,
            y.detach().contiguous().numpy().reshape(-1), hidden, visible, energy.numpy(),
        )  # fmt: skip
        if n_sweeps * n * d * k < SHARED_OUT:
            sweeps(*how, 0, n)
        else:
            over_blocks(lambda start, stop: sweeps(*how, start, stop), n, 128 // kind.itemsize)
        return torch.from_numpy(visible).view(n_sweeps, n, d), energy

    def log_normalizer(self) -> Tensor | None:
        """Exact, by listing the smaller layer, where it has 20 units at most; else None."""
        d, k = self.weights.shape
        if min(d, k) > MOST_LISTED:
            return None
        if d <= k:
            return torch.logsumexp(-self(every_state(d).to(self.weights)), dim=0)
        hidden = every_state(k).to(self.weights)
        field = softplus(hidden @ self.weights.T + self.visible_bias).sum(dim=1)
        return torch.logsumexp(hidden @ self.hidden_bias + field, dim=0)

    def flipped(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        # the fields of the hidden units change by one row of W: no product for each flip
        step = 1 - 2 * y
        field = (y @ self.weights + self.hidden_bias)[:, None]
        hidden = softplus(field + step[:, :, None] * self.weights).sum(dim=2)
        own = (y @ self.visible_bias)[:, None] + step * self.visible_bias
        return -own - hidden

    def restricted(self, visible: Tensor) -> VisibleUnits:
        return VisibleUnits(self, visible)

    def which_bits(self) -> Tensor:
        return torch.ones_like(self.visible_bias, dtype=torch.bool)

    def field(self, y: Tensor) -> Tensor:
        """What the visible units say to each hidden one: (..., k)."""
        return y @ self.weights + self.hidden_bias

    def precision(self) -> Tensor:
        """What a visible unit's value counts where it meets the weights: (d,)."""
        return torch.ones_like(self.visible_bias)

    def own(self, y: Tensor) -> Tensor:
        """The energy of each visible unit by itself: (..., d)."""
        return -self.visible_bias * y

    def summed(self, m: Tensor) -> Tensor:
        """The log of the sum over each visible unit, given m = W h: (..., d)."""
        return softplus(self.visible_bias + m)

    def mean_of(self, m: Tensor) -> Tensor:
        """The mean of each visible unit, given m = W h: (..., d)."""
        return torch.sigmoid(self.visible_bias + m)

    def draw_units(self, m: Tensor, u: Tensor) -> Tensor:
        """A draw of each visible unit, given m = W h, by numbers u from [0, 1): (..., d)."""
        return (u < self.mean_of(m)).to(m)

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """The probability of each hidden unit: (n, k)."""
        return torch.sigmoid(y @ self.weights + self.hidden_bias)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The more probable state of each visible unit for hidden units (n, k): (n, d)."""
        return (z @ self.weights.T + self.visible_bias > 0).to(z)

    def untied(self, base: Tensor) -> Energy:
        """Where :meth:`tempered` begins: independent bits with logits ``base`` (d,).

        Its hidden units are free, and add k log 2 to log Z.
        """
        return _Untied(base, len(self.hidden_bias))

    @torch.no_grad()
    def tempered(self, beta: float, base: Tensor) -> RestrictedBoltzmann:
        r"""A machine between independent bits (beta = 0) and this one (beta = 1).

        Its weights and hidden biases are beta times these, its visible biases
        :math:`(1 - \beta) \text{base} + \beta a`; at 0 it is ``untied(base)``. A path for annealed
        importance sampling.

        References
        ----------
        Salakhutdinov, Murray, "On the quantitative analysis of deep belief networks" (2008).
        """
        return RestrictedBoltzmann(
            beta * self.weights,
            (1 - beta) * base + beta * self.visible_bias,
            beta * self.hidden_bias,
        )


_OWN = {
    name: vars(RestrictedBoltzmann)[name] for name in ("forward", "draw_hidden", "draw_visible")
}
"""What a sweep in one loop stands for: a class of one's own may have others"""


class _Untied(Bernoulli):
    """Bits, and k hidden units that depend on nothing."""

    def __init__(self, logits: Tensor, k: int) -> None:
        super().__init__(logits)
        self.free = k * math.log(2)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return super().forward(y, x) - self.free

    def log_normalizer(self) -> Tensor:
        return super().log_normalizer() + self.free


class Ising(Energy):
    r"""Spins that like to agree with their neighbours; y in {0, 1}, spins s = 2 y - 1.

    .. math::
        F(y) = -\tfrac12 s^T J s - h^T s

    Parameters
    ----------
    coupling : Tensor
        J, (d, d), symmetric with a diagonal of 0.
    field : Tensor
        h, (d,).
    """

    space = "binary"
    coupling: Tensor
    field: Tensor

    def __init__(self, coupling: Tensor, field: Tensor) -> None:
        super().__init__()
        self.register_buffer("coupling", coupling.clone())
        self.register_buffer("field", field.clone())

    @classmethod
    def grid(cls, rows: int, columns: int, strength: float, field: float = 0.0) -> Ising:
        """A grid whose neighbours, up and down, left and right, have the same coupling."""
        d = rows * columns
        coupling = torch.zeros(d, d, dtype=torch.float64)
        for i in range(d):
            for j in (i + 1 if (i + 1) % columns else d, i + columns):
                if j < d:
                    coupling[i, j] = coupling[j, i] = strength
        return cls(coupling, torch.full((d,), field, dtype=torch.float64))

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        spins = 2 * y - 1
        pairs = 0.5 * ((spins @ self.coupling) * spins).sum(dim=1)
        return -pairs - spins @ self.field

    def log_normalizer(self) -> Tensor | None:
        """Exact, by listing all states, where there are 20 spins at most; else None."""
        if len(self.field) > MOST_LISTED:
            return None
        return torch.logsumexp(-self(every_state(len(self.field)).to(self.field)), dim=0)
