"""What sums of products about a point that is far away have lost."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.energies import GaussianComponents

LARGEST_ERROR = 1e-6
"""Of an energy or, as a share, of a variance, from products about one point. Where it may be larger
they are taken by differences from each component's own mean."""


@torch.no_grad()
def rounding_of(components: GaussianComponents, away: Tensor, widths: float = 0.0) -> float:
    r"""What :math:`y^T P y` of rows near the means rounds away, seen from points so far away.

    .. math::
        \epsilon \, \max_z \; a_z^T |P_z| a_z, \qquad a_z = |\mu_z - \text{point}| + w \sigma_z

    Of d^2 terms that each round by as much, either way. It is also the share of a component's
    smallest variance that the sum of products loses.

    Parameters
    ----------
    components : GaussianComponents
    away : Tensor (k, d)
        From the point to each mean.
    widths : float, default 0
        w, standard deviations that rows are away from the mean.
    """
    precisions = components.precisions()
    size = away.abs()
    if widths:
        spread = components.covariance_factors().double().square().sum(dim=2).sqrt()
        size = size + widths * spread
    products = torch.einsum("ki,kij,kj->k", size, precisions.abs(), size)
    return float(products.max()) * torch.finfo(torch.float64).eps
