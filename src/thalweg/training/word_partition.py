"""Rows with words divided among clusters: energies that are linear in the rows, as products."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.data import Rows
from thalweg.energies import TableCost
from thalweg.latents import FreeEnergy
from thalweg.training.partition import ChunkedPartition, ClusterSums, Partition

MOST_BYTES = 2**28
"""Of what is kept of the rows; with more they are looked at chunk by chunk"""


class WordPartition(Partition):
    r"""Rows of a table in memory, hard assignments.

    .. math::
        E(y, z) = \sum_{j \text{ visible}} (y_j^2 - 2 y_j w_{zj} + w_{zj}^2)
        - \sum_c v_c y_c \log p_{zc} + \dots

    is linear in what is kept of a row, so that all energies are one product of matrices. A fast way
    to what :class:`~thalweg.training.partition.ChunkedPartition` finds.
    """

    def __init__(
        self, rows: Rows, energy: FreeEnergy, cost: TableCost, weight: NDArray[np.float64] | None
    ) -> None:
        self._rows, self._energy, self._cost, self._weight = rows, energy, cost, weight
        y = torch.from_numpy(np.ascontiguousarray(rows.values)).double()
        seen = ~y.isnan()
        self._seen, self._known = seen.double(), y.nan_to_num()
        at = torch.tensor(cost.words.layout.numbers, dtype=torch.long)
        shown, there = cost.words.shown(y, seen)
        weighted = shown.double() * cost.words.spread(cost.weight.double())
        numbers = self._known[:, at]
        self._features = torch.cat([numbers, self._seen[:, at], weighted, (~there).double()], dim=1)
        self._squares = numbers.square().sum(dim=1)
        self._at = at
        self._w = torch.ones(len(y), dtype=torch.float64)
        if weight is not None:
            self._w = torch.from_numpy(weight)
        self._label = torch.full((len(y),), -1)
        self._lowest = torch.zeros(len(y), dtype=torch.float64)

    @staticmethod
    def fits(rows: Rows) -> bool:
        """Whether the rows are in memory, and what is kept of them may be."""
        return rows.is_array and 4 * 8 * len(rows) * rows.n_columns <= MOST_BYTES

    @torch.no_grad()
    def assign(self, centers: Tensor) -> ClusterSums:
        points = centers.detach().double()
        log_p, w = self._cost.words.log_p(points), points[:, self._at]
        hidden = self._cost.weight.double() * self._cost.words.least(log_p)
        terms = torch.cat([-2 * w, w.square(), -log_p, hidden], dim=1)
        scores = self._features @ terms.T
        lowest, label = scores.min(dim=1)
        self._lowest = lowest + self._squares
        changed = int((label != self._label).sum())
        self._label = label
        share = torch.zeros(len(points), len(label), dtype=torch.float64)
        share[label, torch.arange(len(label))] = self._w
        sums, counts = share @ self._known, share @ self._seen
        loss = float(self._lowest @ self._w)
        return ClusterSums(sums.numpy(), counts.numpy(), loss, changed)

    def outcome(self, centers: Tensor) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
        return ChunkedPartition(self._rows, self._energy, self._weight).outcome(centers)

    def farthest(self, centers: Tensor, count: int) -> list[tuple[float, int]]:
        order = torch.argsort(-self._lowest, stable=True)[:count]
        return [(float(self._lowest[i]), int(i)) for i in order]

    def move(self, row: int, cluster: int, old: ClusterSums) -> ClusterSums:
        known, seen = (
            each[row].numpy() * float(self._w[row]) for each in (self._known, self._seen)
        )
        for label, sign in ((int(self._label[row]), -1.0), (cluster, 1.0)):
            old.sums[label] += sign * known
            old.counts[label] += sign * seen
        self._label[row] = cluster
        return old
