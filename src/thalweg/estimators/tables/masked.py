"""The masked autoencoder of tables as an energy."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError, Levels, Sizes, changed, learned, parameter
from thalweg.energies import MaskedPrediction, MaskedWordPrediction, Perceptron, Rescaled
from thalweg.estimators.tables.chains import ChainSampledModel
from thalweg.estimators.tables.words import layout_of, logits_of
from thalweg.objectives import Denoising, Objective
from thalweg.pretext import Masked, MaskedColumns
from thalweg.training.start import Start

FEW = 8
"""Training rows that completions start from"""


class MaskedAutoencoder(ChainSampledModel):
    r"""A masked autoencoder for tables: every part of a row predicted from any others.

    .. math::
        F(y) = \sum_k \sum_{j \in S_k}
        \frac{(y_j - r_j(y_{\setminus S_k}))^2}{2 \sigma_j^2}, \quad \text{trained on} \quad
        \sum_{j \text{ hidden}} (y_j - r_j(y_{\text{visible}}))^2

    Trained with random entries hidden, few or many; the energy holds each of up to 16 sets of
    columns against what the others say of it, in units of the error that is usual there. NaN
    entries are hidden. There are no codes: what the network makes of a row depends on what it sees.

    References
    ----------
    He, Chen, Xie, Li, Dollar, Girshick, "Masked autoencoders are scalable vision learners" (2022);
    Du et al., "ReMasker" (2024), for tables.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import MaskedAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(300, 1)) * [[1.0, 2.0]]
    >>> model = MaskedAutoencoder(n_steps=400, random_state=0).fit(X)
    >>> bool(abs(model.complete([[1.0, np.nan]])[0, 1] - 2) < 0.5)
    True
    """

    hidden: tuple[int, ...] = parameter(
        "Widths of the network's hidden layers.",
        Sizes(high=1_000_000),
        default=(256, 256),
        kw_only=False,
    )
    fraction: float | tuple[float, float] = parameter(
        "Share of entries hidden in training, or the range that it is drawn from, row by row.",
        Levels(high=1),
        default=(0.1, 0.9),
    )
    n_steps: int = changed(default=4000)

    energy_: Rescaled = learned()

    def _fillings(self) -> Tensor:
        # few: the network's own filling is the best of them almost always
        return super()._fillings()[:FEW]

    def _energy(self, d: int, generator: torch.Generator) -> MaskedPrediction:
        if d < 2:
            raise InputError(
                "MaskedAutoencoder: X has 1 feature(s); expected at least 2, for each is predicted "
                "from the others"
            )
        network = Perceptron((2 * d, *self.hidden, d), generator=generator)
        if layout_of(self._space) is None:
            return MaskedPrediction(network, d)
        return MaskedWordPrediction(network, logits_of(self._space))

    def _objective(self, sample: Tensor) -> Objective:
        layout = layout_of(self._space)
        if layout is not None:
            return Denoising(MaskedColumns(layout, self.fraction))
        return Denoising(Masked(self.fraction))

    def _finish(self, start: Start, energy: MaskedPrediction, objective: Objective) -> None:
        energy.learn_sigma(start.batches(4096))
