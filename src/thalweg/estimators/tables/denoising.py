"""The denoising autoencoder as an energy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Choice, Energy, InputError, Levels, Real, changed, learned, parameter
from thalweg.energies import Reconstruction
from thalweg.estimators.tables.autoencoder import Autoencoder
from thalweg.estimators.tables.chains import ChainSampledModel
from thalweg.latents import Encoder, Flat, FreeEnergy
from thalweg.objectives import Denoising, Objective
from thalweg.pretext import AddedNoise, Corruption, MaskingNoise, SaltAndPepper
from thalweg.training.start import Start, Units

DETAIL = 3.0
"""How wide the first layer starts: fine detail is learned"""


class DenoisingAutoencoder(ChainSampledModel, Autoencoder):
    r"""A denoising autoencoder: spoiled rows are mapped back to what they were.

    For taking noise off (``project``) and the field that points at the data. At its defaults it
    brings back what is far away too, so that how unusual a row is :class:`AnomalyDetector` says.

    .. math::
        F(y) = \|y - g(f(y))\|^2, \quad \text{trained on} \quad \|y - g(f(\tilde y))\|^2

    The energy is low on the data and grows about quadratically with the distance from them, as far
    as the noise reaches; :math:`g(f(y)) - y` points back. Noise keeps the code from passing
    everything through, so codes may be wider than rows. NaN entries are hidden. ``sample`` walks in
    exp(-F / 2 s^2) with s the error that is left per entry after denoising.

    References
    ----------
    Vincent, Larochelle, Bengio, Manzagol (2008); Alain and Bengio, "What regularized auto-encoders
    learn from the data-generating distribution" (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import DenoisingAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(300, 1)) * [[1.0, 2.0]]
    >>> model = DenoisingAutoencoder(8, n_steps=300, random_state=0).fit(X)
    >>> bool(model.energy([[1.0, 2.0]])[0] < model.energy([[1.0, -2.0]])[0])
    True
    """

    n_components: int = changed(default=64, kw_only=False)
    corruption: str = parameter(
        "Noise added to all entries; some entries set to 0 (the mean); some set to two standard "
        "deviations up or down.",
        Choice(("gaussian", "masking", "salt-and-pepper")),
        default="gaussian",
    )
    noise: float | tuple[float, ...] = parameter(
        "Standard deviation of Gaussian noise, in those of the columns; of several, each row has "
        "one at random. For the others the share of entries, below 1, one number.",
        Levels(),
        default=0.3,
    )

    beta_: float = learned(
        "1 / 2 s^2, the inverse temperature of ``sample``.",
        saved=True,
        constraint=Real(0, above=True),
    )

    def _corruption(self) -> Corruption:
        noise = self.noise
        if self.corruption == "gaussian":
            return AddedNoise(noise)
        if not isinstance(noise, (int, float)) or not noise < 1:
            raise InputError(
                f"DenoisingAutoencoder: noise must be one share below 1 for "
                f"corruption={self.corruption!r}, got {noise!r}"
            )
        kind = MaskingNoise if self.corruption == "masking" else SaltAndPepper
        return kind(float(noise))

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        k = self.n_components
        network = self._encoder(d, k, generator, DETAIL)
        decoder = self._decoder(d, generator)
        return FreeEnergy(Reconstruction(decoder, Flat(k), self._cost()), Encoder(network))

    def _objective(self, sample: Tensor) -> Objective:
        # for whoever watches; training tells
        self.beta_ = 1.0
        return Denoising(self._corruption())

    def _finish(self, start: Start, energy: Energy, objective: Objective) -> None:
        error = float(np.mean([float(m["error"]) for m in self.history_.metrics[-100:]]))
        self.beta_ = 0.5 / max(error, 1e-6)

    def _in_units(self, energy: Energy, units: Units | None) -> Energy:
        rescaled = super()._in_units(energy, units)
        rescaled.beta = self.beta_
        return rescaled
