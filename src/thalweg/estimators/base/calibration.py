"""How rare an energy is: p-values by rows that were not learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from thalweg.core import Declared, InputError, Integer, check_parameters, learned
from thalweg.questions import rarity


class CalibratedMixin(Declared):
    """For energies of single items: p-values, and which items to call unusual."""

    calibration_: NDArray[np.float64] | None = learned(
        "Energies of items that were not learned from. Set by ``calibrate``, and gone after every "
        "fit.",
        saved=True,
        shape=("any",),
        optional=True,
    )

    def check_parameters(self) -> None:
        super().check_parameters()
        # whatever is fitted now has other energies
        vars(self).pop("calibration_", None)

    def calibrate(self: Any, X: Any, folds: int | None = None) -> Any:
        """Remember energies of items that were not learned from, for ``p_values``.

        Parameters
        ----------
        X : as for ``energy``
            Items like those of training that ``fit`` has not seen. With ``folds``, the items that
            it was fitted on.
        folds : int, optional
            The model is fitted so many times more, each time without one part of X, which it is
            then asked about: nothing is held back, and p-values are right nearly, and not exactly.

        Returns
        -------
        self
        """
        self._like()
        if folds is None:
            energies = self.energy(X)
        else:
            check_parameters("calibrate", {"folds": folds}, {"folds": Integer(2)})
            energies = _crossed(self, X, folds)
        if not len(energies):
            raise InputError("calibrate: X has no rows; expected at least one")
        most = np.finfo(np.float64).max
        self.calibration_ = np.sort(np.minimum(energies.astype(np.float64), most))
        return self

    def p_values(self: Any, X: Any) -> NDArray[np.float64]:
        r"""How often an item like those of training has an energy at least as high: (n,).

        .. math::
            p(y) = \frac{1 + \#\{i : F(y_i) \ge F(y)\}}{m + 1}

        over the m items of ``calibrate``. For an item that comes as they do, P(p <= t) <= t,
        whatever the energy is like.

        Raises
        ------
        NotFittedError
            If ``calibrate`` was not called since the last fit.
        """
        if getattr(self, "calibration_", None) is None:
            raise NotFittedError(
                f"{type(self).__name__}: p-values need energies of rows that fit has not seen; "
                "call calibrate(X) with such rows, or calibrate(X, folds=5) with those of the fit"
            )
        return rarity.p_values(self.energy(X), self.calibration_)

    def select(
        self: Any, X: Any, fdr: float = 0.1, delta: float | None = None
    ) -> NDArray[np.bool_]:
        """Which items are unusual, so that the expected share of false alarms is at most ``fdr``.

        Parameters
        ----------
        X : as for ``energy``
        fdr : float, default 0.1
            The false discovery rate.
        delta : float, optional
            With it p-values are adjusted so that, with probability 1 - delta, they are right for
            the calibration that there happens to be, and not only on average over calibrations.

        Returns
        -------
        array (n,) of bool
        """
        p = self.p_values(X)
        if delta is not None:
            p = rarity.adjusted(p, len(self.calibration_), delta)
        return rarity.discoveries(p, fdr)


def _crossed(model: Any, X: Any, folds: int) -> NDArray[np.floating]:
    """Energies of all items, each by a fit that has not seen it."""
    n = X.n_rows if hasattr(X, "n_rows") else len(X)
    if n is None:
        n = len(X.frame)
    if folds > n:
        raise InputError(f"calibrate: folds={folds} is more than the {n} rows of X")
    part = np.random.default_rng(0).permutation(n) % folds
    found = []
    for fold in range(folds):
        try:
            again = clone(model).fit(_taken(X, np.flatnonzero(part != fold)))
        except InputError as error:
            raise InputError(
                f"calibrate: without part {fold + 1} of {folds} the rest cannot be fitted: {error}"
            ) from error
        found.append(again.energy(_taken(X, np.flatnonzero(part == fold))))
    return np.concatenate(found)


def _taken(X: Any, rows: NDArray[np.int64]) -> Any:
    from sklearn.utils import _safe_indexing

    if hasattr(X, "with_frame"):
        return X.with_frame(X.frame[rows.tolist()])
    return _safe_indexing(X, rows)
