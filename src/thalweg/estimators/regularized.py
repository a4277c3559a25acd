"""Autoencoders whose code, or whose reconstruction, is held back: three energies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import nn

from thalweg.core import Constraint, Real
from thalweg.energies import Reconstruction, Saturating, UnitAtoms
from thalweg.estimators.autoencoder import SHARED, Autoencoder
from thalweg.latents import Encoder, Flat, FreeEnergy, Sparse
from thalweg.objectives import Contraction, Objective, PushDown, Saturation


class SparseAutoencoder(Autoencoder):
    r"""A sparse autoencoder: a linear decoder, and codes that are mostly zero.

    .. math::
        E(y, z) = \|y - g(z)\|^2 + a \|z\|_1, \quad z \ge 0, \qquad F(y) = E(y, f(y))

    The penalty limits how much the code can say. NaN entries are hidden. There is no ``sample``:
    exp(-F) has no exact way to draw from.

    Parameters
    ----------
    n_components : int, default 64
        Size of z.
    alpha : float, default 0.1
        a, in units of standardized columns.
    hidden : sequence of int, default (128,)
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    n_steps : int, default 3000
    batch_size : int, default 128
    learning_rate : float, default 0.002
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : Rescaled
    history_ : History
        Loss of every step. Not saved.
    starts_ : array
        Training rows that ``complete`` may start from.

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

    parameters: ClassVar[dict[str, Constraint]] = SHARED | {"alpha": Real(0)}

    def __init__(
        self,
        n_components: int = 64,
        *,
        alpha: float = 0.1,
        hidden: tuple[int, ...] = (128,),
        n_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_components, hidden, n_steps, batch_size, learning_rate, random_state, device, verbose
        )
        self.alpha = alpha

    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        network = nn.Sequential(self._encoder(d, self.n_components, generator), nn.ReLU())
        space = Sparse(self.n_components, float(self.alpha), nonnegative=True)
        # atoms of unit length, or the penalty would be escaped by small codes and long atoms
        decoder = UnitAtoms(self.n_components, d, generator)
        return FreeEnergy(Reconstruction(decoder, space), Encoder(network))

    def _objective(self) -> Objective:
        return PushDown()


class ContractiveAutoencoder(Autoencoder):
    r"""A contractive autoencoder: the reconstruction moves as little as it can with the row.

    .. math::
        F(y) = \|y - g(f(y))\|^2, \quad \text{trained with} \quad
        + \lambda \left\| \frac{\partial g(f(y))}{\partial y} \right\|_F^2

    NaN entries are hidden: the code is the best for the visible ones. There is no ``sample``:
    exp(-F) has no exact way to draw from.

    Parameters
    ----------
    n_components : int, default 16
        Size of z.
    contraction : float, default 0.1
        Lambda.
    hidden : sequence of int, default (128,)
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    n_steps : int, default 3000
    batch_size : int, default 128
    learning_rate : float, default 0.002
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : Rescaled
    history_ : History
        Loss of every step. Not saved.
    starts_ : array
        Training rows that ``complete`` may start from.

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

    parameters: ClassVar[dict[str, Constraint]] = SHARED | {"contraction": Real(0)}

    def __init__(
        self,
        n_components: int = 16,
        *,
        contraction: float = 0.1,
        hidden: tuple[int, ...] = (128,),
        n_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_components, hidden, n_steps, batch_size, learning_rate, random_state, device, verbose
        )
        self.contraction = contraction

    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        network = self._encoder(d, self.n_components, generator)
        decoder = self._decoder(d, generator)
        return FreeEnergy(Reconstruction(decoder, Flat(self.n_components)), Encoder(network))

    def _objective(self) -> Objective:
        return Contraction(self.contraction)


class SaturatingAutoencoder(Autoencoder):
    r"""A saturating autoencoder: activations stay where they are flat.

    .. math::
        F(y) = \|y - g(f(y))\|^2, \quad \text{trained with} \quad
        + \lambda \sum_j \max(0, 1 - |h_j(y)|), \qquad f = \max(-1, \min(1, h))

    NaN entries are hidden: the code is the best for the visible ones. There is no ``sample``:
    exp(-F) has no exact way to draw from.

    Parameters
    ----------
    n_components : int, default 16
        Size of z.
    saturation : float, default 0.1
        Lambda.
    hidden : sequence of int, default (128,)
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    n_steps : int, default 3000
    batch_size : int, default 128
    learning_rate : float, default 0.002
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : Rescaled
    history_ : History
        Loss of every step. Not saved.
    starts_ : array
        Training rows that ``complete`` may start from.

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

    parameters: ClassVar[dict[str, Constraint]] = SHARED | {"saturation": Real(0)}

    def __init__(
        self,
        n_components: int = 16,
        *,
        saturation: float = 0.1,
        hidden: tuple[int, ...] = (128,),
        n_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_components, hidden, n_steps, batch_size, learning_rate, random_state, device, verbose
        )
        self.saturation = saturation

    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        network = Saturating(self._encoder(d, self.n_components, generator))
        decoder = self._decoder(d, generator)
        return FreeEnergy(Reconstruction(decoder, Flat(self.n_components)), Encoder(network))

    def _objective(self) -> Objective:
        return Saturation(self.saturation)
