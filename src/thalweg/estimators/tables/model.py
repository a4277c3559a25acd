"""What every estimator of tables can be asked, and the questions that only some can answer.

The base class asks what every energy of rows answers. The rest come as mixins, so that an estimator
that cannot answer a question does not have the method.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import Tensor

from thalweg import questions
from thalweg.core import (
    Choice,
    Declared,
    Energy,
    InputError,
    Integer,
    check_memory,
    check_parameters,
    generator_from,
    learned,
    parameter,
    real_array,
)
from thalweg.data import Rows, Summary
from thalweg.data.columns import Schema
from thalweg.estimators.base.model import FittedModel, ScoresMixin, warn
from thalweg.estimators.base.scikit_learn import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from thalweg.estimators.tables.constants import ConstantsMixin
from thalweg.estimators.tables.explaining import ExplainsMixin
from thalweg.estimators.tables.filling import FillsMixin
from thalweg.estimators.tables.space import Prepared, RowSpace, entered, in_units
from thalweg.estimators.tables.words import worded
from thalweg.questions.blocks import check_answers
from thalweg.questions.minimized import MinimizedOut
from thalweg.training import History, Step, train
from thalweg.training.progress import progress_bar


class TableModel(FillsMixin, ExplainsMixin, ConstantsMixin, ScoresMixin, FittedModel):
    """An estimator whose energy is of the rows of a table."""

    about: ClassVar[str] = "rows"

    scale: str = parameter(
        "Units that are taken off inside: median and quartiles, mean and standard deviation, or "
        "none. By auto an array or a frame of numbers alone stays as it is; a table (words, dates, "
        "or read from a file) is scaled robustly.",
        Choice(("auto", "robust", "standard", "none")),
        default="auto",
    )

    _words_in_units: ClassVar[bool] = True
    """Whether the indicators of words are scaled; not where they are no distances"""

    _space: RowSpace = RowSpace()
    """what rows are; of a model that is not fitted any"""

    def _begin(self, X: Any) -> tuple[Rows, Summary]:
        """Rows to learn from, and their moments; parameters and rows checked.

        Rows with no visible entry say nothing, and are none of them.
        """
        self.check_parameters()
        self._space, rows = entered(self, X)
        check_memory(8 * self._held(rows.n_columns), f"{self.sizes()} and {rows.n_columns} columns")
        summary = rows.summary(columns=self._columns())
        empty = np.flatnonzero(summary.visible == 0)
        if len(empty):
            raise InputError(
                f"{type(self).__name__}: column {self._name_of(int(empty[0]))} has no visible "
                "entry (all NaN); expected at least one number in every column"
            )
        if summary.silent:
            rows = rows.speaking()
            summary = rows.summary()
        if self._is_scaled() and not isinstance(X, Prepared):
            kept = rows.kept
            self._space, rows = in_units(
                self._space, rows, summary, self._units_by(), self._words_in_units
            )
            rows.kept = kept
            summary = rows.summary(columns=self._columns())
        self._remember(rows, summary)
        return rows, summary

    def _is_scaled(self) -> bool:
        """Whether units are taken off: of a table they are, of an array where that was said."""
        return self.scale in ("robust", "standard") or self._space.schema is not None

    def _units_by(self) -> str:
        return "robust" if self.scale == "auto" else self.scale

    @property
    def _width(self) -> int:
        """Entries of the rows that the energy is of."""
        return self._space.width(int(self.n_features_in_))

    def _beside(self) -> dict[str, Any]:
        return self._space.to_json()

    def _take_beside(self, said: Mapping[str, Any]) -> None:
        self._space = RowSpace.from_json(said, int(self.n_features_in_))

    @property
    def table_(self) -> Schema | None:
        """Columns of the table that it was fitted on, and their kinds; None of an array."""
        return self._space.schema

    def _held(self, columns: int) -> int:
        """About how many numbers fitting holds at a time, beside the rows."""
        return columns

    def _name_of(self, column: int) -> str:
        names = self._columns()
        return str(column) if names is None else repr(names[column])

    def _weight(
        self, X: Any, rows: Rows, sample_weight: ArrayLike | None
    ) -> NDArray[np.float64] | None:
        if sample_weight is None:
            return None
        given = real_array("sample_weight", sample_weight)
        hidden = np.isnan(given)
        if hidden.any():
            raise InputError(
                f"sample_weight: number {int(np.argmax(hidden))} is NaN, masked or missing; "
                "expected a weight for every row"
            )
        weight = _check_sample_weight(
            float(given) if given.ndim == 0 else given,
            np.empty((len(rows), 0)) if rows.kept is None else rows.kept,
            dtype=np.float64,
            ensure_non_negative=True,
        )
        weight = np.asarray(weight if rows.kept is None else weight[rows.kept])
        if not weight.sum() > 0:
            raise InputError("sample_weight: all weights are 0; expected one above 0")
        return weight

    def _read(self, X: Any) -> Rows:
        """Rows to ask about, checked."""
        check_is_fitted(self)
        rows = self._space.read(self, X)
        rows.check(columns=self._columns())
        return rows

    def rows_of(self, X: Any) -> NDArray[np.floating]:
        """The rows that the energy is asked about for X, hidden entries NaN: (n, entries).

        Those of an array as they are; of a table its columns' entries, in the energy's units.
        """
        return self._read(X).values

    def _columns(self) -> list[str] | None:
        names = getattr(self, "feature_names_in_", None)
        return self._space.columns(None if names is None else list(names))

    def _ask_by_descent(self, rows: Rows, question: Callable[[Tensor], Tensor]) -> NDArray[Any]:
        """As :meth:`_ask`, for questions that evaluate the energy many times on their way."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self._ask(rows, question)

    def _iterate(
        self,
        step: Step[Any],
        batches: Iterable[Any],
        most: int,
        generator: torch.Generator | None = None,
        stop: Callable[[History], bool] = lambda history: False,
    ) -> History:
        """Closed-form steps, at most so many, with a bar."""
        generator = torch.Generator() if generator is None else generator
        with progress_bar(type(self).__name__, most, self.verbose > 0) as progress:
            return train(step, batches, generator, stop=stop, progress=progress)

    def _warn_not_converged(self, n_iter: int) -> None:
        warn(
            f"{type(self).__name__}: not converged after {n_iter} iterations; a larger max_iter or "
            "tol may help",
            ConvergenceWarning,
            depth=2,
        )

    def project(self, X: Any) -> Any:
        """The point of the data manifold that is closest to each row. The container is X's."""
        rows = self._read(X)

        def question(y: Tensor) -> Tensor:
            hidden = y.isnan()
            if bool(hidden.any()) and self.energy_.restricted(~hidden) is None:
                y = questions.complete(self._worded(), y, starts=self._fillings())
            return questions.project(self._worded(), y)

        return self._space.replaced(X, self._ask_by_descent(rows, question))

    def _worded(self) -> Energy:
        """The energy, which knows where words are, for what moves rows."""
        return worded(self.energy_, self._space, self._like())

    def _restore(self, state: dict[str, Tensor]) -> Self:
        self._check_constants(self._width)
        return super()._restore(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class CodesMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """For energies with codes: ``transform`` and ``inverse_transform``."""

    def transform(self: Any, X: Any) -> NDArray[np.floating]:
        """Codes z*, the z of least energy for each row: (n, number of codes)."""
        return self._ask(self._read(X), lambda y: self._visible(y).codes(y))

    def inverse_transform(self: Any, Z: Any) -> Any:
        """What codes (n, number of codes) decode to: (n, d), of a model of tables a data frame."""
        check_is_fitted(self)
        like = self._like()
        z = torch.from_numpy(real_array("Z", Z)).to(like)
        if z.ndim != 2 or z.shape[1] != self._n_features_out:
            raise InputError(
                f"inverse_transform: Z has shape {tuple(z.shape)}; "
                f"expected (n, {self._n_features_out})"
            )
        with torch.no_grad():
            return self._space.made(self.energy_.decode(z).cpu().numpy())


class SamplesMixin:
    """For energies that can be drawn from."""

    def sample(
        self: Any, n: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> Any:
        """n draws from the density of the energy: (n, d), of a model of tables a data frame."""
        check_is_fitted(self)
        check_draws(n, self._width)
        generator = generator_from(random_state)
        drawn = questions.sample(self.energy_, n, generator).y.detach().cpu().numpy()
        check_answers(type(self).__name__, ~np.isfinite(drawn))
        return self._space.made(self._with_constants(np.array(drawn)))


def check_draws(n: Any, columns: int, copies: int = 3) -> None:
    """Refuse a number of draws that is none, or that memory cannot hold."""
    check_parameters("sample", {"n": n}, {"n": Integer(1)})
    check_memory(8 * copies * n * columns, f"sample: n={n} with {columns} columns")


class MeanScoreMixin:
    """For energies that are minus a log-likelihood, up to a constant."""

    def score(self: Any, X: Any, y: None = None) -> float:
        """Mean of -F over the rows, the mean log-likelihood, up to a constant."""
        return float(self.score_samples(X).mean(dtype=np.float64))


class StartsMixin(Declared):
    """For estimators that keep some training rows, for chains and completions to start from."""

    starts_: NDArray[np.floating] = learned(
        "Training rows that chains and completions start from.",
        saved=True,
        shape=("any", "_width"),
    )

    def _fillings(self: Any) -> Tensor:
        return torch.from_numpy(self.starts_).to(self._like())

    def _visible(self: Any, y: Tensor) -> Energy:
        """Of an energy that knows nothing of hidden entries, they are minimized out."""
        hidden = y.isnan()
        if not bool(hidden.any()):
            return self.energy_
        view = self.energy_.restricted(~hidden)
        return MinimizedOut(self.energy_, self._fillings()) if view is None else view
