"""Questions at the end of a scikit-learn Pipeline, asked and answered in the table's own units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metaestimators import available_if

from thalweg.core import InputError, as_array, columns_of
from thalweg.estimators.base.several import several
from thalweg.estimators.tables.reading import as_given
from thalweg.estimators.tables.sparse import is_sparse

__all__ = ["EnergyPipeline", "pipeline"]


def pipeline(*steps: Any, memory: Any = None, verbose: bool = False) -> EnergyPipeline:
    r"""Transformers and, last, an estimator of thalweg, as one estimator that is asked as it is.

    With t the transformers,

    .. math::
        F(y) = F_{\text{model}}(t(y)), \qquad
        \check y = t^{-1}\bigl(\text{complete}_{\text{model}}(t(y))\bigr)

    and likewise for ``project`` and ``sample``. Energies are those of transformed rows: no log
    determinant of t is added.

    Parameters
    ----------
    *steps : transformers of scikit-learn, then an estimator of tables
        Transformers are called by their class in lower case (numbered from 1 where there are
        several), the estimator ``model``: parameters are ``model__n_clusters`` and the like.
    memory, verbose
        As :class:`sklearn.pipeline.Pipeline` has them.

    Returns
    -------
    EnergyPipeline

    Raises
    ------
    InputError
        If there is no step.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg
    >>> from sklearn.preprocessing import StandardScaler
    >>> from thalweg.estimators import PCA
    >>> X = np.array([[0.0, 0.0], [1.0, 100.0], [2.0, 200.0]])
    >>> model = thalweg.pipeline(StandardScaler(), PCA(1)).fit(X)
    >>> model.complete([[4.0, np.nan]]).round(6)
    array([[  4., 400.]])
    >>> model.set_params(model__n_components=2).fit(X).energy([[0.0, 100.0]]).round(6)
    array([0.])
    """
    if not steps:
        raise InputError("pipeline: there is no step; expected transformers and an estimator")
    *before, last = steps
    kinds = [step if isinstance(step, str) else type(step).__name__.lower() for step in before]
    names = [
        f"{kind}-{kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else kind
        for i, kind in enumerate(kinds)
    ]
    named = list(zip(names, before, strict=True))
    return EnergyPipeline([*named, ("model", last)], memory=memory, verbose=verbose)


def _if_last_has(name: str) -> Callable[[EnergyPipeline], bool]:
    def check(self: EnergyPipeline) -> bool:
        # scikit-learn shows the message of the attribute that is not there
        getattr(self.steps[-1][1], name)
        return True

    return check


class EnergyPipeline(Pipeline):
    """A Pipeline that answers what its last step, an estimator of thalweg, answers.

    It is scikit-learn's own but for the questions beside ``score_samples``, ``transform`` and
    ``predict``; each is there if the last step has it. Usually made by :func:`pipeline`.

    Parameters
    ----------
    steps : list of (str, estimator)
    transform_input, memory, verbose
        As :class:`sklearn.pipeline.Pipeline` has them.
    """

    @available_if(_if_last_has("energy"))
    def energy(self, X: Any) -> NDArray[np.floating]:
        """F of each row, transformed: (n,)."""
        return self.steps[-1][1].energy(self._there(X))

    @available_if(_if_last_has("complete"))
    def complete(
        self,
        X: Any,
        answer: str = "lowest",
        *,
        draws: int | None = None,
        interval: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """A copy of X with every NaN filled, in the container of X.

        Visible entries are bit for bit what they were.

        Parameters
        ----------
        X : array, data frame or tensor (n, n_features)
        answer : {"lowest", "mean"}, default "lowest"
            As the last step has it; the mean is one of transformed values.
        draws, interval, random_state
            As the last step has them: several fillings, (m, n, n_features), or two bounds, which
            are brought back each by itself.

        Raises
        ------
        InputError
            If a transformer has no ``inverse_transform``, or does not pass hidden entries on.
        """
        asked = several(draws, interval)
        complete = self._last("complete")
        values, there = _values(X), self._there(X, "complete")

        def filled(rows: Any) -> Any:
            back = self._back("complete", rows)
            return as_given(X, np.where(np.isnan(values), back.astype(values.dtype), values))

        if not asked.asked:
            return filled(complete(there, answer))
        found = complete(there, answer, draws=draws, interval=interval, random_state=random_state)
        each = [filled(rows) for rows in found]
        if asked.interval is not None:
            # what turns values over turns bounds over too
            lower, upper = (np.asarray(bound) for bound in each)
            return as_given(X, np.minimum(lower, upper)), as_given(X, np.maximum(lower, upper))
        return np.stack(each) if isinstance(each[0], np.ndarray) else each

    @available_if(_if_last_has("calibrate"))
    def calibrate(self, X: Any) -> EnergyPipeline:
        """Remember energies of rows that ``fit`` has not seen, for ``p_values``."""
        self.steps[-1][1].calibrate(self._there(X))
        return self

    @available_if(_if_last_has("p_values"))
    def p_values(self, X: Any) -> NDArray[np.float64]:
        """How often a row like those of training has an energy at least as high: (n,)."""
        return self.steps[-1][1].p_values(self._there(X))

    @available_if(_if_last_has("select"))
    def select(self, X: Any, fdr: float = 0.1, delta: float | None = None) -> NDArray[np.bool_]:
        """Which rows are unusual, at a false discovery rate: (n,)."""
        return self.steps[-1][1].select(self._there(X), fdr, delta)

    @available_if(_if_last_has("project"))
    def project(self, X: Any) -> Any:
        """The point of the data manifold closest to each transformed row, in the container of X."""
        there = self._there(X, "project" if np.isnan(_values(X)).any() else None)
        found = self._back("project", self._last("project")(there))
        return as_given(X, found.astype(_values(X).dtype))

    @available_if(_if_last_has("sample"))
    def sample(
        self, n: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[np.floating]:
        """n draws, brought back to the columns of the table: (n, n_features)."""
        return self._back("sample", self._last("sample")(n, random_state=random_state))

    def _last(self, question: str) -> Callable[..., Any]:
        for name, step in self._before():
            _check_returns(question, name, step)
        return getattr(self.steps[-1][1], question)

    def _before(self) -> Iterator[tuple[str, Any]]:
        for name, step in self.steps[:-1]:
            if step is not None and step != "passthrough":
                yield name, step

    def _there(self, X: Any, question: str | None = None) -> Any:
        """Rows transformed; for a question about what is hidden, held to hide the same."""
        as_it_is = columns_of(X) is not None or is_sparse(X)
        rows = X if as_it_is else as_array("X", X)
        hidden = None if question is None else np.isnan(_values(X))
        for name, step in self._before():
            try:
                rows = step.transform(rows)
            except ValueError as error:
                if hidden is None or not hidden.any() or "NaN" not in str(error):
                    raise
                raise _not_passed_on(question, name, step) from error
            if hidden is not None and not np.array_equal(_hidden(rows), hidden):
                raise _not_passed_on(question, name, step)
        return rows

    def _back(self, question: str, rows: Any) -> NDArray[np.floating]:
        for name, step in reversed(list(self._before())):
            rows = step.inverse_transform(rows)
            if not np.isfinite(np.asarray(rows, dtype=np.float64)).all():
                raise InputError(
                    f"{question}: step {name!r} ({type(step).__name__}) has no number for some "
                    "values on their way back; expected a transformer that has one for every value"
                )
        return np.asarray(rows)


def _values(X: Any) -> NDArray[Any]:
    """X as numbers, of a type that has NaN."""
    array = as_array("X", X)
    if array.dtype in (np.float32, np.float64):
        return array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"X: {error}; expected numbers") from error


def _hidden(rows: Any) -> NDArray[np.bool_]:
    array = np.asarray(rows)
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)


def _check_returns(question: str, name: str, step: Any) -> None:
    """Refuse a transformer that there is no way back from."""
    one_way = isinstance(step, FunctionTransformer) and (
        step.func is not None and step.inverse_func is None
    )
    if one_way or getattr(step, "inverse_transform", None) is None:
        wanted = "inverse_func" if one_way else "inverse_transform"
        raise InputError(
            f"{question}: step {name!r} ({type(step).__name__}) has no {wanted}, so that answers "
            "cannot be brought back to the columns of X; expected a transformer that has"
        )


def _not_passed_on(question: str | None, name: str, step: Any) -> InputError:
    return InputError(
        f"{question}: step {name!r} ({type(step).__name__}) does not pass hidden (NaN) entries on "
        "as they are; expected one that does, such as StandardScaler, RobustScaler or "
        "QuantileTransformer"
    )
