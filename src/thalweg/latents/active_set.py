"""Sparse codes, exactly."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from thalweg.core import (
    Candidates,
    InputError,
    LatentEnergy,
    QuadraticApart,
    out_of_graph,
    values_known,
)
from thalweg.latents.least_squares import not_quadratic
from thalweg.latents.proximal import ProximalGradient
from thalweg.latents.solver import LatentSolver
from thalweg.latents.spaces import Sparse


class ActiveSet(LatentSolver):
    """The lasso by active sets: the support is grown atom by atom, and solved exactly.

    For a quadratic data term and a :class:`~thalweg.latents.Sparse` latent space. Rows that hide
    the same coordinates share a Gram matrix; of one that few share, only the rows of active atoms
    are computed. Rows on a GPU go to FISTA.

    Parameters
    ----------
    tol : float, default 1e-6
        A row has converged when its duality gap is at most this share of its energy.
    max_iter : int, default 1000
        Iterations of FISTA where that is used.

    References
    ----------
    Lee, Battle, Raina, Ng, "Efficient sparse coding algorithms", NIPS 2006 (feature-sign search).
    """

    def __init__(self, tol: float = 1e-6, max_iter: int = 1000) -> None:
        super().__init__()
        self.tol = tol
        self.general = ProximalGradient("fista", tol, max_iter)

    @property
    def minimizes(self) -> bool:
        return True

    @torch.no_grad()
    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        space = energy.latent
        if not isinstance(space, Sparse):
            raise InputError(f"ActiveSet: latent space {type(space).__name__}; expected Sparse")
        if energy.quadratic_by_row is None:
            raise not_quadratic(energy, "ActiveSet")
        if not values_known(y) or y.device.type != "cpu" or space.weight == 0:
            return self.general.solve(energy, y, x)
        z, gap = y.new_zeros(len(y), space.k), y.new_zeros(len(y))
        solve = out_of_graph(_solve)
        solve(energy, space, y, x, self.tol, z, gap)
        open_ = (gap > self.tol).nonzero()[:, 0]
        if len(open_) and y.dtype == torch.float32:
            # single precision cannot tell so small a gap where nearly all of a row is explained
            exact, wide = copy.deepcopy(energy).double(), None if x is None else x.double()
            solve(exact, space, y.double(), wide, self.tol, z, gap, open_)
        return Candidates(z[None], z.new_zeros(1, 1), gap <= self.tol)


def _solve(
    energy: LatentEnergy,
    space: Sparse,
    y: Tensor,
    x: Tensor | None,
    tol: float,
    z: Tensor,
    gap: Tensor,
    among: Tensor | None = None,
) -> None:
    """Put the codes of rows, and their duality gaps, where these are kept."""
    from thalweg.kernels.lasso import lasso, lasso_apart  # compiled: slow to import

    groups = energy.quadratics(y, x, among)
    if groups is None:
        raise not_quadratic(energy, "ActiveSet")
    for rows, form in groups:
        how = (
            form.linear.detach().numpy(), form.constant.detach().numpy(), space.weight,
            space.nonnegative, 0.1 * tol,
        )  # fmt: skip
        if isinstance(form, QuadraticApart):
            codes, found = lasso_apart(form.atoms.detach().numpy(), form.seen.numpy(), *how)
        else:
            codes, found = lasso(form.gram.detach().numpy(), *how)
        z[rows], gap[rows] = torch.from_numpy(codes).to(z), torch.from_numpy(found).to(gap)
