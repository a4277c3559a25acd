"""A density of rows that assumes no shape."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Choice, Either, Real, learned, parameter
from thalweg.energies import Parzen
from thalweg.energies.parzen import best_bandwidth
from thalweg.estimators.base.loading import held
from thalweg.estimators.tables.model import MeanScoreMixin, SamplesMixin
from thalweg.estimators.tables.outliers import OutliersMixin
from thalweg.estimators.tables.reservoir import KeepsRows


class KernelDensity(OutliersMixin, SamplesMixin, MeanScoreMixin, KeepsRows):
    r"""A normal kernel around each training row (Parzen's windows); nothing else is trained.

    .. math::
        F(y) = -\log \frac1m \sum_{z=1}^m
        \frac{\exp(-\|y - y_z\|^2 / 2 h^2)}{(2 \pi h^2)^{d/2}}

    z is which row explains y. The bandwidth is that under which the rows, each left out in turn,
    are likeliest. Hidden (NaN) entries are integrated out; what a training row hides is known as
    its column is. Columns are scaled, of arrays too; energies are in those units. For some ten
    columns: of many, all rows are about as far.

    A row that was learned from does not count itself: it has the energy that it would have if it
    were new.

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
    bandwidth_: float = learned("The bandwidth.", saved=True, constraint=Real(0, above=True))

    def _keep(self, rows: Tensor) -> None:
        self.n_rows_ = len(rows)
        given = self.bandwidth
        self.bandwidth_ = best_bandwidth(rows) if isinstance(given, str) else float(given)
        self.energy_ = Parzen(rows, self.bandwidth_, apart=True)

    def _kept_rows(self) -> Tensor:
        return torch.where(self.energy_.shown, self.energy_.rows, torch.nan)

    def _blank(self, state: dict[str, Tensor]) -> Parzen:
        rows = held(state, "rows", self.n_rows_, self._width)
        return Parzen(torch.zeros_like(rows), self.bandwidth_, apart=True)
