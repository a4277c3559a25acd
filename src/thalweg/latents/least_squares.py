"""Latent variables found in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy, Quadratic
from thalweg.latents.solver import LatentSolver
from thalweg.latents.spaces import Flat, Gaussian


class LeastSquares(LatentSolver):
    r"""The minimum of a quadratic, :math:`z^* = (G + rI)^{-1} b`.

    For data terms that are quadratic in z over a latent space with R = 0 (r = 0) or
    :math:`R = \|z\|^2 / 2` (r = 1). Where G is singular, as with more codes than visible
    coordinates, the solution of least length.

    Parameters
    ----------
    cutoff : float, default 0
        Directions of z along which G is below this share of the curvature bound of all rows count
        as unseen, and stay 0. They are those that the visible coordinates hardly speak of, where
        small noise would make large codes.
    """

    def __init__(self, cutoff: float = 0.0) -> None:
        super().__init__()
        self.cutoff = cutoff

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        if not isinstance(energy.latent, (Flat, Gaussian)):
            raise InputError(
                f"LeastSquares: latent space {type(energy.latent).__name__}; expected Flat or "
                "Gaussian, for which the minimum has a closed form"
            )
        ridge = 1.0 if isinstance(energy.latent, Gaussian) else 0.0
        converged = torch.ones(len(y), dtype=torch.bool, device=y.device)
        with torch.no_grad():
            form = quadratic_of(energy, y, x, type(self).__name__)
            curvature = energy.curvature() if self.cutoff else None
            if form.gram.ndim == 3 and curvature is not None:
                z = _truncated(form, self.cutoff * curvature)
            else:
                z = _minimum(form, ridge)
        return Candidates(z[None], z.new_zeros(1, 1), converged)


def quadratic_of(energy: LatentEnergy, y: Tensor, x: Tensor | None, owner: str) -> Quadratic:
    """The data term as a quadratic in z, or an error that says what was expected."""
    form = energy.quadratic(y, x)
    if form is None:
        raise InputError(
            f"{owner}: {type(energy).__name__} is not quadratic in z; expected a linear decoder "
            "and a squared error"
        )
    return form


def _truncated(form: Quadratic, floor: Tensor) -> Tensor:
    """The minimum over the directions along which G is at least ``floor``."""
    values, vectors = torch.linalg.eigh(form.gram)
    inverse = torch.where(values >= floor, 1 / values.clamp_min(floor), 0)
    along = torch.einsum("nkl,nk->nl", vectors, form.linear)
    return torch.einsum("nkl,nl->nk", vectors, inverse * along)


def _minimum(form: Quadratic, ridge: float) -> Tensor:
    gram = form.gram + ridge * torch.eye(form.gram.shape[-1]).to(form.gram)
    right = form.linear[..., None]
    if gram.ndim == 2:
        right = form.linear.T
    factor, failed = torch.linalg.cholesky_ex(gram)
    spread = factor.diagonal(dim1=-2, dim2=-1)
    scale = gram.diagonal(dim1=-2, dim2=-1).amax(dim=-1).sqrt()
    singular = (failed > 0) | (spread.amin(dim=-1) <= 1e-6 * scale)
    if not singular.any():
        solution = torch.cholesky_solve(right, factor)
    else:
        solution = torch.linalg.pinv(gram, hermitian=True) @ right
    return solution.T if gram.ndim == 2 else solution[..., 0]
