"""The variational autoencoder as an energy."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Integer, parameter
from thalweg.energies import GaussianNoise, Reconstruction
from thalweg.estimators.tables.autoencoder import Autoencoder
from thalweg.estimators.tables.model import MeanScoreMixin, SamplesMixin
from thalweg.latents import FreeEnergy, Gaussian, GaussianEncoder
from thalweg.objectives import Objective, VariationalBound


class VariationalAutoencoder(MeanScoreMixin, SamplesMixin, Autoencoder):
    r"""A variational autoencoder: the free energy of a Gaussian code, by importance sampling.

    .. math::
        E(y, z) = \frac{\|y - g(z)\|^2}{2 \sigma^2} + d \log(\sigma\sqrt{2\pi}) + \tfrac12 \|z\|^2,
        \qquad
        F(y) = -\log \frac1m \sum_{i=1}^m \frac{e^{-E(y, z_i)}}{q(z_i | y)}, \quad z_i \sim q

    trained by the variational bound. F is an estimate of minus the log-likelihood (up to the
    constant of the prior) in units of standardized columns. Codes are the means of q. Noise on the
    code limits how much it can say. NaN entries are hidden.

    References
    ----------
    Kingma and Welling (2014); Burda, Grosse, Salakhutdinov (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import VariationalAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(200, 1)) * [[1.0, 2.0, 3.0]]
    >>> model = VariationalAutoencoder(n_components=1, n_steps=300, random_state=0).fit(X)
    >>> model.sample(5, random_state=0).shape
    (5, 3)
    """

    n_draws: int = parameter(
        "m, draws of z that F is estimated from.", Integer(1, high=100_000), default=32
    )

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        k = self.n_components
        solver = GaussianEncoder(self._encoder(d, 2 * k, generator), k, self.n_draws)
        decoder = self._decoder(d, generator)
        energy = Reconstruction(decoder, Gaussian(k), self._cost(GaussianNoise()))
        return FreeEnergy(energy, solver, beta=1.0)

    def _objective(self, sample: Tensor) -> Objective:
        return VariationalBound()
