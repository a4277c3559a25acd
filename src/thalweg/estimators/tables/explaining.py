"""Why a row is unusual, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from thalweg import questions
from thalweg.core import visible
from thalweg.estimators.base.explanation import Explanation


class ExplainsMixin:
    """For energies that know what is left of them when cells are hidden."""

    def explain(self: Any, X: Any, usual: bool = True) -> Explanation:
        r"""Which cells a row's energy is there for, and what is usual in their place.

        .. math::
            s_j(y) = F(y) - F(y_{\setminus j})

        with cell j hidden, so that hiding it lowers the energy by exactly that: where exp(-F) is a
        density, :math:`-\log p(y_j | y_{\setminus j})`; where F is a squared distance, how much
        nearer the row is without the cell.

        Parameters
        ----------
        X : array, data frame or tensor (n, n_features)
            A hidden cell explains nothing: 0.
        usual : bool, default True
            Whether to say what is expected in each cell given the others of its row: their mean,
            the likeliest word; of energies that do not know it the value of least energy, which
            takes longer.

        Returns
        -------
        Explanation
            ``contribution`` (n, columns), ``usual`` in the container of X, ``columns``.
        """
        rows = self._read(X)
        cells = self._space.cells(rows.n_columns, self._columns())
        parts = [at for _, at in cells]

        def shares(y: Tensor) -> Tensor:
            return questions.explain(self.energy_, y, parts=parts, view=self._visible)

        def expected(y: Tensor) -> Tensor:
            return questions.usual(y, self._usual, parts)

        found = None
        if self.energy_.left_out(self._like().new_empty(0, rows.n_columns), parts) is not None:
            # both at once
            width = len(parts)
            both = self._ask(rows, lambda y: self._left_out(y, parts))
            share, filled = both[:, :width], np.ascontiguousarray(both[:, width:])
            found = self._space.replaced(X, self._with_constants(filled)) if usual else None
            return Explanation(share, found, [name for name, _ in cells])
        share = self._ask(rows, shares)
        if usual:
            filled = np.array(self._ask_by_descent(rows, expected))
            found = self._space.replaced(X, self._with_constants(filled))
        return Explanation(share, found, [name for name, _ in cells])

    def _left_out(self: Any, y: Tensor, parts: list[slice]) -> Tensor:
        """Shares and what is expected, side by side: (n, parts + d)."""
        energies, expected = self.energy_.left_out(y, parts)
        seen = torch.stack([visible(y[:, at]).any(dim=1) for at in parts], dim=1)
        shares = torch.where(seen, self._visible(y)(y)[:, None] - energies, 0)
        return torch.cat([shares, expected], dim=1)

    def _usual(self: Any, y: Tensor) -> Tensor:
        """Rows without NaN: what is expected where something is hidden."""
        view = self.energy_.restricted(~y.isnan())
        mean = None if view is None else view.expect(y)
        if mean is None or not bool(mean.isfinite().all()):
            return questions.complete(self._worded(), y, starts=self._fillings())
        return torch.where(y.isnan(), mean, y)
