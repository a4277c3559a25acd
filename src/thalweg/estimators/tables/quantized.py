"""The vector-quantized autoencoder as an energy."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, InputError, Integer, Real, changed, parameter
from thalweg.energies import Reconstruction
from thalweg.estimators.tables.autoencoder import Autoencoder
from thalweg.latents import Codebook, Encoder, FreeEnergy
from thalweg.objectives import Objective, VectorQuantization
from thalweg.training.start import Start

REVIVE_EVERY = 50
"""Steps after which entries of a codebook that no row uses move to codes of rows."""


class VQAutoencoder(Autoencoder):
    r"""A vector-quantized autoencoder: codes are made of entries of a codebook.

    For codes that are few and discrete, and what they stand for. How unusual a row is
    :class:`AnomalyDetector` says better, and what is missing :class:`Imputer`.

    .. math::
        E(y, z) = \|y - g(z)\|^2, \quad z \in \mathrm{codebook}^m, \qquad F(y) = E(y, [f(y)])

    with [.] the nearest element. There are finitely many codes, so finitely many points of low
    energy. NaN entries are hidden. There is no ``sample``: that needs a prior over codes.

    References
    ----------
    van den Oord, Vinyals, Kavukcuoglu (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import VQAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = VQAutoencoder(2, n_codes=8, n_steps=100, random_state=0).fit(X)
    >>> len(np.unique(model.transform(X)[:, :4], axis=0)) <= 8
    True
    """

    n_components: int = changed(
        default=8, sentence="m: parts of z, each an entry of the codebook.", kw_only=False
    )
    n_codes: int = parameter("Entries of the codebook.", Integer(1, high=1_000_000), default=64)
    code_size: int = parameter(
        "Numbers of an entry; z has m times as many.", Integer(1, high=100_000), default=4
    )
    commitment: float = parameter(
        "Weight that keeps the encoder near the entries.", Real(0), default=0.25
    )

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        size = self.n_components * self.code_size
        solver = Encoder(self._encoder(d, size, generator))
        entries = torch.randn(self.n_codes, self.code_size, generator=generator)
        book = Codebook(entries, self.n_components)
        return FreeEnergy(
            Reconstruction(self._decoder(d, generator, size), book, self._cost()), solver
        )

    def _begun(self, start: Start, energy: Energy) -> Objective:
        if start.hardware.size > 1:
            raise InputError(
                f"VQAutoencoder: {start.hardware.size} processes, and the entries of a codebook "
                "that come back would differ between them; expected one process"
            )
        return super()._begun(start, energy)

    def _begun_again(self, start: Start, energy: Energy) -> Objective:
        # without a beginning: that moves every entry to a code of a row
        return self._objective(start.batch(start.looked_at).y).to(start.device)

    def _objective(self, sample: Tensor) -> Objective:
        # not near the end, when entries should settle
        return VectorQuantization(self.commitment, REVIVE_EVERY, self.n_steps - 2 * REVIVE_EVERY)
