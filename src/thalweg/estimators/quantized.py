"""The vector-quantized autoencoder as an energy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from thalweg.core import Constraint, Integer, Real
from thalweg.energies import Reconstruction
from thalweg.estimators.autoencoder import SHARED, Autoencoder
from thalweg.latents import Codebook, Encoder, FreeEnergy
from thalweg.objectives import Objective, VectorQuantization

REVIVE_EVERY = 50
"""Steps after which entries of a codebook that no row uses move to codes of rows."""


class VQAutoencoder(Autoencoder):
    r"""A vector-quantized autoencoder: codes are made of entries of a codebook.

    .. math::
        E(y, z) = \|y - g(z)\|^2, \quad z \in \mathrm{codebook}^m, \qquad F(y) = E(y, [f(y)])

    with [.] the nearest element. There are finitely many codes, so finitely many points of low
    energy. NaN entries are hidden. There is no ``sample``: that needs a prior over codes.

    Parameters
    ----------
    n_components : int, default 8
        m: parts of z, each an entry of the codebook.
    n_codes : int, default 64
        Entries of the codebook.
    code_size : int, default 4
        Numbers of an entry; z has m times as many.
    commitment : float, default 0.25
        Weight that keeps the encoder near the entries.
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

    parameters: ClassVar[dict[str, Constraint]] = SHARED | {
        "n_codes": Integer(1),
        "code_size": Integer(1),
        "commitment": Real(0),
    }

    def __init__(
        self,
        n_components: int = 8,
        *,
        n_codes: int = 64,
        code_size: int = 4,
        commitment: float = 0.25,
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
        self.n_codes = n_codes
        self.code_size = code_size
        self.commitment = commitment

    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        size = self.n_components * self.code_size
        solver = Encoder(self._encoder(d, size, generator))
        entries = torch.randn(self.n_codes, self.code_size, generator=generator)
        book = Codebook(entries, self.n_components)
        return FreeEnergy(Reconstruction(self._decoder(d, generator, size), book), solver)

    def _objective(self) -> Objective:
        # not near the end, when entries should settle
        return VectorQuantization(self.commitment, REVIVE_EVERY, self.n_steps - 2 * REVIVE_EVERY)
