"""Square independent component analysis as an energy."""

from __future__ import annotations

import copy
import itertools
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import InputError, Integer, Real, generator_from, learned, parameter
from thalweg.data import Rows, Summary
from thalweg.energies import IndependentSources, WithWords
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.model import (
    CodesMixin,
    MeanScoreMixin,
    SamplesMixin,
    StartsMixin,
    TableModel,
)
from thalweg.estimators.tables.outliers import OutliersMixin
from thalweg.estimators.tables.words import layout_of
from thalweg.training.hidden_sources import ROUNDS, HiddenSources, filled_in
from thalweg.training.history import History
from thalweg.training.ica import RelativeNewton, whitening
from thalweg.training.start import column_units, constant_columns

STARTS = 8
"""Training rows that ``complete`` may start from."""

SOME, SOME_A_COLUMN = 2000, 100
"""Rows, and rows for each column, that the first steps are made with where there are many"""

ENOUGH = 50
"""Cells, at least, that make up a column's variance among those rows"""

NARROW = 1e-6
"""Width of a constant column's source, as a share of its value"""


class SquareICA(
    OutliersMixin, CodesMixin, SamplesMixin, MeanScoreMixin, StartsMixin, Seeded, TableModel
):
    r"""Independent component analysis with as many sources as columns.

    .. math::
        F(y) = \sum_i g_i\bigl((yW)_i - b_i\bigr) - \log|\det W|

    The determinant keeps the volume of low energy bounded: F is minus the log-likelihood, and
    training lowers its mean. g is chosen for each source, for heavy or light tails. Codes are the
    sources.

    Hidden (NaN) entries of training rows are drawn given the visible ones, over and over, so that
    the likelihood of what is visible is made large; ``tol`` has no part in it. Those of rows that
    are asked about are minimized out: the energy, and the codes, are those of the row as
    ``complete`` fills it in, by descent from several training rows. A constant column is a source
    by itself, with heavy tails and a millionth of its value wide (of the other columns' usual
    spread, where it is 0): a row with another value there has an energy that grows with the
    difference.

    Raises
    ------
    InputError
        If columns depend linearly on one another, there are no more rows than columns, or a bad
        parameter or entry.

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
    _words_in_units = False

    energy_: IndependentSources | WithWords = learned()
    n_iter_: int = learned("Steps that were made.", saved=True, constraint=Integer(0))

    def fit(self, X: Any, y: None = None) -> Self:
        """Find the sources of the rows of X (n, n_features)."""
        every, summary = self._begin(X)
        random_state = check_random_state(self.random_state)
        layout = layout_of(self._space)
        rows = every
        if layout is not None:
            if not layout.numbers:
                raise InputError("SquareICA: X has words alone; expected a column of numbers")
            rows = Rows(np.ascontiguousarray(every.values[:, layout.numbers])).speaking()
            summary = rows.summary()
        constant = constant_columns(summary)
        whole: Rows | None = None
        if summary.hidden:
            energy, whole = self._of_visible(rows, summary, ~constant, random_state)
        else:
            energy = self._of_whole(rows, summary, ~constant, random_state)
        _hold(energy, constant, summary, rows.dtype)
        self.energy_ = energy.to(rows.torch_dtype)
        if layout is not None:
            assert self.table_ is not None
            p = torch.from_numpy(self.table_.prior)
            self.energy_ = WithWords(energy, layout, p).to(energy.offset.device, rows.torch_dtype)
        chosen = random_state.permutation(len(rows))[: STARTS - 1]
        kept = rows.take(chosen)
        if whole is not None:
            units = column_units(summary)
            drawn = whole.take(chosen) * units.scale.numpy() + units.shift.numpy()
            kept = np.where(np.isnan(kept), drawn, kept)
        kept = np.concatenate([summary.mean[None], kept]).astype(rows.dtype)
        self.starts_ = kept if layout is None else self._with_usual_words(kept)
        return self

    def _with_usual_words(self, numbers: NDArray[np.floating]) -> NDArray[np.floating]:
        """Rows of these numbers, each word the most frequent one."""
        assert self.table_ is not None
        result = np.zeros((len(numbers), self.table_.layout.width), numbers.dtype)
        result[:, self.table_.layout.numbers] = numbers
        for start, stop in self.table_.layout.words:
            result[:, start + int(self.table_.prior[start:stop].argmax())] = 1
        return result

    @property
    def _sources(self) -> IndependentSources:
        inner = self.energy_.energy if isinstance(self.energy_, WithWords) else self.energy_
        assert isinstance(inner, IndependentSources)
        return inner

    def _of_whole(
        self, rows: Rows, summary: Summary, varying: NDArray[np.bool_], random_state: Any
    ) -> IndependentSources:
        energy = self._start(rows, summary, varying, random_state)
        few = SOME + SOME_A_COLUMN * rows.n_columns
        if len(rows) >= 4 * few and _speaks_for_all(rows, summary, varying, few):
            # some rows say where to go as well as all do, until what is left is their own noise
            some = Rows(rows.take(random_state.permutation(len(rows))[:few]))
            begun = copy.deepcopy(energy.state_dict())
            of_all = RelativeNewton(energy)
            before = of_all.mean_energy(rows)
            self._descend(energy, some, varying, few**-0.5)
            if not of_all.mean_energy(rows) < before:
                energy.load_state_dict(begun)
        history = self._descend(energy, rows, varying, self.tol)
        self.n_iter_ = len(history)
        if float(history.metrics[-1]["gradient"]) > max(self.tol, 1e-4):
            self._warn_not_converged(self.n_iter_)
        return energy

    def _descend(
        self, energy: IndependentSources, rows: Rows, varying: NDArray[np.bool_], tol: float
    ) -> History:
        """Newton's steps until no entry of the relative gradient is above ``tol``."""
        return self._iterate(
            RelativeNewton(energy, torch.from_numpy(varying).to(self._device), same_rows=True),
            itertools.repeat(rows, self.max_iter),
            self.max_iter,
            stop=lambda history: (
                float(history.metrics[-1]["gradient"]) <= tol
                or not bool(history.metrics[-1]["moved"])
            ),
        )

    def _of_visible(
        self, rows: Rows, summary: Summary, varying: NDArray[np.bool_], random_state: Any
    ) -> tuple[IndependentSources, Rows]:
        """In units of the columns, which chains need, and back; and the rows filled in there."""
        units = column_units(summary)
        generator = generator_from(random_state)
        whole = filled_in(rows, units, generator)
        energy = self._start(whole, whole.summary(), varying, random_state)
        step = HiddenSources(energy, rows, whole, torch.from_numpy(varying).to(self._device))
        most = min(self.max_iter, ROUNDS)
        if self._device.type != "cpu":
            # chains take theirs from where they are
            generator = generator_from(random_state, self._device)
        self.n_iter_ = len(self._iterate(step, itertools.repeat(rows, most), most, generator))
        if self.n_iter_ < ROUNDS:
            self._warn_not_converged(self.n_iter_)
        step.average()
        units = units.to(self._device)
        with torch.no_grad():
            energy.weight.div_(units.scale[:, None])
            energy.offset.add_(units.shift @ energy.weight)
        return energy, whole

    def _start(
        self, rows: Rows, summary: Summary, varying: NDArray[np.bool_], random_state: Any
    ) -> IndependentSources:
        """Whitened rows, turned at random."""
        whiten = whitening(rows, summary, varying)
        d = int(varying.sum())
        turn = np.eye(len(varying))
        turn[np.ix_(varying, varying)] = np.linalg.qr(random_state.normal(size=(d, d)))[0]
        like = torch.empty(0, dtype=torch.float64, device=self._device)
        weight = torch.from_numpy(whiten @ turn).to(like)
        offset = torch.from_numpy(summary.mean).to(like) @ weight
        heavy = torch.ones(len(varying), dtype=torch.bool)
        return IndependentSources(weight, offset, heavy).to(like)

    @property
    def components_(self) -> NDArray[np.floating]:
        """One source a row: (n_features, n_features)."""
        return np.asarray(self._sources.weight.detach().T.cpu().numpy())

    @property
    def mixing_(self) -> NDArray[np.floating]:
        """From sources to columns: (n_features, n_features)."""
        return np.asarray(np.linalg.inv(self.components_))

    @property
    def mean_(self) -> NDArray[np.floating]:
        """The row whose sources are all 0: (n_features,)."""
        with torch.no_grad():
            zero = torch.zeros_like(self._sources.offset)[None]
            return np.asarray(self._sources.decode(zero)[0].cpu().numpy())

    @property
    def _n_features_out(self) -> int:
        return len(self._sources.offset)

    def _blank(self, state: dict[str, Tensor]) -> IndependentSources | WithWords:
        layout = layout_of(self._space)
        if layout is not None:
            inside = {name.removeprefix("energy."): each for name, each in state.items()}
            sources = self._blank_of(inside, len(layout.numbers))
            return WithWords.blank(sources, layout).to(sources.offset)
        return self._blank_of(state, self._width)

    def _blank_of(self, state: dict[str, Tensor], d: int) -> IndependentSources:
        weight = held(state, "weight", d, d)
        if not bool(torch.linalg.slogdet(weight).logabsdet.isfinite()):
            raise InputError("weight is singular: rows would have no energy")
        return IndependentSources(weight, held(state, "offset", d), held(state, "heavy", d))


@torch.no_grad()
def _hold(
    energy: IndependentSources, constant: NDArray[np.bool_], summary: Summary, dtype: np.dtype
) -> None:
    """Constant columns are sources by themselves, narrow ones."""
    typical = np.median(np.sqrt(summary.variance[~constant])) if not constant.all() else 1.0
    for j in np.flatnonzero(constant):
        value = float(summary.mean.astype(dtype)[j])
        # a power of two: in single precision too the source of the value is exactly 0
        steep = 2.0 ** -np.floor(np.log2(NARROW * (abs(value) or typical)))
        energy.weight[j, j] = steep
        energy.offset[j] = steep * value


def _speaks_for_all(rows: Rows, summary: Summary, varying: NDArray[np.bool_], few: int) -> bool:
    """Whether so few rows are enough: not where a column's variance is that of some far cells."""
    spread = np.where(varying, np.sqrt(summary.variance), 1.0)
    total = np.zeros(len(varying))
    for _, chunk in rows.chunks():
        total += np.square(np.square((chunk - summary.mean) / spread)).sum(axis=0)
    kurtosis = total[varying] / len(rows)
    return bool((kurtosis * ENOUGH <= few).all())
