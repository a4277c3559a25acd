"""Square independent component analysis as an energy."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import Constraint, Device, InputError, Integer, Real, Seed
from thalweg.data import Rows
from thalweg.energies import IndependentSources
from thalweg.estimators.base import CodesMixin, EnergyEstimator, SamplesMixin, warn
from thalweg.training import train
from thalweg.training.ica import RelativeNewton
from thalweg.training.principal import spectrum
from thalweg.training.progress import progress_bar

STARTS = 8
"""Training rows that ``complete`` may start from."""


class SquareICA(CodesMixin, SamplesMixin, EnergyEstimator):
    r"""Independent component analysis with as many sources as columns.

    .. math::
        F(y) = \sum_i g_i\bigl((yW)_i - b_i\bigr) - \log|\det W|

    The determinant keeps the volume of low energy bounded: F is minus the log-likelihood, and
    training lowers its mean. g is chosen for each source, for heavy or light tails. Codes are the
    sources. The energy is not defined for rows with hidden (NaN) entries; ``complete`` fills them
    by descent from several training rows.

    Parameters
    ----------
    max_iter : int, default 200
    tol : float, default 1e-6
        Training ends when no entry of the relative gradient is larger.
    random_state : int, RandomState or None, default None
        Of the rotation that training starts from, and the rows kept for ``complete``.
    device : str, default "auto"
    verbose : int, default 0
        Above 0, a progress bar on standard error.

    Attributes
    ----------
    energy_ : IndependentSources
    components_ : array (n_features, n_features)
        W^T: one source a row, as scikit-learn has it.
    mixing_ : array (n_features, n_features)
        From sources to columns.
    mean_ : array (n_features,)
    n_iter_ : int
    starts_ : array
        Training rows that ``complete`` starts from.

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

    energy_: IndependentSources
    _hidden_in_fit: ClassVar[bool] = False
    _hidden_in_questions: ClassVar[bool] = False
    parameters: ClassVar[dict[str, Constraint]] = {
        "max_iter": Integer(1),
        "tol": Real(0),
        "random_state": Seed(),
        "device": Device(),
        "verbose": Integer(0),
    }

    def __init__(
        self,
        *,
        max_iter: int = 200,
        tol: float = 1e-6,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: None = None) -> Self:
        """Find the sources of the rows of X (n, n_features)."""
        rows, summary = self._begin(X)
        random_state = check_random_state(self.random_state)
        whiten = self._whitening(rows, summary)
        d = rows.n_columns
        turn = np.linalg.qr(random_state.normal(size=(d, d)))[0]
        like = torch.empty(0, dtype=torch.float64, device=Device.resolve(self.device))
        weight = torch.from_numpy(whiten @ turn).to(like)
        offset = torch.from_numpy(summary.mean).to(like) @ weight
        energy = IndependentSources(weight, offset, torch.ones(d, dtype=torch.bool)).to(like)
        with progress_bar("ICA", self.max_iter, self.verbose > 0) as progress:
            history = train(
                RelativeNewton(energy),
                itertools.repeat(rows, self.max_iter),
                torch.Generator(),
                stop=lambda history: (
                    float(history.metrics[-1]["gradient"]) <= self.tol
                    or not bool(history.metrics[-1]["moved"])
                ),
                progress=progress,
            )
        self.n_iter_ = len(history)
        if float(history.metrics[-1]["gradient"]) > max(self.tol, 1e-4):
            warn(
                f"SquareICA: not converged after {self.n_iter_} iterations; a larger max_iter or "
                "tol may help",
                ConvergenceWarning,
            )
        self.energy_ = energy.to(rows.torch_dtype)
        chosen = random_state.permutation(len(rows))[: STARTS - 1]
        self.starts_ = np.concatenate([summary.mean[None], rows.take(chosen)]).astype(rows.dtype)
        return self

    def _whitening(self, rows: Rows, summary: Any) -> NDArray[np.float64]:
        if len(rows) <= rows.n_columns:
            raise InputError(
                f"SquareICA: {len(rows)} rows (n_samples={len(rows)}) of {rows.n_columns} columns; "
                "expected more rows than columns"
            )
        found = spectrum(rows, summary)
        # of columns in units of their own spread: the rank must not depend on units
        spread = np.where(summary.variance > 0, np.sqrt(summary.variance), 1.0)
        scaled = (found.directions / spread) * np.sqrt(found.variances)[:, None]
        _, singular, directions = np.linalg.svd(scaled)
        rank = int((singular > 1e-6 * singular[0]).sum()) if singular[0] > 0 else 0
        if rank < rows.n_columns:
            raise InputError(
                f"SquareICA: the {rows.n_columns} columns have rank {rank}: some are constant or "
                "depend linearly on others; expected independent ones (PCA first may help)"
            )
        return np.asarray((directions / spread).T / singular)

    def _fillings(self) -> Tensor:
        return torch.from_numpy(self.starts_).to(self._parameter())

    def score(self, X: Any, y: None = None) -> float:
        """Mean of -F over the rows, the mean log-likelihood."""
        return float(self.score_samples(X).mean(dtype=np.float64))

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

    def _tensors(self) -> dict[str, Tensor]:
        return {"starts_": torch.from_numpy(self.starts_)}

    def _facts(self) -> dict[str, Any]:
        return {"n_iter_": int(self.n_iter_)}

    def _blank(self, state: dict[str, Tensor]) -> IndependentSources:
        return IndependentSources(state["weight"], state["offset"], state["heavy"])
