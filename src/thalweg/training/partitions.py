"""Which way rows are divided among clusters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from thalweg.data import Rows, Summary
from thalweg.energies import Reconstruction, SquaredError, TableCost
from thalweg.latents import FreeEnergy
from thalweg.training.partition import ChunkedPartition, Partition, RememberingPartition
from thalweg.training.word_partition import WordPartition


def partition(
    rows: Rows,
    summary: Summary,
    energy: FreeEnergy,
    centers: Tensor,
    weight: NDArray[np.float64] | None,
) -> Partition:
    """The fast way where it is open, the general one elsewhere."""
    latent = energy.energy
    squares = isinstance(latent, Reconstruction) and type(latent.cost) is SquaredError
    plain = squares and math.isinf(energy.beta) and centers.device.type == "cpu"
    if plain and rows.is_array and not summary.hidden:
        return RememberingPartition(rows, summary, len(centers), weight)
    if isinstance(latent, Reconstruction) and isinstance(latent.cost, TableCost):
        hard = math.isinf(energy.beta) and centers.device.type == "cpu"
        if hard and WordPartition.fits(rows):
            return WordPartition(rows, energy, latent.cost, weight)
    return ChunkedPartition(rows, energy, weight)
