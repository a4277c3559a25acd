"""A density of rows that assumes no shape."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Choice, Either, InputError, Real, learned, parameter
from thalweg.energies import Parzen
from thalweg.energies.word_kernels import SMOOTHING
from thalweg.estimators.base.loading import held
from thalweg.estimators.tables.model import MeanScoreMixin, SamplesMixin
from thalweg.estimators.tables.reservoir import RowsExplain
from thalweg.estimators.tables.words import layout_of
from thalweg.training.bandwidth import kernel_widths


class KernelDensity(SamplesMixin, MeanScoreMixin, RowsExplain):
    r"""A normal kernel around each training row (Parzen's windows); nothing else is trained.

    .. math::
        F(y) = -\log \frac1m \sum_{z=1}^m
        \frac{\exp(-\|y - y_z\|^2 / 2 h^2)}{(2 \pi h^2)^{d/2}}

    z is which row explains y. The bandwidth is that under which the rows, each left out in turn,
    are likeliest; those far from all others do not count. Words have kernels of their own: a row's
    word, or any as often as it is usual. Hidden (NaN) entries are integrated out; what a training
    row hides is known as its column is. Columns are scaled, of arrays too; energies are in those
    units. For some ten columns: of many, all rows are about as far.

    A training row counts itself, and so has less energy than if it were new. ``threshold_`` is of
    rows that do not: to ask which of the training rows are unusual, ``calibrate(X, folds=5)``.

    Raises
    ------
    InputError
        If a parameter or an entry is bad.

    References
    ----------
    Rosenblatt (1956); Parzen (1962); Duin, "On the choice of smoothing parameters for Parzen
    estimators of probability density functions" (1976).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import KernelDensity
    >>> model = KernelDensity(bandwidth=1.0, scale="none").fit([[0.0], [4.0]])
    >>> model.energy([[1.0], [2.0]]).round(3)
    array([2.094, 2.919])
    """

    bandwidth: float | str = parameter(
        "h, in the units that columns are scaled to; by auto it is chosen.",
        Either(Choice(("auto",)), Real(0, above=True)),
        default="auto",
        kw_only=False,
    )

    energy_: Parzen = learned()
    smoothing_: float = learned(
        "Of the kernels of words: how often any word stands in place of the row's own.",
        saved=True,
        constraint=Real(0, above=True, high=1),
    )
    bandwidth_: float = learned("The bandwidth.", saved=True, constraint=Real(0, above=True))

    _words_in_units = False

    def _keep(self, rows: Tensor) -> None:
        if len(rows) < 2:
            raise InputError(
                "KernelDensity: X has 1 row that shows anything (n_samples=1); expected two or more"
            )
        self.n_rows_ = len(rows)
        layout, given = layout_of(self._space), self.bandwidth
        self.smoothing_ = SMOOTHING
        if isinstance(given, str) or layout is not None:
            self.bandwidth_, self.smoothing_ = kernel_widths(rows, layout)
        if not isinstance(given, str):
            self.bandwidth_ = float(given)
        self.energy_ = self._of(rows)

    def _of(self, rows: Tensor) -> Parzen:
        layout = layout_of(self._space)
        return Parzen(rows, self.bandwidth_, layout=layout, smoothing=self.smoothing_)

    def _blank(self, state: dict[str, Tensor]) -> Parzen:
        rows = held(state, "rows", self.n_rows_, self._width)
        return self._of(torch.zeros_like(rows))
