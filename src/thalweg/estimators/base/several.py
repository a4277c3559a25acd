"""More than one filling: several draws, or the bounds of an interval."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError, Integer, Real, check_parameters

DRAWS = 199
"""Fillings that an interval is read off: of so many, each bound is one of them at most levels"""


class Several(NamedTuple):
    """What was asked for, checked."""

    draws: int | None
    interval: float | None

    @property
    def asked(self) -> bool:
        return self.draws is not None or self.interval is not None

    @property
    def fillings(self) -> int:
        """How many fillings it takes."""
        return DRAWS if self.draws is None else self.draws

    def bounds(self, drawn: NDArray[np.floating]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of draws (n, count, d), the quantiles that hold the next one so often: (n, d) each."""
        assert self.interval is not None
        ends = [(1 - self.interval) / 2, (1 + self.interval) / 2]
        lower, upper = np.quantile(drawn, ends, axis=1, method="weibull")
        return lower, upper


def several(draws: int | None, interval: float | None = None, owner: str = "complete") -> Several:
    """One of the two, or none, in range."""
    if draws is not None and interval is not None:
        raise InputError(f"{owner}: draws and interval are both given; expected one of them")
    if draws is not None:
        check_parameters(owner, {"draws": draws}, {"draws": Integer(1)})
        draws = int(draws)
    if interval is not None:
        open_ended = {"interval": Real(0, above=True, high=1, below=True)}
        check_parameters(owner, {"interval": interval}, open_ended)
        interval = float(interval)
    return Several(draws, interval)
