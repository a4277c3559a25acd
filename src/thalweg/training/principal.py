"""Fitting the energy of PCA: in closed form, and by alternating where entries are hidden."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Loss, seen_through
from thalweg.data import Rows, Summary
from thalweg.latents import FreeEnergy
from thalweg.training.loop import Step

WIDE = 4096
"""Columns up to which the covariance matrix is formed."""


class Spectrum(NamedTuple):
    """Directions of the data, widest first."""

    directions: NDArray[np.float64]
    """(m, d), orthonormal rows"""
    variances: NDArray[np.float64]
    """(m,), along them, by n - 1"""


def spectrum(rows: Rows, summary: Summary) -> Spectrum:
    """The principal directions of rows; a hidden entry stands at its column's mean.

    From the covariance, summed in one pass (rows may be larger than memory), or where there are
    more columns than rows from the singular value decomposition.
    """
    n, d = len(rows), rows.n_columns
    if d > WIDE or d > n:
        centered = np.nan_to_num(rows.values - summary.mean).astype(np.float64)
        _, singular, directions = np.linalg.svd(centered, full_matrices=False)
        variances = singular**2 / max(n - 1, 1)
    else:
        scatter = np.zeros((d, d))
        for _, chunk in rows.chunks():
            centered = np.nan_to_num(chunk.astype(np.float64) - summary.mean)
            scatter += centered.T @ centered
        variances, columns = np.linalg.eigh(scatter / max(n - 1, 1))
        variances, directions = variances[::-1].clip(0), columns.T[::-1]
    return Spectrum(signed(directions), variances)


def signed(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each direction with its largest entry positive, so that a fit has one answer."""
    peak = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    return np.asarray(directions * np.where(peak < 0, -1.0, 1.0)[:, None], dtype=np.float64)


def alternating_step(energy: FreeEnergy, weight: Tensor, offset: Tensor) -> Step[Rows]:
    r"""Codes for all rows, then the best plane for the codes; in place on weight and offset.

    .. math::
        z_i \leftarrow \arg\min_z \sum_{j \text{ visible}} (y_{ij} - b_j - (zW)_j)^2, \qquad
        (W, b) \leftarrow \arg\min \sum_{ij \text{ visible}} (y_{ij} - b_j - (z_i W)_j)^2

    The loss, the mean energy before the plane moves, never rises.

    References
    ----------
    Ilin and Raiko, "Practical approaches to principal component analysis in the presence of
    missing values", JMLR 2010, section 3.1.
    """
    k, d = weight.shape

    @torch.no_grad()
    def step(rows: Rows, generator: torch.Generator) -> Loss:
        moments = torch.zeros(d, k + 1, k + 1, dtype=torch.float64, device=weight.device)
        along = torch.zeros(d, k + 1, dtype=torch.float64, device=weight.device)
        total = torch.zeros((), dtype=torch.float64, device=weight.device)
        for _, chunk in rows.chunks():
            y = torch.from_numpy(chunk).to(weight)
            view = seen_through(energy, y)
            codes = view.codes(y)
            assert codes is not None
            total += view(y).sum(dtype=torch.float64)
            seen = (~y.isnan()).double()
            z = torch.cat([codes.double(), seen.new_ones(len(y), 1)], dim=1)
            pairs = (z[:, :, None] * z[:, None, :]).reshape(len(y), -1)
            moments += (seen.T @ pairs).reshape(d, k + 1, k + 1)
            along += (seen * y.nan_to_num().double()).T @ z
        ridge = 1e-9 * moments.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
        plane = torch.linalg.solve(moments + ridge * torch.eye(k + 1).to(moments), along)
        old = torch.cat([weight, offset[None]])
        weight.copy_(plane[:, :k].T)
        offset.copy_(plane[:, k])
        change = (torch.cat([weight, offset[None]]) - old).norm() / old.norm().clamp_min(1e-30)
        return Loss(total / len(rows), {"change": change})

    return step
