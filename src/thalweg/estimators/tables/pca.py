"""Principal component analysis as an energy."""

from __future__ import annotations

import itertools
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Either, InputError, Integer, Real, learned, parameter
from thalweg.data import Rows, Summary
from thalweg.energies import Affine, BySquares, Reconstruction
from thalweg.energies.inside import affine_of
from thalweg.estimators.base.loading import held
from thalweg.estimators.tables.learning_on import LearnsOn
from thalweg.estimators.tables.model import CodesMixin, TableModel
from thalweg.estimators.tables.outliers import OutliersMixin
from thalweg.estimators.tables.sparse import TakesSparse
from thalweg.estimators.tables.words import layout_of, with_words
from thalweg.latents import Flat, FreeEnergy, LeastSquares
from thalweg.training.principal import (
    Spectrum,
    alternating,
    check_width,
    spectrum,
    spectrum_of,
)
from thalweg.training.running_plane import (
    Moments,
    covariance_of_plane,
    expected_moments,
    moments_of,
)


class PCA(OutliersMixin, TakesSparse, LearnsOn, CodesMixin, TableModel):
    r"""Principal component analysis: a plane of zero energy, and quadratic growth away from it.

    .. math::
        E(y, z) = \|y - b - zW\|^2, \qquad F(y) = \min_z E(y, z)

    W has orthonormal rows, so that z = (y - b) W^T, and F is the squared distance from the plane.
    NaN entries are hidden: W and b are fitted by alternating between codes and plane, and a row
    with hidden entries has the codes of probabilistic PCA, held near the mean where its visible
    entries say little. ``complete(X, answer="mean")`` fills in what those codes decode to; the
    answer of least energy is where the plane is, which may be far out. There is no ``sample``: all
    of the plane has energy 0, so exp(-F) has no finite integral (a :class:`GaussianMixture` with
    one component has). A sparse matrix of scipy, of up to 4,096 columns, is made dense piece by
    piece.

    Raises
    ------
    InputError
        If there are more components than rows or columns, or a bad parameter or entry.

    References
    ----------
    Pearson (1901); Hotelling (1933); Ilin and Raiko (2010) for hidden entries.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import PCA
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> model = PCA(n_components=1).fit(X)
    >>> model.energy([[0.0, 2.0]]).round(6)
    array([2.])
    >>> model.complete([[3.0, np.nan]]).round(4)
    array([[3., 3.]])
    """

    n_components: int | float = parameter(
        "Size of z, or the share of the variance to explain, from which it follows.",
        Either(Integer(1), Real(0, above=True, high=1, below=True)),
        default=0.9,
        kw_only=False,
    )
    max_iter: int = parameter(
        "Most alternations, where entries are hidden.", Integer(1), default=200
    )
    tol: float = parameter(
        "Alternation ends when the plane moves by less than this share.", Real(0), default=1e-06
    )

    energy_: FreeEnergy = learned()
    explained_variance_: NDArray[np.floating] = learned(
        "Variance of the codes, by n - 1: (k,).", saved=True, shape=("n_components_",)
    )
    explained_variance_ratio_: NDArray[np.floating] = learned(
        "The same as a share of the whole: (k,).", saved=True, shape=("n_components_",)
    )
    n_components_: int = learned("k, size of z.", saved=True, constraint=Integer(1))
    noise_variance_: float | None = learned(
        "sigma^2, the variance along each direction that is not among them.",
        saved=True,
        constraint=Real(0, none=True),
    )
    n_iter_: int = learned(
        "Alternations; 1, the closed form, for complete rows.", saved=True, constraint=Integer(0)
    )
    seen_mean_: NDArray[np.float64] | None = learned(
        "Mean of the rows that partial_fit has seen: (n_features,).",
        saved=True,
        shape=("_width",),
        optional=True,
    )
    scatter_: NDArray[np.float64] | None = learned(
        "Sum over them of (y - mean) (y - mean)^T: (n_features, n_features).",
        saved=True,
        shape=("_width", "_width"),
        optional=True,
    )

    def fit(self, X: Any, y: None = None) -> Self:
        """Lay the plane through the rows of X (n, n_features); NaN entries are hidden."""
        rows, summary = self._begin(X)
        principal = spectrum(rows, summary)
        self.n_samples_seen_, self.seen_mean_, self.scatter_ = float(len(rows)), None, None
        k = self._size(principal.variances, len(rows), rows.n_columns)
        if not summary.hidden:
            self.n_iter_ = 1
            self._lay(principal, summary.mean, k, rows.torch_dtype)
            return self
        left = _left(principal.variances, float(principal.variances.sum()), k, rows.n_columns)
        step = alternating(rows, principal, summary, k, left, self._device)
        history = self._iterate(
            step,
            itertools.repeat(rows, self.max_iter),
            self.max_iter,
            stop=lambda history: float(history.metrics[-1]["change"]) <= self.tol,
        )
        self.n_iter_, left = len(history), float(step.noise)
        directions, variances, offset = step.plane(rows)
        total = float(variances.sum()) + left * (rows.n_columns - k)
        self._put(Spectrum(directions, variances), offset, left, total, rows.torch_dtype)
        return self

    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Learn on: the plane is that of all rows that were given so far.

        Means and scatter matrices of the parts are merged, which is exact. Hidden (NaN) entries of
        a part stand at their means given the visible ones, with their covariance, as the plane so
        far has it; in the first part that is the plane that ``fit`` finds. After ``fit``, which
        keeps the plane alone, rows before are known across it by their mean variance there.

        Raises
        ------
        InputError
            If there are more than 4,096 columns, for the scatter matrix of all of them is kept.
        """
        if self._is_new():
            rows = self.fit(X)._read(X)
            both = self._part(rows, rows.summary(columns=self._columns()))
        else:
            rows, summary = self._more(X)
            part = self._part(rows, summary)
            both = self._before().with_more(part)
        found = spectrum_of(both.scatter / max(both.n - 1, 1))
        k = self._size(found.variances, int(both.n), rows.n_columns)
        self._lay(found, both.mean, k, self._like().dtype)
        self.n_samples_seen_, self.seen_mean_, self.scatter_ = both
        return self

    def _before(self) -> Moments:
        """Of the rows so far, as far as they are known."""
        n = self._kept("n_samples_seen_")
        if self.scatter_ is not None and self.seen_mean_ is not None:
            return Moments(n, self.seen_mean_, self.scatter_)
        return Moments(n, self._offset().astype(np.float64), max(n - 1, 0) * self._covariance())

    def _part(self, rows: Rows, summary: Summary) -> Moments:
        check_width(rows.n_columns)
        if not summary.hidden:
            return moments_of(rows, summary)
        # a plane that rows lie in without any rest has no density
        least = 1e-9 * float(self.explained_variance_.sum()) / rows.n_columns + 1e-12
        return expected_moments(rows, self._offset().astype(np.float64), self._covariance(least))

    def _covariance(self, least: float = 0.0) -> NDArray[np.float64]:
        """Of the rows so far: along the plane, and at least so much across it: (d, d)."""
        variances = self.explained_variance_
        total = float(variances.sum() / max(self.explained_variance_ratio_.sum(), 1e-300))
        left = _left(variances, total, len(variances), self._width)
        return covariance_of_plane(self.components_, variances, max(left, least))

    def _lay(self, found: Spectrum, mean: NDArray[np.float64], k: int, dtype: torch.dtype) -> None:
        """The plane of the k widest of all directions."""
        total = float(found.variances.sum())
        left = _left(found.variances, total, k, len(mean))
        widest = Spectrum(found.directions[:k], found.variances[:k])
        self._put(widest, torch.from_numpy(mean), left, total, dtype)

    def _put(
        self, plane: Spectrum, offset: Tensor, left: float, total: float, dtype: torch.dtype
    ) -> None:
        variances = plane.variances
        like = torch.empty(0, dtype=dtype, device=self._device)
        # sigma^2 / variance of each code without its noise, per unit of E's factor 2
        shrinkage = 2 * left / np.maximum(variances - left, 1e-12 * max(total, 1e-300))
        energy = _energy_at(
            torch.from_numpy(plane.directions.copy()).to(like), offset.to(like),
            torch.from_numpy(shrinkage).to(like),
        )  # fmt: skip
        self.energy_ = with_words(energy, self._space, like)
        self.n_components_ = len(variances)
        self._noise(left)
        self.explained_variance_ = variances
        self.explained_variance_ratio_ = variances / total if total > 0 else 0 * variances

    def _noise(self, variance: float | None) -> None:
        self.noise_variance_ = variance
        solver = self.energy_.solver
        solver = solver.inner if isinstance(solver, BySquares) else solver
        assert isinstance(solver, LeastSquares)
        solver.noise = variance

    def _restore(self, state: dict[str, Tensor]) -> Self:
        super()._restore(state)
        self._noise(self.noise_variance_)
        return self

    def _size(self, variances: NDArray[np.float64], n: int, columns: int) -> int:
        most = min(n, columns)
        if isinstance(self.n_components, (int, np.integer)):
            if self.n_components > most:
                raise InputError(
                    f"PCA: n_components={self.n_components} is more than {most}, the smaller of "
                    f"{n} rows (n_samples={n}) and {columns} columns"
                )
            return int(self.n_components)
        shares = variances.cumsum() / max(float(variances.sum()), 1e-300)
        return min(int(np.searchsorted(shares, self.n_components)) + 1, most)

    @property
    def components_(self) -> NDArray[np.floating]:
        """W: (k, n_features)."""
        return np.asarray(affine_of(self.energy_).weight.detach().cpu().numpy())

    @property
    def mean_(self) -> NDArray[np.floating]:
        """b, in the units of the rows: (n_features,)."""
        return self._space.out(self._offset())

    def _offset(self) -> NDArray[np.floating]:
        offset = affine_of(self.energy_).offset
        assert offset is not None
        return np.asarray(offset.detach().cpu().numpy())

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    def _blank(self, state: dict[str, Tensor]) -> FreeEnergy:
        k, d = self.n_components_, self._width
        solver = "solver" if layout_of(self._space) is None else "solver.inner"
        weight = held(state, "energy.decoder.weight", k, d)
        energy = _energy_at(
            weight, held(state, "energy.decoder.offset", d), held(state, f"{solver}.shrinkage", k)
        )
        return with_words(energy, self._space, weight)


def _left(variances: NDArray[np.floating], total: float, k: int, columns: int) -> float:
    """The variance along each direction that is not among the k widest."""
    return max((total - float(variances[:k].sum())) / max(columns - k, 1), 0.0)


def _energy_at(weight: Tensor, offset: Tensor, shrinkage: Tensor) -> FreeEnergy:
    reconstruction = Reconstruction(Affine(weight, offset), Flat(len(weight)))
    return FreeEnergy(reconstruction, LeastSquares(shrinkage)).to(weight)
