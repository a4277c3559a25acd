"""The tuples that pass between folders."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Rows to learn from; hidden coordinates of ``y`` are NaN."""

    y: Tensor
    """(n, d), what is scored"""
    x: Tensor | None = None
    """(n, ...), what is given"""
    weight: Tensor | None = None
    """(n,), how much each row counts"""
    position: Tensor | None = None
    """(n,), which of the training rows these are; on the host, for few ask"""


class Loss(NamedTuple):
    """What a step reports; tensors stay on their device until somebody shows them."""

    value: Tensor
    """(), what the step brings down; carries the graph where a gradient is to be taken"""
    metrics: dict[str, Tensor]
    """named scalars for the eye, detached"""


class Candidates(NamedTuple):
    """Values of the latent variable that a solver proposes for each row."""

    z: Tensor
    """``(k, n, *latent)``, or ``(k, 1, *latent)`` where all rows share the same candidates"""
    log_weight: Tensor
    """(k, n) or (k, 1): 0 for an enumeration, log cell volume on a grid, -log(k q(z)) for draws"""
    converged: Tensor
    """(n,), bool: whether the solver vouches for its answer"""
