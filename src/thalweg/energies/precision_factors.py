"""Factors of precision matrices, from covariances."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError


def precision_factors(covariances: Tensor) -> Tensor:
    """L, lower triangular with L L^T the inverse of each covariance (k, d, d).

    Raises
    ------
    InputError
        If a covariance is not positive definite; the message names the component.
    """
    # the Cholesky factor of the inverse, without inverting: flip, factor, invert, flip
    flipped, failed = torch.linalg.cholesky_ex(covariances.flip(1, 2))
    bad = (failed > 0).nonzero()
    if len(bad) or not flipped.isfinite().all():
        raise InputError(singular(int(bad[0]) if len(bad) else 0))
    identity = torch.eye(covariances.shape[-1]).to(covariances).expand_as(flipped)
    inverse = torch.linalg.solve_triangular(flipped, identity, upper=False)
    return inverse.flip(1, 2).transpose(1, 2)


def singular(component: int) -> str:
    return (
        f"GaussianMixture: the covariance of component {component} is singular, its rows lie in a "
        "plane or on a point; expected a larger reg_covar, fewer components, or other columns"
    )
