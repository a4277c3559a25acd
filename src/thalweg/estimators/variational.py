"""The variational autoencoder as an energy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from thalweg.core import Constraint, Integer
from thalweg.energies import GaussianNoise, Reconstruction
from thalweg.estimators.autoencoder import SHARED, Autoencoder
from thalweg.estimators.base import SamplesMixin
from thalweg.latents import FreeEnergy, Gaussian, GaussianEncoder
from thalweg.objectives import Objective, VariationalBound


class VariationalAutoencoder(SamplesMixin, Autoencoder):
    r"""A variational autoencoder: the free energy of a Gaussian code, by importance sampling.

    .. math::
        E(y, z) = \frac{\|y - g(z)\|^2}{2 \sigma^2} + d \log(\sigma\sqrt{2\pi}) + \tfrac12 \|z\|^2,
        \qquad
        F(y) = -\log \frac1m \sum_{i=1}^m \frac{e^{-E(y, z_i)}}{q(z_i | y)}, \quad z_i \sim q

    trained by the variational bound. F is an estimate of minus the log-likelihood (up to the
    constant of the prior) in units of standardized columns. Codes are the means of q. Noise on the
    code limits how much it can say. NaN entries are hidden.

    Parameters
    ----------
    n_components : int, default 16
        Size of z.
    hidden : sequence of int, default (128,)
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    n_draws : int, default 32
        m.
    n_steps : int, default 3000
        Gradient steps, one batch each.
    batch_size : int, default 128
    learning_rate : float, default 0.002
        Of Adam, at its highest.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0
        Above 0, a progress bar on standard error.

    Attributes
    ----------
    energy_ : Rescaled
    history_ : History
        Loss of every step. Not saved.
    starts_ : array
        Training rows that ``complete`` may start from.

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

    parameters: ClassVar[dict[str, Constraint]] = SHARED | {"n_draws": Integer(1)}

    def __init__(
        self,
        n_components: int = 16,
        *,
        hidden: tuple[int, ...] = (128,),
        n_draws: int = 32,
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
        self.hidden = hidden
        self.n_draws = n_draws
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def score(self, X: Any, y: None = None) -> float:
        """Mean of -F over the rows: the mean log-likelihood, up to a constant."""
        return float(self.score_samples(X).mean(dtype=np.float64))

    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        k = self.n_components
        solver = GaussianEncoder(self._encoder(d, 2 * k, generator), k, self.n_draws)
        decoder = self._decoder(d, generator)
        return FreeEnergy(Reconstruction(decoder, Gaussian(k), GaussianNoise()), solver, beta=1.0)

    def _objective(self) -> Objective:
        return VariationalBound()
