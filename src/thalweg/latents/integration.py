"""Free energies of continuous latent variables: quadrature, importance sampling, Laplace."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy
from thalweg.latents.solver import LatentSolver, lowest_of
from thalweg.latents.spaces import Flat, Gaussian

MOST_AXES = 3
"""Dimensions of z up to which a grid is of use."""


class Quadrature(LatentSolver):
    r"""The midpoints of a grid over the latent space, each standing for its cell.

    .. math::
        F_\beta \approx -\tfrac1\beta \log \sum_i v\, e^{-\beta E(y, z_i)}

    with v the volume of a cell. For latent spaces of up to 3 dimensions that fit in a box; exact to
    rounding for smooth periodic E (an angle), second order in the spacing in general. With beta
    infinite, the best point of the grid.

    Parameters
    ----------
    points : int, default 64
        Along each axis.
    """

    def __init__(self, points: int = 64) -> None:
        super().__init__()
        if points < 1:
            raise InputError(f"Quadrature: points must be at least 1, got {points}")
        self.points = points

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        extent = energy.latent.extent()
        if extent is None or extent[0].numel() > MOST_AXES:
            raise InputError(
                f"Quadrature: {type(energy.latent).__name__}{tuple(energy.latent.shape)}; expected "
                f"a latent space of at most {MOST_AXES} dimensions that fits in a box"
            )
        low, high = extent
        middle = (torch.arange(self.points, dtype=low.dtype, device=low.device) + 0.5) / self.points
        axes = [a + (b - a) * middle for a, b in zip(low, high, strict=True)]
        z = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, len(axes))
        log_cell = ((high - low) / self.points).log().sum()
        return Candidates(
            z[:, None],
            log_cell.expand(z.shape[0], 1),
            torch.ones(y.shape[0], dtype=torch.bool, device=y.device),
        )


class Laplace(LatentSolver):
    r"""The integral of a Gaussian that fits at the minimum.

    .. math::
        F_\beta \approx E(y, z^*) + \frac{1}{2\beta} \log\det \frac{\beta H}{2\pi}, \qquad
        H = \nabla_z^2 E(y, z^*)

    Exact where E is quadratic in z; else good where one minimum holds the mass, the better the
    larger beta. A row where H is not positive definite (a minimum at an edge or along a valley) has
    ``converged`` False and the energy of its minimum. For spaces with smooth R: Flat and Gaussian.

    Parameters
    ----------
    minimizer : LatentSolver
        Finds z*; where it gives several, the lowest counts.

    Notes
    -----
    Where H changes with z, the gradient leaves out how z* moves the determinant.

    References
    ----------
    Tierney and Kadane, "Accurate approximations for posterior moments and marginal densities"
    (1986).
    """

    def __init__(self, minimizer: LatentSolver) -> None:
        super().__init__()
        self.minimizer = minimizer

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        found = self.minimizer.solve(energy, y, x)
        if math.isinf(beta):
            return found
        z = lowest_of(energy, y, x, found.z)
        factor, definite = self.precision(energy, y, x, z)
        log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        k = factor.shape[-1]
        log_weight = 0.5 * (k * math.log(2 * math.pi / beta) - log_det)
        log_weight = torch.where(definite, log_weight, 0)
        return Candidates(z[None], log_weight[None], found.converged & definite)

    def precision(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None, z: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cholesky factor (n, k, k) of the Hessian of E at z (n, k), and whether it has one."""
        if not isinstance(energy.latent, (Flat, Gaussian)):
            raise InputError(
                f"Laplace: latent space {type(energy.latent).__name__}; expected Flat or Gaussian, "
                "whose R has second derivatives"
            )
        hessian = _hessian(energy, y, x, z)
        factor, failed = torch.linalg.cholesky_ex(hessian)
        definite = failed == 0
        identity = torch.eye(hessian.shape[-1]).to(hessian)
        return torch.where(definite[:, None, None], factor, identity), definite

    def restricted(self, visible: Tensor) -> Laplace:
        return Laplace(self.minimizer.restricted(visible))


class Importance(LatentSolver):
    r"""Fixed draws from a proposal q, each weighted by 1 / (k q(z)).

    .. math::
        F_\beta \approx -\tfrac1\beta \log \frac1k \sum_i \frac{e^{-\beta E(y, z_i)}}{q(z_i)}

    q is exp(-R), normalized, or for each row the Gaussian of Laplace's method, which needs far
    fewer draws where E is narrow in z.

    Parameters
    ----------
    n_draws : int, default 256
    laplace : Laplace, optional
        Where given, draws come from its Gaussian.
    seed : int, default 0
        Of the draws, which are the same for every row and every call.
    """

    def __init__(self, n_draws: int = 256, laplace: Laplace | None = None, seed: int = 0) -> None:
        super().__init__()
        if n_draws < 1:
            raise InputError(f"Importance: n_draws must be at least 1, got {n_draws}")
        self.n_draws, self.laplace, self.seed = n_draws, laplace, seed

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        generator = torch.Generator().manual_seed(self.seed)
        if self.laplace is not None and not math.isinf(beta):
            return self._around_minimum(self.laplace, energy, y, x, beta, generator)
        space = energy.latent
        z, log_volume = space.draw(self.n_draws, generator), space.log_volume()
        if z is None or log_volume is None:
            raise InputError(
                f"Importance: {type(space).__name__} has no prior to draw from; expected a latent "
                "space whose exp(-R) has a finite integral, or laplace="
            )
        log_weight = space(z) + log_volume - math.log(self.n_draws)
        converged = torch.ones(y.shape[0], dtype=torch.bool, device=y.device)
        return Candidates(z[:, None], log_weight[:, None], converged)

    def _around_minimum(
        self,
        laplace: Laplace,
        energy: LatentEnergy,
        y: Tensor,
        x: Tensor | None,
        beta: float,
        generator: torch.Generator,
    ) -> Candidates:
        found = laplace.minimizer.solve(energy, y, x)
        lowest = lowest_of(energy, y, x, found.z)
        factor, definite = laplace.precision(energy, y, x, lowest)
        k = factor.shape[-1]
        e = torch.randn(self.n_draws, k, generator=generator, dtype=y.dtype).to(y.device)
        # z = z* + (beta H)^(-1/2) e
        scaled = factor.transpose(-1, -2) * math.sqrt(beta)
        away = torch.linalg.solve_triangular(scaled, e.T.expand(y.shape[0], k, -1), upper=True)
        z = lowest + away.permute(2, 0, 1)
        log_det = scaled.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        log_q = log_det - 0.5 * (e.square().sum(dim=-1)[:, None] + k * math.log(2 * math.pi))
        return Candidates(z, -log_q - math.log(self.n_draws), found.converged & definite)

    def restricted(self, visible: Tensor) -> Importance:
        inner = None if self.laplace is None else self.laplace.restricted(visible)
        return Importance(self.n_draws, inner, self.seed)


def _hessian(energy: LatentEnergy, y: Tensor, x: Tensor | None, z: Tensor) -> Tensor:
    """Second derivatives of each row's E along its z: (n, k, k), attached to y and parameters."""
    with torch.enable_grad():
        at = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(energy(y, at, x).sum(), at, create_graph=True)
        rows = [
            torch.autograd.grad(slope[:, i].sum(), at, create_graph=True)[0]
            if slope.requires_grad
            else torch.zeros_like(at)
            for i in range(z.shape[1])
        ]
    return torch.stack(rows, dim=1)
