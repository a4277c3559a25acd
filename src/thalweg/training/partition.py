"""Rows divided among clusters: the half of coordinate descent that finds z."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import visible_energy
from thalweg.data import Rows, Summary
from thalweg.latents import FreeEnergy
from thalweg.training.passes import Passes

BOUNDS_BYTES = 2 * 2**30
"""Most memory that distances remembered between iterations may take."""

CANCELS = 1e-6
"""Share of the squares about the mean below which a loss is summed row by row."""


class ClusterSums(NamedTuple):
    """What the other half needs. Weighted; float64."""

    sums: NDArray[np.float64]
    """(k, d), over the rows of each cluster, of their visible coordinates"""
    counts: NDArray[np.float64]
    """(k, d) or (k, 1), the weight behind each sum"""
    loss: float
    """the weighted sum of energies"""
    changed: int
    """rows whose cluster is another than last time"""


class Partition(ABC):
    """The rows of a data set and the cluster that each is in."""

    @abstractmethod
    def assign(self, centers: Tensor) -> ClusterSums:
        """Put every row where its energy is least."""

    @abstractmethod
    def outcome(self, centers: Tensor) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
        """For these centers, the cluster of every row and its energy there: both (n,)."""

    @abstractmethod
    def farthest(self, centers: Tensor, count: int) -> list[tuple[float, int]]:
        """The rows of highest energy, with that energy, highest first."""

    @abstractmethod
    def move(self, row: int, cluster: int, old: ClusterSums) -> ClusterSums:
        """Give a row to an empty cluster."""


class RememberingPartition(Partition):
    """Complete rows in memory, hard assignments: distances are remembered, few computed."""

    def __init__(
        self, rows: Rows, summary: Summary, k: int, weight: NDArray[np.float64] | None
    ) -> None:
        from thalweg.kernels.moving import MovingNearest  # compiled: slow to import

        self._y = rows.values
        self._weight = weight
        n, d = self._y.shape
        needed = MovingNearest.bytes_needed(n, d, k, self._y.dtype.itemsize)
        self._nearest = MovingNearest(self._y, k, weight, bounded=needed <= BOUNDS_BYTES)
        # energies are summed by way of the clusters' sums; centered, or the terms would cancel
        self._center = summary.mean
        if weight is None:
            self._spread = float(summary.squares.sum())
        else:
            chunks = ((start, chunk - self._center) for start, chunk in rows.chunks())
            self._spread = sum(
                float(weight[start : start + len(y)] @ np.einsum("nd,nd->n", y, y))
                for start, y in chunks
            )

    def assign(self, centers: Tensor) -> ClusterSums:
        from thalweg.kernels.nearest import energies_of

        points = centers.detach().numpy()
        changed = self._nearest.assign(points)
        sums, counts = self._nearest.sums, self._nearest.counts[:, None]
        w = points - self._center
        cross = np.sum(w * (sums - counts * self._center))
        loss = float(self._spread - 2 * cross + np.sum(counts * w * w))
        if not loss >= CANCELS * self._spread:
            energy = energies_of(self._y, points, self._nearest.label)
            loss = weighted_sum(energy, self._weight)
        return ClusterSums(sums, counts, loss, changed)

    def outcome(self, centers: Tensor) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
        from thalweg.kernels.nearest import energies_of

        points = centers.detach().numpy()
        self._nearest.assign(points)
        label = self._nearest.label
        return label, energies_of(self._y, points, label)

    def farthest(self, centers: Tensor, count: int) -> list[tuple[float, int]]:
        from thalweg.kernels.nearest import nearest

        energy = nearest(self._y, centers.detach().numpy())[1]
        return [(float(energy[i]), int(i)) for i in np.argsort(-energy, kind="stable")[:count]]

    def move(self, row: int, cluster: int, old: ClusterSums) -> ClusterSums:
        self._nearest.move_row(row, cluster)
        return old._replace(sums=self._nearest.sums, counts=self._nearest.counts[:, None])


class ChunkedPartition(Partition):
    """Any rows, hidden coordinates and files larger than memory included, on any device.

    This is the meaning that :class:`RememberingPartition` is a fast way to: whatever the energy
    says of each chunk. With a finite beta, rows are in every cluster by their responsibilities.
    """

    def __init__(self, rows: Rows, energy: FreeEnergy, weight: NDArray[np.float64] | None) -> None:
        device = next(energy.parameters()).device
        self._rows = rows
        self._energy = energy
        self._weight = weight
        self._passes = Passes(rows, device)
        # what is known of rows is where they are
        home = device if self._passes.keeps else torch.device("cpu")
        self._label = torch.full((len(rows),), -1, dtype=torch.int32, device=home)
        self._lowest = torch.zeros(len(rows), dtype=rows.torch_dtype, device=home)

    @torch.no_grad()
    def assign(self, centers: Tensor) -> ClusterSums:
        total = centers.new_zeros(2, *centers.shape, dtype=torch.float64)
        loss, changed = total.new_zeros(()), self._label.new_zeros((), dtype=torch.int64)
        for start, y in self._passes:
            at = slice(start, start + len(y))
            w = total.new_ones(len(y))
            if self._weight is not None:
                w = torch.from_numpy(self._weight[at]).to(w)
            value, lowest, label = self._add(y, w, *total)
            now = label.to(self._label)
            changed += (self._label[at] != now).sum()
            self._label[at], self._lowest[at] = now, lowest
            loss += value
        sums, counts = total.cpu().numpy()
        return ClusterSums(sums, counts, float(loss), int(changed))

    def _add(
        self, y: Tensor, w: Tensor, sums: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add a chunk to the sums; its weighted energy, each row's least one, and whose."""
        view = visible_energy(self._energy, y)
        assert isinstance(view, FreeEnergy)
        lowest, label = view.energy.lowest(y, view.infer(y).z)
        value, whole = lowest, view is self._energy
        if whole and math.isinf(view.beta) and y.device.type == "cpu":
            # complete rows in one cluster each: summed by the kernel
            from thalweg.kernels.moving import add_sums

            add_sums(y.numpy(), w.numpy(), label.numpy(), sums.numpy())
            counts += torch.bincount(label, w, len(sums))[:, None]
            return value.double() @ w, lowest, label
        weighted = y.nan_to_num().double() * w[:, None]
        seen = w[:, None] if whole else (~y.isnan()).double() * w[:, None]
        if math.isinf(view.beta):
            sums.index_add_(0, label, weighted)
            counts += counts.new_zeros(len(counts), seen.shape[1]).index_add_(0, label, seen)
        else:
            value = view(y)
            share = view.responsibilities(y).double()
            sums += share @ weighted
            counts += share @ seen
        return value.double() @ w, lowest, label

    def outcome(self, centers: Tensor) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
        self.assign(centers)
        return self._label.cpu().numpy(), self._lowest.cpu().numpy()

    def farthest(self, centers: Tensor, count: int) -> list[tuple[float, int]]:
        lowest = self._lowest.cpu().numpy()
        order = np.argsort(-lowest, kind="stable")[:count]
        return [(float(lowest[i]), int(i)) for i in order]

    def move(self, row: int, cluster: int, old: ClusterSums) -> ClusterSums:
        y = self._rows.take(np.array([row]))[0].astype(np.float64)
        w = 1.0 if self._weight is None else float(self._weight[row])
        seen, before = w * ~np.isnan(y), int(self._label[row])
        for label, sign in ((before, -1.0), (cluster, 1.0)):
            old.sums[label] += sign * w * np.nan_to_num(y)
            old.counts[label] += sign * seen
        self._label[row] = cluster
        return old


def weighted_sum(energy: NDArray[np.floating], weight: NDArray[np.float64] | None) -> float:
    """The weighted sum over rows, in double precision."""
    return float(energy.sum(dtype=np.float64) if weight is None else energy @ weight)
