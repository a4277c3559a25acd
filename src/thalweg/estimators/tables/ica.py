"""Square independent component analysis as an energy."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import InputError, Integer, Real, learned, parameter
from thalweg.energies import IndependentSources
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.model import (
    CodesMixin,
    MeanScoreMixin,
    SamplesMixin,
    StartsMixin,
    TableModel,
)
from thalweg.training.ica import RelativeNewton, whitening

STARTS = 8
"""Training rows that ``complete`` may start from."""


class SquareICA(CodesMixin, SamplesMixin, MeanScoreMixin, StartsMixin, Seeded, TableModel):
    r"""Independent component analysis with as many sources as columns.

    .. math::
        F(y) = \sum_i g_i\bigl((yW)_i - b_i\bigr) - \log|\det W|

    The determinant keeps the volume of low energy bounded: F is minus the log-likelihood, and
    training lowers its mean. g is chosen for each source, for heavy or light tails. Codes are the
    sources. The energy is not defined for rows with hidden (NaN) entries; ``complete`` fills them
    by descent from several training rows.

    Raises
    ------
    InputError
        If columns depend linearly on one another, or a bad parameter or entry.

    References
    ----------
    Comon (1994); Bell and Sejnowski (1995); Lee, Girolami, Sejnowski (1999); Ablin, Cardoso,
    Gramfort (2018).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import SquareICA
    >>> sources = np.random.default_rng(0).laplace(size=(2000, 2))
    >>> model = SquareICA(random_state=0).fit(sources @ [[1.0, 0.5], [0.2, 1.0]])
    >>> found = model.transform(sources @ [[1.0, 0.5], [0.2, 1.0]])
    >>> bool(np.abs(np.corrcoef(found.T, sources.T))[:2, 2:].max(axis=1).min() > 0.99)
    True
    """

    max_iter: int = parameter("Most steps of Newton's method.", Integer(1), default=200)
    tol: float = parameter(
        "Training ends when no entry of the relative gradient is larger.", Real(0), default=1e-06
    )
    energy_: IndependentSources = learned()
    n_iter_: int = learned("Steps that were made.", saved=True, constraint=Integer(0))

    def fit(self, X: Any, y: None = None) -> Self:
        """Find the sources of the rows of X (n, n_features)."""
        rows, summary = self._begin(X)
        random_state = check_random_state(self.random_state)
        whiten = whitening(rows, summary)
        d = rows.n_columns
        turn = np.linalg.qr(random_state.normal(size=(d, d)))[0]
        like = torch.empty(0, dtype=torch.float64, device=self._device)
        weight = torch.from_numpy(whiten @ turn).to(like)
        offset = torch.from_numpy(summary.mean).to(like) @ weight
        energy = IndependentSources(weight, offset, torch.ones(d, dtype=torch.bool)).to(like)
        history = self._iterate(
            RelativeNewton(energy),
            itertools.repeat(rows, self.max_iter),
            self.max_iter,
            stop=lambda history: (
                float(history.metrics[-1]["gradient"]) <= self.tol
                or not bool(history.metrics[-1]["moved"])
            ),
        )
        self.n_iter_ = len(history)
        if float(history.metrics[-1]["gradient"]) > max(self.tol, 1e-4):
            self._warn_not_converged(self.n_iter_)
        self.energy_ = energy.to(rows.torch_dtype)
        chosen = random_state.permutation(len(rows))[: STARTS - 1]
        self.starts_ = np.concatenate([summary.mean[None], rows.take(chosen)]).astype(rows.dtype)
        return self

    @property
    def components_(self) -> NDArray[np.floating]:
        """One source a row: (n_features, n_features)."""
        return np.asarray(self.energy_.weight.detach().T.cpu().numpy())

    @property
    def mixing_(self) -> NDArray[np.floating]:
        """From sources to columns: (n_features, n_features)."""
        return np.asarray(np.linalg.inv(self.components_))

    @property
    def mean_(self) -> NDArray[np.floating]:
        """The row whose sources are all 0: (n_features,)."""
        with torch.no_grad():
            zero = torch.zeros_like(self.energy_.offset)[None]
            return np.asarray(self.energy_.decode(zero)[0].cpu().numpy())

    @property
    def _n_features_out(self) -> int:
        return len(self.energy_.offset)

    def _blank(self, state: dict[str, Tensor]) -> IndependentSources:
        d = self.n_features_in_
        weight = held(state, "weight", d, d)
        if not bool(torch.linalg.slogdet(weight).logabsdet.isfinite()):
            raise InputError("weight is singular: rows would have no energy")
        return IndependentSources(weight, held(state, "offset", d), held(state, "heavy", d))
