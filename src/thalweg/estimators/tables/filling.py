"""What is missing: the lowest, the mean, several draws, or the bounds of an interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg import questions
from thalweg.core import InputError, check_memory, generator_from
from thalweg.data import Rows
from thalweg.estimators.base.several import Several, several
from thalweg.estimators.tables.sparse import refuse_sparse


class FillsMixin:
    """For energies of rows, whose hidden cells can be filled in."""

    def complete(
        self: Any,
        X: Any,
        answer: str = "lowest",
        *,
        draws: int | None = None,
        interval: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        r"""A copy of X with every NaN filled, in the container of X.

        Visible entries are bit for bit what they were.

        Parameters
        ----------
        X : array, data frame or tensor (n, n_features)
        answer : {"lowest", "mean"}, default "lowest"
            What to fill in: the values of least energy, which lie in a valley; or their mean,
            given the visible entries, which has the least squared error to be expected where
            exp(-F) is a density (mixtures, variational autoencoder, PCA with its noise). For other
            energies with codes, mean is what the codes of the visible entries decode to.
        draws : int, optional
            m fillings instead, each drawn from p(hidden | visible) at the energy's own beta: what
            the table says is then worked out m times, and pooled, so that what is not known counts
            as not known (multiple imputation; Rubin, 1987).
        interval : float, optional
            Two bounds instead, between which a hidden number lies with this probability.
        random_state : int or RandomState, optional
            Seed of draws.

        Returns
        -------
        whole rows in the container of X; of ``draws`` (m, n, n_features), of frames a list of m; of
        ``interval`` a pair, lower and upper, in which words are the likeliest ones.

        Raises
        ------
        InputError
            If draws are asked of an energy whose beta is infinite, which is no density.

        Warns
        -----
        RuntimeWarning
            If draws are by chains, and these do not agree.
        """
        if answer not in ("lowest", "mean"):
            raise InputError(f"complete: answer must be 'lowest' or 'mean', got {answer!r}")
        refuse_sparse("complete", X)
        asked = several(draws, interval)
        if asked.draws is not None:
            return self._drawn_fillings(X, asked.draws, random_state)
        if asked.interval is not None:
            return self._bounds(X, asked, random_state)
        rows = self._read(X)

        def question(y: Tensor) -> Tensor:
            if answer == "mean":
                return questions.expect(self.energy_, y)
            return questions.complete(self._worded(), y, starts=self._fillings())

        filled = np.array(self._ask_by_descent(rows, question))
        return self._filled(X, rows, filled)

    def _filled(self: Any, X: Any, rows: Rows, filled: NDArray[np.floating]) -> Any:
        self._with_constants(filled, np.isnan(rows.values))
        return self._space.filled(self, X, rows, filled)

    def _fillings(self) -> Tensor | None:
        """Rows (s, d) that ``complete`` may start from, for energies without codes of their own."""
        return None

    def _draws(self: Any, rows: Rows, count: int, random_state: Any) -> NDArray[np.floating]:
        """(n, count, d), in the energy's units."""
        check_memory(16 * count * len(rows) * rows.n_columns, f"complete: {count} fillings")
        generator = generator_from(random_state)

        def question(y: Tensor) -> Tensor:
            return questions.draw_fillings(
                self.energy_, y, count, generator, starts=self._fillings()
            ).transpose(0, 1)  # fmt: skip

        return np.array(self._ask(rows, question))

    def _drawn_fillings(self: Any, X: Any, count: int, random_state: Any) -> Any:
        rows = self._read(X)
        drawn = self._draws(rows, count, random_state)
        each = [self._filled(X, rows, np.ascontiguousarray(drawn[:, i])) for i in range(count)]
        if isinstance(each[0], torch.Tensor):
            return torch.stack(each)
        return np.stack(each) if isinstance(each[0], np.ndarray) else each

    def _bounds(self: Any, X: Any, asked: Several, random_state: Any) -> tuple[Any, Any]:
        rows = self._read(X)
        hidden = np.isnan(rows.values)
        few = np.flatnonzero(hidden.any(axis=1))
        bounds = [np.array(rows.values), np.array(rows.values)]
        words = self._word_entries(rows.n_columns)
        # some rows at a time: so many fillings of all would not be held
        for at in np.array_split(few, max(1, len(few) // 1000)):
            if not len(at):
                continue
            drawn = self._draws(Rows(rows.take(at)), asked.fillings, random_state)
            likeliest = drawn[..., words].mean(axis=1)
            for bound, end in zip(bounds, asked.bounds(drawn), strict=True):
                end[:, words] = likeliest
                bound[at] = end
        lower, upper = (self._filled(X, rows, bound) for bound in bounds)
        return lower, upper

    def _word_entries(self: Any, width: int) -> NDArray[np.bool_]:
        """Which entries of a row say what word is there: (d,)."""
        mask = np.zeros(width, dtype=bool)
        if self._space.schema is not None:
            for start, stop in self._space.schema.layout.words:
                mask[start:stop] = True
        return mask
