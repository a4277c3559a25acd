"""Mean and scatter of rows that come in parts: those of all rows together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.data import Rows, Summary
from thalweg.energies import FullGaussians
from thalweg.training.mixture import sums_of_rows
from thalweg.training.principal import scatter_of
from thalweg.training.weighted import Weighted


class Moments(NamedTuple):
    """Of n rows."""

    n: float
    mean: NDArray[np.float64]
    """(d,)"""
    scatter: NDArray[np.float64]
    """(d, d), sum of (y - mean) (y - mean)^T"""

    def with_more(self, other: Moments) -> Moments:
        r"""Those of both together.

        .. math::
            S = S_1 + S_2 + \frac{n_1 n_2}{n_1 + n_2} (m_2 - m_1) (m_2 - m_1)^T

        References
        ----------
        Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
        variances" (1979).
        """
        n, away = self.n + other.n, other.mean - self.mean
        between = self.n * other.n / n * np.outer(away, away)
        return Moments(n, self.mean + other.n / n * away, self.scatter + other.scatter + between)


def moments_of(rows: Rows, summary: Summary) -> Moments:
    """Of rows without hidden entries."""
    return Moments(float(len(rows)), summary.mean, scatter_of(rows, summary.mean))


def expected_moments(
    rows: Rows, mean: NDArray[np.float64], covariance: NDArray[np.float64]
) -> Moments:
    """Of rows with hidden entries, each at its mean given the visible ones, with its covariance.

    The mean and covariance (d, d) of the normal density that says so are what is known of the rows
    before.
    """
    of = torch.from_numpy
    component = FullGaussians(
        of(mean)[None], torch.ones(1, dtype=torch.float64), of(covariance)[None]
    )
    with torch.no_grad():
        found = sums_of_rows(component, Weighted(rows, None, of(mean), True), 1.0)
    n, shift = float(found.counts[0]), found.away[0].numpy()
    scatter = found.products[0].numpy() - n * np.outer(shift, shift)
    return Moments(n, mean + shift, scatter)


def covariance_of_plane(
    directions: NDArray[np.floating], variances: NDArray[np.floating], left: float
) -> NDArray[np.float64]:
    """Of rows spread by ``variances`` along k directions (k, d), and by ``left`` along others."""
    k, d = directions.shape
    w = directions.astype(np.float64)
    return np.asarray((w.T * (variances[:k] - left)) @ w + left * np.eye(d))
