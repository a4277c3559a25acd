"""An energy of real rows that is told which of their entries are words."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, Indicators


class Worded(Energy):
    """The same energy, whose words are changed as whole ones by what moves its rows.

    For energies that learned indicators as if they were numbers: over the words that there may be
    in a place, p(word | rest) is proportional to exp(-F).

    Parameters
    ----------
    energy : Energy
    indicators : Indicators
        In the units of its rows.

    Examples
    --------
    >>> from thalweg.energies import Normal
    >>> words = Indicators(((1, 3),), torch.zeros(3), torch.ones(3))
    >>> energy = Worded(Normal(torch.zeros(3), torch.eye(3)), words)
    >>> energy.indicators.mask
    tensor([False,  True,  True])
    """

    _off: Tensor
    _on: Tensor

    def __init__(self, energy: Energy, indicators: Indicators) -> None:
        super().__init__()
        self.energy = energy
        self._blocks = indicators.blocks
        self.register_buffer("_off", indicators.off, persistent=False)
        self.register_buffer("_on", indicators.on, persistent=False)
        self.beta, self.space = energy.beta, energy.space

    @property
    def indicators(self) -> Indicators:
        return Indicators(self._blocks, self._off, self._on)

    @property
    def minimizes_hidden(self) -> bool:
        return False

    def which_bits(self) -> Tensor | None:
        return self.energy.which_bits()

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(y, x)
        return value

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.energy.value_and_gradient(y, x)

    def restricted(self, visible: Tensor) -> Energy | None:
        return self.energy.restricted(visible)

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.codes(y, x)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.decode(z, x)

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.reconstruct(y, x)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.fillings(y, x)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.expect(y, x)

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        return self.energy.draw(n, generator)
