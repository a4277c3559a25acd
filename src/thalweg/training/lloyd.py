"""Coordinate descent for K-means: z for all rows, then the points, each step the best there is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Loss
from thalweg.training.loop import Step
from thalweg.training.partition import ClusterSums, Partition
from thalweg.training.processes import Processes


def lloyd_step(centers: Tensor, group: Processes, total_weight: float) -> Step[Partition]:
    r"""One iteration of Lloyd's algorithm, in place on ``centers`` (k, d).

    .. math::
        z_i \leftarrow \arg\min_z E(y_i, z), \qquad
        w_k \leftarrow \sum_{i: z_i = k} y_i \Big/ \sum_{i: z_i = k} 1

    At a finite beta the rows count by their responsibilities, and the step is expectation
    maximization. A hidden coordinate counts in no mean. An empty cluster takes over the row of
    highest energy. The loss is the mean energy before the points move; it never rises.

    References
    ----------
    Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982).
    """

    def step(rows: Partition, generator: torch.Generator) -> Loss:
        here = rows.assign(centers)
        everywhere = _over_processes(here, group)
        for cluster in np.flatnonzero(everywhere.counts.sum(axis=1) <= 0):
            here = _reseed(int(cluster), rows, here, centers, group)
            everywhere = everywhere._replace(
                sums=group.total(here.sums), counts=group.total(here.counts)
            )
        old = centers.detach().cpu().numpy().astype(np.float64)
        counts = np.broadcast_to(everywhere.counts, old.shape)
        new = np.where(counts > 0, everywhere.sums / np.where(counts > 0, counts, 1), old)
        moved = torch.from_numpy(new).to(centers)
        shift = (moved.double() - centers.detach().double()).square().sum()
        with torch.no_grad():
            centers.copy_(moved)
        value = torch.tensor(everywhere.loss / total_weight, dtype=torch.float64)
        return Loss(value, {"changed": torch.tensor(everywhere.changed), "shift": shift.cpu()})

    return step


def _over_processes(here: ClusterSums, group: Processes) -> ClusterSums:
    loss, changed = group.total(np.array([here.loss, float(here.changed)]))
    return ClusterSums(group.total(here.sums), group.total(here.counts), float(loss), int(changed))


def _reseed(
    cluster: int, rows: Partition, here: ClusterSums, centers: Tensor, group: Processes
) -> ClusterSums:
    """Move the row of highest energy, of all processes' rows, into an empty cluster."""
    offers = group.gather(rows.farthest(centers, 1))
    best = max(range(len(offers)), key=lambda rank: _energy_of(offers[rank]))
    if best != group.rank or not offers[best]:
        return here
    return rows.move(offers[best][0][1], cluster, here)


def _energy_of(offer: list[tuple[float, int]]) -> float:
    return offer[0][0] if offer else -np.inf
