"""Autoencoders whose code, or whose reconstruction, is held back: three energies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import Real, changed, parameter
from thalweg.energies import Reconstruction, Saturating, UnitAtoms
from thalweg.estimators.tables.autoencoder import Autoencoder
from thalweg.latents import Encoder, Flat, FreeEnergy, Sparse
from thalweg.objectives import Contraction, Objective, PushDown, Saturation


class SparseAutoencoder(Autoencoder):
    r"""A sparse autoencoder: a linear decoder, and codes that are mostly zero.

    .. math::
        E(y, z) = \|y - g(z)\|^2 + a \|z\|_1, \quad z \ge 0, \qquad F(y) = E(y, f(y))

    The penalty limits how much the code can say. NaN entries are hidden. There is no ``sample``:
    exp(-F) has no exact way to draw from.

    References
    ----------
    Ranzato, Poultney, Chopra, LeCun, "Efficient learning of sparse representations with an
    energy-based model" (2006).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import SparseAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> codes = SparseAutoencoder(8, n_steps=200, random_state=0).fit(X).transform(X)
    >>> bool((codes >= 0).all() and (codes == 0).any())
    True
    """

    n_components: int = changed(default=64, kw_only=False)
    alpha: float = parameter("a, in units of standardized columns.", Real(0), default=0.1)

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        network = nn.Sequential(self._encoder(d, self.n_components, generator), nn.ReLU())
        space = Sparse(self.n_components, float(self.alpha), nonnegative=True)
        # atoms of unit length, or the penalty would be escaped by small codes and long atoms
        decoder = UnitAtoms(self.n_components, d, generator)
        return FreeEnergy(Reconstruction(decoder, space, self._cost()), Encoder(network))

    def _objective(self, sample: Tensor) -> Objective:
        return PushDown()


class ContractiveAutoencoder(Autoencoder):
    r"""A contractive autoencoder: the reconstruction moves as little as it can with the row.

    For codes that change along the data alone, and surfaces of few columns. Wide codes bring back
    what is far away too, so that how unusual a row is :class:`AnomalyDetector` says.

    .. math::
        F(y) = \|y - g(f(y))\|^2, \quad \text{trained with} \quad
        + \lambda \left\| \frac{\partial g(f(y))}{\partial y} \right\|_F^2

    NaN entries are hidden: the code is the best for the visible ones. There is no ``sample``:
    exp(-F) has no exact way to draw from.

    References
    ----------
    Rifai, Vincent, Muller, Glorot, Bengio (2011); Alain and Bengio (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import ContractiveAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(200, 1)) * [[1.0, 2.0]]
    >>> model = ContractiveAutoencoder(2, n_steps=300, random_state=0).fit(X)
    >>> bool(model.energy([[1.0, 2.0]])[0] < model.energy([[1.0, -2.0]])[0])
    True
    """

    contraction: float = parameter(
        "Lambda, the weight of the reconstruction's slope.", Real(0), default=0.1
    )

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        network = self._encoder(d, self.n_components, generator)
        decoder = self._decoder(d, generator)
        return FreeEnergy(
            Reconstruction(decoder, Flat(self.n_components), self._cost()), Encoder(network)
        )

    def _objective(self, sample: Tensor) -> Objective:
        return Contraction(self.contraction)


class SaturatingAutoencoder(Autoencoder):
    r"""A saturating autoencoder: activations stay where they are flat.

    For codes that are mostly switched on or off. How unusual a row is :class:`AnomalyDetector` says
    better, and what is missing :class:`Imputer`.

    .. math::
        F(y) = \|y - g(f(y))\|^2, \quad \text{trained with} \quad
        + \lambda \sum_j \max(0, 1 - |h_j(y)|), \qquad f = \max(-1, \min(1, h))

    NaN entries are hidden: the code is the best for the visible ones. There is no ``sample``:
    exp(-F) has no exact way to draw from.

    References
    ----------
    Goroshin and LeCun, "Saturating auto-encoders" (2013).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import SaturatingAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> codes = SaturatingAutoencoder(4, n_steps=100, random_state=0).fit(X).transform(X)
    >>> bool((np.abs(codes) <= 1).all())
    True
    """

    saturation: float = parameter(
        "Lambda, the weight of what is left to saturation.", Real(0), default=0.1
    )

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        network = Saturating(self._encoder(d, self.n_components, generator))
        decoder = self._decoder(d, generator)
        return FreeEnergy(
            Reconstruction(decoder, Flat(self.n_components), self._cost()), Encoder(network)
        )

    def _objective(self, sample: Tensor) -> Objective:
        return Saturation(self.saturation)
