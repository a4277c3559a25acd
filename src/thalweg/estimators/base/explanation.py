"""What is said of why a row is unusual."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Explanation(NamedTuple):
    """Of each row, which of its cells its energy is there for, and what is usual in their place."""

    contribution: NDArray[np.floating]
    """(n, columns): F minus F with that cell hidden, in the units of the energy"""
    usual: Any
    """rows in the container of X, in each cell what is expected there given the row's others;
    None where it was not asked for"""
    columns: list[str]
    """names of the columns"""

    def most(self, count: int) -> list[tuple[int, int]]:
        """(row, column) of the cells of largest share, largest first; none that is hidden."""
        order = np.argsort(-self.contribution, axis=None, kind="stable")
        order = order[self.contribution.reshape(-1)[order] != 0][:count]
        return [(int(i) // self.contribution.shape[1], int(i) % self.contribution.shape[1]) for i in order]
