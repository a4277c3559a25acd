"""Principal component analysis as an energy."""

from __future__ import annotations

import itertools
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Either, InputError, Integer, Real, learned, parameter
from thalweg.data import Rows
from thalweg.energies import Affine, Reconstruction
from thalweg.energies.inside import affine_of
from thalweg.estimators.base.loading import held
from thalweg.estimators.tables.model import CodesMixin, TableModel
from thalweg.estimators.tables.sparse import TakesSparse
from thalweg.latents import Flat, FreeEnergy, LeastSquares
from thalweg.training.principal import alternating, spectrum


class PCA(TakesSparse, CodesMixin, TableModel):
    r"""Principal component analysis: a plane of zero energy, and quadratic growth away from it.

    .. math::
        E(y, z) = \|y - b - zW\|^2, \qquad F(y) = \min_z E(y, z)

    W has orthonormal rows, so that z = (y - b) W^T, and F is the squared distance from the plane.
    NaN entries are hidden: W and b are fitted by alternating between codes and plane, and a row
    with hidden entries has the codes of probabilistic PCA, held near the mean where its visible
    entries say little. ``complete(X, answer="mean")`` fills in what those codes decode to; the
    answer of least energy is where the plane is, which may be far out. There is no ``sample``: all
    of the plane has energy 0, so exp(-F) has no finite integral (a :class:`GaussianMixture` with
    one component has).

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
    n_iter_: int = learned(
        "Alternations; 1, the closed form, for complete rows.", saved=True, constraint=Integer(0)
    )

    def fit(self, X: Any, y: None = None) -> Self:
        """Lay the plane through the rows of X (n, n_features); NaN entries are hidden."""
        rows, summary = self._begin(X)
        principal = spectrum(rows, summary)
        total = float(principal.variances.sum())
        k = self._size(principal.variances, rows)
        like = torch.empty(0, dtype=rows.torch_dtype, device=self._device)
        offset = torch.from_numpy(summary.mean).to(like)
        directions, variances = principal.directions[:k], principal.variances[:k]
        left = max((total - float(variances.sum())) / max(rows.n_columns - k, 1), 0.0)
        self.n_iter_ = 1
        if summary.hidden:
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
        # sigma^2 / variance of each code without its noise, per unit of E's factor 2
        shrinkage = 2 * left / np.maximum(variances - left, 1e-12 * max(total, 1e-300))
        self.energy_ = _energy_at(
            torch.from_numpy(directions.copy()).to(like), offset.to(like),
            torch.from_numpy(shrinkage).to(like),
        )  # fmt: skip
        self.n_components_ = k
        self.explained_variance_ = variances
        self.explained_variance_ratio_ = variances / total if total > 0 else 0 * variances
        return self

    def _size(self, variances: NDArray[np.float64], rows: Rows) -> int:
        most = min(len(rows), rows.n_columns)
        if isinstance(self.n_components, (int, np.integer)):
            if self.n_components > most:
                raise InputError(
                    f"PCA: n_components={self.n_components} is more than {most}, the smaller of "
                    f"{len(rows)} rows (n_samples={len(rows)}) and {rows.n_columns} columns"
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
        """b: (n_features,)."""
        offset = affine_of(self.energy_).offset
        assert offset is not None
        return np.asarray(offset.detach().cpu().numpy())

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    def _blank(self, state: dict[str, Tensor]) -> FreeEnergy:
        k, d = self.n_components_, self.n_features_in_
        return _energy_at(
            held(state, "energy.decoder.weight", k, d), held(state, "energy.decoder.offset", d),
            held(state, "solver.shrinkage", k),
        )  # fmt: skip


def _energy_at(weight: Tensor, offset: Tensor, shrinkage: Tensor) -> FreeEnergy:
    reconstruction = Reconstruction(Affine(weight, offset), Flat(len(weight)))
    return FreeEnergy(reconstruction, LeastSquares(shrinkage)).to(weight)
