"""What autoencoders as energies share."""

from __future__ import annotations

import torch

from thalweg.core import Integer, Sizes, learned, parameter
from thalweg.energies import Cost, Perceptron, Rescaled, SquaredError
from thalweg.energies.inside import reconstruction_of
from thalweg.estimators.tables.gradient_model import StartingRowsModel
from thalweg.estimators.tables.model import CodesMixin
from thalweg.estimators.tables.words import network_cost
from thalweg.training.start import Start

KEPT = 128
"""Training rows that ``complete`` may start from."""

LOOKED_AT = 1024
"""Rows that an objective looks at before training."""


class Autoencoder(CodesMixin, StartingRowsModel):
    """An encoder f, a decoder g, and F(y) = E(y, f(y))."""

    n_components: int = parameter("Size of z.", Integer(1, high=100_000), default=16, kw_only=False)
    hidden: tuple[int, ...] = parameter(
        "Widths of the encoder's hidden layers; the decoder has them in reverse.",
        Sizes(high=1_000_000),
        default=(128,),
    )

    energy_: Rescaled = learned()

    def _encoder(
        self, d: int, out: int, generator: torch.Generator, detail: float = 1.0
    ) -> Perceptron:
        return Perceptron((d, *self.hidden, out), generator=generator, detail=detail)

    def _decoder(self, d: int, generator: torch.Generator, code: int | None = None) -> Perceptron:
        size = self.n_components if code is None else code
        return Perceptron((size, *reversed(self.hidden), d), generator=generator)

    def _cost(self, numbers: Cost | None = None) -> Cost:
        """C: of numbers, the squared error if none is said; of the words of a table -log p."""
        return network_cost(self._space, SquaredError() if numbers is None else numbers)

    def _keep(self, start: Start) -> None:
        order = torch.randperm(len(start.source), generator=start.seeds.model)
        self._keep_rows(start, order[:KEPT])
        start.looked_at = order[:LOOKED_AT].numpy()

    @property
    def _n_features_out(self) -> int:
        return int(reconstruction_of(self.energy_).latent.shape[0])
