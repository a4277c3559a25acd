"""Latent variables found in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy, Quadratic, values_known
from thalweg.latents.solver import LatentSolver
from thalweg.latents.spaces import Flat, Gaussian

PRODUCTS = 60
"""Steps of :func:`pseudo_inverse`, which reach a condition of 1e9"""


class LeastSquares(LatentSolver):
    r"""The minimum of a quadratic, :math:`z^* = (G + rI)^{-1} b`.

    For data terms that are quadratic in z over a latent space with R = 0 (r = 0) or
    :math:`R = \|z\|^2 / 2` (r = 1). Where G is singular, as with more codes than visible
    coordinates, the solution of least length.

    Parameters
    ----------
    shrinkage : Tensor, optional
        (k,). Added to the diagonal of G where the mean of z is asked for, which holds codes of
        directions that the visible coordinates hardly speak of near 0: sigma^2 / variance of
        each code is probabilistic PCA. The minimum does not know of it.
    noise : float, optional
        sigma^2, the variance of each coordinate about the plane, by which codes are drawn.
    """

    shrinkage: Tensor | None

    def __init__(self, shrinkage: Tensor | None = None, noise: float | None = None) -> None:
        super().__init__()
        self.noise = noise
        self.register_buffer("shrinkage", shrinkage)

    @property
    def minimizes(self) -> bool:
        return True

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        converged = torch.ones(y.shape[0], dtype=torch.bool, device=y.device)
        z = self._minimum(energy, y, x, None)
        return Candidates(z[None], z.new_zeros(1, 1), converged)

    def mean(self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return None if self.shrinkage is None else self._minimum(energy, y, x, self.shrinkage)

    @torch.no_grad()
    def draw(
        self,
        energy: LatentEnergy,
        y: Tensor,
        n_draws: int,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> tuple[Tensor, float] | None:
        """Codes from the normal density about their mean, of probabilistic PCA."""
        if self.shrinkage is None or not self.noise:
            return None
        form = quadratic_of(energy, y.double(), x, type(self).__name__)
        precision = form.gram + torch.diag(self.shrinkage.to(form.gram))
        factor = torch.linalg.cholesky(precision)
        mean = _solved(form, self.shrinkage.to(form.gram))
        e = torch.randn(
            (n_draws, *mean.shape), generator=generator, dtype=mean.dtype, device=generator.device
        ).to(mean.device)
        # cov z = 2 sigma^2 (G + r)^-1, G being twice that of the squares
        away = torch.linalg.solve_triangular(factor.mT, e[..., None], upper=True)[..., 0]
        return (mean + math.sqrt(2 * self.noise) * away).to(y), 1 / (2 * self.noise)

    @torch.no_grad()
    def _minimum(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None, shrinkage: Tensor | None
    ) -> Tensor:
        if not isinstance(energy.latent, (Flat, Gaussian)):
            raise InputError(
                f"LeastSquares: latent space {type(energy.latent).__name__}; expected Flat or "
                "Gaussian, for which the minimum has a closed form"
            )
        # in double: G has the squares of what directions differ by
        form = quadratic_of(energy, y.double(), x, type(self).__name__)
        prior = 1.0 if isinstance(energy.latent, Gaussian) else 0.0
        diagonal = torch.full_like(form.gram.reshape(-1, form.gram.shape[-1])[0], prior)
        diagonal = diagonal if shrinkage is None else diagonal + shrinkage
        z = _solved(form, diagonal)
        if shrinkage is None and y.dtype == torch.float64 and values_known(y):
            # once more for what is left, by differences: G has squared what directions differ by
            left = _slope(energy, y, z, x)
            z = z - _solved(form._replace(linear=left.expand_as(z)), diagonal)
        return z.to(y)


def _slope(energy: LatentEnergy, y: Tensor, z: Tensor, x: Tensor | None) -> Tensor:
    """dE/dz, from the energy itself."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(energy(y.detach(), z[None], x).sum(), z)
    return slope


def quadratic_of(energy: LatentEnergy, y: Tensor, x: Tensor | None, owner: str) -> Quadratic:
    """The data term as a quadratic in z, or an error that says what was expected."""
    form = energy.quadratic(y, x)
    if form is None:
        raise not_quadratic(energy, owner)
    return form


def not_quadratic(energy: LatentEnergy, owner: str) -> InputError:
    """What to say of an energy that should be quadratic in z."""
    return InputError(
        f"{owner}: {type(energy).__name__} is not quadratic in z; expected a linear decoder and a "
        "squared error"
    )


def _solved(form: Quadratic, diagonal: Tensor) -> Tensor:
    gram = form.gram + torch.diag(diagonal)
    if not values_known(gram, form.linear):
        # all rows share it, for they are complete
        return form.linear @ pseudo_inverse(gram)
    if gram.ndim == 2:
        return cholesky_or_least(gram[None], form.linear.T[None])[0].T
    return cholesky_or_least(gram, form.linear[..., None])[..., 0]


def pseudo_inverse(gram: Tensor) -> Tensor:
    r"""That of a positive semi-definite matrix (k, k), by products alone.

    :math:`X \leftarrow X (2I - G X)`, whose error is squared in each step, from X = G over its two
    norms. Directions whose share is below rounding stay out.

    References
    ----------
    Ben-Israel and Cohen, "On iterative computation of generalized inverses" (1966).
    """
    unit = gram.diagonal().rsqrt()
    unit = torch.where(unit.isfinite(), unit, 1)
    g = unit[:, None] * gram * unit
    size = g.abs().sum(dim=0).amax(dim=0)
    x = g / torch.where(size > 0, size, 1).square()
    for _ in range(PRODUCTS):
        x = 2 * x - x @ g @ x
    return unit[:, None] * x * unit


def cholesky_or_least(gram: Tensor, right: Tensor) -> Tensor:
    """Solve each system (m, k, k); the singular ones, by their least solution."""
    # each unknown in units of its own: what is then small is dependence, and not a scale
    unit = gram.diagonal(dim1=-2, dim2=-1).rsqrt()
    unit = torch.where(unit.isfinite(), unit, 1)
    factor, failed = torch.linalg.cholesky_ex(unit[..., None] * gram * unit[..., None, :])
    pivot = factor.diagonal(dim1=-2, dim2=-1).amin(dim=-1)
    # below this a pivot is rounding
    singular = (failed > 0) | ~(pivot.square() > 100 * torch.finfo(gram.dtype).eps)
    identity = torch.eye(gram.shape[-1]).to(gram)
    factor = torch.where(singular[:, None, None], identity, factor)
    solution = unit[..., None] * torch.cholesky_solve(unit[..., None] * right, factor)
    which = singular.nonzero()[:, 0]
    if len(which) == 0:
        return solution
    inverse = torch.linalg.pinv(gram[which], rtol=100 * torch.finfo(gram.dtype).eps, hermitian=True)
    return solution.index_copy(0, which, inverse @ right[which])
