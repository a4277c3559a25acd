"""Where the points of K-means start."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data import Rows

SAMPLE_ROWS = 100_000
"""Rows on disk are seeded from a random sample of this size (or 100 for each cluster)."""


def check_distinct(rows: Rows, k: int, owner: str) -> None:
    """Raise :class:`InputError` if there are fewer than k different rows."""
    seen: set[bytes] = set()
    for _, chunk in rows.chunks():
        whole = np.ascontiguousarray(chunk + 0.0)  # -0 becomes 0
        as_bytes = whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1]))).reshape(-1)
        # most data show enough in their first rows
        for part in (as_bytes[: 2 * k], as_bytes[2 * k :]):
            seen.update(row.tobytes() for row in np.unique(part))
            if len(seen) >= k:
                return
    raise InputError(
        f"{owner}: n_clusters={k} is more than the {len(seen)} distinct rows among "
        f"n_samples={len(rows)}; expected at most as many clusters as distinct rows"
    )


def random_rows(
    rows: Rows, k: int, weight: NDArray[np.float64] | None, generator: torch.Generator
) -> NDArray[np.floating]:
    """k different rows, each as likely as its weight: (k, d)."""
    p = torch.ones(len(rows), dtype=torch.float64) if weight is None else torch.from_numpy(weight)
    # the k largest of log(weight) + Gumbel noise are a draw without replacement
    u = torch.rand(len(rows), generator=generator, dtype=torch.float64).clamp_min(1e-300)
    chosen = (p.log() - (-u.log()).log()).topk(k).indices
    points = rows.take(chosen.numpy())
    return _filled(points, rows.summary().mean) if np.isnan(points).any() else points


def plus_plus(
    rows: Rows, k: int, weight: NDArray[np.float64] | None, generator: torch.Generator
) -> NDArray[np.floating]:
    """k rows spread over the data by greedy k-means++: (k, d).

    Each next row is drawn with the probability of its energy so far; of 2 + log k rows drawn so,
    the one that lowers the total energy most is kept.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    from thalweg.kernels.visible import all_distances  # compiled: slow to import

    sample, weight = _sample(rows, k, weight, generator)
    w = np.ones(len(sample)) if weight is None else weight
    center = sample.summary().mean

    def energies(index: NDArray[np.int64]) -> NDArray[np.floating]:
        # a hidden coordinate of a row that is a candidate takes the mean of its column
        points = _filled(sample.take(index), center)
        return np.hstack([all_distances(chunk, points) for _, chunk in sample.chunks()])

    trials = 2 + int(math.log(k))
    chosen = np.empty(k, np.int64)
    chosen[0] = _draw(w, 1, generator)[0]
    lowest = energies(chosen[:1])[0]
    for c in range(1, k):
        candidates = _draw(w * lowest, trials, generator)
        lowered = np.minimum(lowest, energies(candidates))
        best = int(np.argmin(lowered @ w.astype(rows.dtype)))
        chosen[c] = candidates[best]
        lowest = lowered[best]
    return _filled(sample.take(chosen), center)


def _draw(
    potential: NDArray[np.floating], count: int, generator: torch.Generator
) -> NDArray[np.int64]:
    """Positions drawn with the probability of their potential; uniformly where all are 0."""
    total = np.cumsum(potential, dtype=np.float64)
    u = torch.rand(count, generator=generator, dtype=torch.float64).numpy()
    if total[-1] <= 0:
        return (u * len(total)).astype(np.int64)
    return np.minimum(np.searchsorted(total, u * total[-1], side="right"), len(total) - 1)


def _sample(
    rows: Rows, k: int, weight: NDArray[np.float64] | None, generator: torch.Generator
) -> tuple[Rows, NDArray[np.float64] | None]:
    size = max(SAMPLE_ROWS, 100 * k)
    if not rows.on_disk or len(rows) <= size:
        return rows, weight
    chosen = torch.randperm(len(rows), generator=generator)[:size].sort().values.numpy()
    return Rows(rows.take(chosen)), None if weight is None else weight[chosen]


def _filled(points: NDArray[np.floating], center: NDArray[np.float64]) -> NDArray[np.floating]:
    return np.where(np.isnan(points), center, points).astype(points.dtype)
