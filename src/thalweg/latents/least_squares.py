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
    shrinkage : Tensor, optional
        (k,). Where rows have hidden coordinates it is added to the diagonal of G, which holds the
        codes of directions that the visible coordinates hardly speak of near 0: the codes of
        probabilistic PCA, for sigma^2 / variance of each code.
    """

    shrinkage: Tensor | None

    def __init__(self, shrinkage: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("shrinkage", shrinkage)

    @property
    def minimizes(self) -> bool:
        return self.shrinkage is None

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
            diagonal = torch.full_like(form.linear[0], ridge)
            if form.gram.ndim == 3 and self.shrinkage is not None:
                diagonal = diagonal + self.shrinkage
            z = _minimum(form, diagonal)
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


def _minimum(form: Quadratic, ridge: Tensor) -> Tensor:
    gram = form.gram + torch.diag(ridge)
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
