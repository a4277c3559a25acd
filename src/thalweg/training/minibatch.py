"""Mini-batch K-means: a mean that learns from a few rows at a time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Batch, Loss, visible_energy
from thalweg.data import Rows
from thalweg.latents import FreeEnergy


class MiniBatchStep:
    r"""Move each point towards its rows in the batch, by the share they have of all it has seen.

    .. math::
        n_k \leftarrow n_k + b_k, \qquad
        w_k \leftarrow w_k + \frac{b_k}{n_k} (\bar y_k - w_k)

    with b_k the weight of the batch's rows in cluster k and :math:`\bar y_k` their mean: each
    point is at all times the mean of the rows it was given. Counts are kept for each coordinate,
    so hidden ones take no part.

    Parameters
    ----------
    energy : FreeEnergy
        Says which cluster a row is in.
    centers : Tensor
        (k, d), changed in place.
    counts : Tensor, optional
        (k, d), the weight of the rows that each coordinate of a point is the mean of so far, in
        double precision; none if not given. Changed in place.

    References
    ----------
    Sculley, "Web-scale k-means clustering", WWW 2010.
    """

    def __init__(self, energy: FreeEnergy, centers: Tensor, counts: Tensor | None = None) -> None:
        self.energy = energy
        self.centers = centers
        self.counts = torch.zeros_like(centers, dtype=torch.float64) if counts is None else counts

    @torch.no_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> Loss:
        y, k = batch.y, len(self.centers)
        view = visible_energy(self.energy, y)
        assert isinstance(view, FreeEnergy)
        w = torch.ones(len(y), device=y.device) if batch.weight is None else batch.weight
        value = view(y)
        label = view.energy.lowest(y, view.infer(y).z)[1]
        visible = (~y.isnan()).double() * w.double()[:, None]
        seen = self.counts.new_zeros(k, y.shape[1]).index_add_(0, label, visible)
        sums = seen.new_zeros(seen.shape).index_add_(0, label, visible * y.nan_to_num().double())
        self.counts += seen
        change = (sums - seen * self.centers.double()) / self.counts.clamp_min(1e-300)
        self.centers += torch.where(self.counts > 0, change, 0).to(self.centers)
        mean = (value * w).sum() / w.sum()
        return Loss(mean, {"energy": mean, "shift": change.square().sum()})


def counts_of(
    rows: Rows,
    labels: NDArray[np.int32],
    k: int,
    weight: NDArray[np.float64] | None,
    hidden: bool,
) -> NDArray[np.float64]:
    """The weight of the visible entries of each cluster's rows, column by column: (k, d)."""
    if not hidden:
        return np.tile(np.bincount(labels, weight, k)[:, None], (1, rows.n_columns)).astype(float)
    counts = torch.zeros(k, rows.n_columns, dtype=torch.float64)
    for start, chunk in rows.chunks():
        seen = torch.from_numpy(~np.isnan(chunk)).double()
        if weight is not None:
            seen *= torch.from_numpy(weight[start : start + len(chunk)])[:, None]
        counts.index_add_(0, torch.from_numpy(labels[start : start + len(chunk)]).long(), seen)
    return np.asarray(counts.numpy())
