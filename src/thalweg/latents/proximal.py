"""Latent variables found by descent: ISTA, FISTA, and descent from several starts."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy, LatentSpace, values_known
from thalweg.latents.proximal_descent import (
    DataTerm,
    Found,
    Slope,
    Smooth,
    descend_code,
    duality_gap,
    proximal_descent,
    slope_of,
)
from thalweg.latents.solver import LatentSolver, lowest_of
from thalweg.latents.spaces import Sparse


class ProximalGradient(LatentSolver):
    r"""ISTA or FISTA: gradient steps on the data term, proximal steps on R.

    .. math::
        z \leftarrow \operatorname{prox}_{sR}\bigl(v - s \nabla_z C(y, g(v))\bigr)

    with v = z (ISTA) or z plus momentum (FISTA, restarted where the momentum points uphill). Step
    sizes are 1 over the curvature where the energy knows it, else found for each row by
    backtracking. For sparse codes of a linear decoder a row is done when its duality gap is below
    ``tol`` times its energy, else when a step moves it by less than ``tol`` of its length.

    Parameters
    ----------
    method : {"fista", "ista"}, default "fista"
    tol : float, default 1e-6
    max_iter : int, default 1000
    step_size : float, optional
        s; found as above if not given.

    Raises
    ------
    InputError
        If the step size is so large that the iteration diverges: above 2 / curvature for ISTA,
        1 / curvature for FISTA.

    References
    ----------
    Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm" (2009), eq. 4.1-4.3;
    O'Donoghue and Candes, "Adaptive restart for accelerated gradient schemes" (2015).
    """

    def __init__(
        self,
        method: str = "fista",
        tol: float = 1e-6,
        max_iter: int = 1000,
        step_size: float | None = None,
    ) -> None:
        super().__init__()
        if method not in ("fista", "ista"):
            raise InputError(f"ProximalGradient: method must be 'fista' or 'ista', got {method!r}")
        self.method, self.tol, self.max_iter, self.step_size = method, tol, max_iter, step_size

    @property
    def minimizes(self) -> bool:
        return True

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        start = energy.latent.nearest(y.new_zeros(y.shape[0], *energy.latent.shape))
        if not values_known(y):
            found = descend_code(energy, y, x, start, self.max_iter, self.tol)
            return Candidates(found.z[None], found.z.new_zeros(1, 1), found.converged)
        curvature = energy.curvature()
        step = self._step(None if curvature is None else float(curvature.detach()))
        if isinstance(energy.latent, Sparse) and energy.latent.weight and curvature is not None:
            found = self._to_gap(energy, energy.latent, y, x, start, step)
        else:
            found = self._descend(DataTerm(energy, y, x), energy.latent, start, step)
        if not found.z.isfinite().all():
            raise InputError(
                f"ProximalGradient: {self.method} diverged with step_size={self.step_size}; "
                "expected a smaller one, or None to have it found"
            )
        return Candidates(found.z[None], found.z.new_zeros(1, 1), found.converged)

    def _to_gap(
        self,
        energy: LatentEnergy,
        space: Sparse,
        y: Tensor,
        x: Tensor | None,
        start: Tensor,
        step: float | None,
    ) -> Found:
        """Sparse codes of a linear decoder, until the duality gap says that they are there."""
        if y.dtype == torch.float64:
            smooth = DataTerm(energy, y, x)
            slope, gap = slope_of(energy, y, x), duality_gap(space, smooth)
            return self._descend(smooth, space, start, step, gap, slope)
        # where nearly all of a row is explained, single precision cannot tell a small gap
        exact, wide = copy.deepcopy(energy).double(), y.double()
        precise = DataTerm(exact, wide, None if x is None else x.double())
        smooth, slope = DataTerm(energy, y, x), slope_of(energy, y, x)
        found = self._descend(smooth, space, start, step, duality_gap(space, precise), slope)
        if bool(found.converged.all()):
            return found
        if energy.quadratic_by_row:
            some = None if x is None else x.double()
            return self._to_gap(exact, space, wide, some, found.z.double(), step).as_in(y)
        open_ = (~found.converged).nonzero()[:, 0]
        some = None if x is None else x[open_].double()
        finer = self._to_gap(exact, space, wide[open_], some, found.z[open_].double(), step)
        found.z[open_], found.converged[open_] = finer.as_in(y)
        return found

    def _descend(
        self,
        smooth: Smooth,
        space: LatentSpace,
        start: Tensor,
        step: float | None,
        gap: Callable[[Tensor], Tensor] | None = None,
        slope: Slope | None = None,
    ) -> Found:
        return proximal_descent(
            smooth, space, start, step or 1.0, fixed=step is not None,
            accelerate=self.method == "fista", max_iter=self.max_iter, tol=self.tol, gap=gap,
            slope=slope,
        )  # fmt: skip

    def _step(self, curvature: float | None) -> float | None:
        if curvature is None or curvature == 0:
            return self.step_size
        most = (1 if self.method == "fista" else 2) / curvature
        if self.step_size is None:
            return 1 / curvature
        if self.step_size > most * (1 + 1e-6):
            raise InputError(
                f"ProximalGradient: step_size={self.step_size:g} makes {self.method} diverge; "
                f"expected at most {most:.6g}, for a curvature of {curvature:.6g}"
            )
        return self.step_size


class Descent(LatentSolver):
    """Accelerated proximal gradient from several starts, for decoders that are not linear.

    The starts are those given, or 0 and draws from the latent space that are the same for every
    row and every call. All ends are candidates, modes to sum over; without a temperature the start
    that is lowest after an eighth of the steps goes on alone.

    Parameters
    ----------
    n_starts : int, default 4
    max_iter : int, default 200
    tol : float, default 1e-5
        A row is done when a step moves it by less than this share of its length.
    seed : int, default 0
        Of the starts.
    starts : Tensor, optional
        ``(n_starts, *latent)``, in place of draws.
    """

    starts: Tensor | None

    def __init__(
        self,
        n_starts: int = 4,
        max_iter: int = 200,
        tol: float = 1e-5,
        seed: int = 0,
        starts: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("starts", starts)
        if n_starts < 1:
            raise InputError(f"Descent: n_starts must be at least 1, got {n_starts}")
        self.n_starts, self.max_iter, self.tol, self.seed = n_starts, max_iter, tol, seed

    @property
    def minimizes(self) -> bool:
        return True

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        starts = [
            start.expand(y.shape[0], *start.shape) for start in self._starts(energy.latent, y)
        ]
        if math.isinf(beta) and len(starts) > 1:
            # only the lowest counts: the one that is it after a few steps goes on
            begun = [descend_code(energy, y, x, z, self.max_iter // 8, self.tol).z for z in starts]
            starts = [lowest_of(energy, y, x, torch.stack(begun))]
        found = [descend_code(energy, y, x, z, self.max_iter, self.tol) for z in starts]
        z = torch.stack([each.z for each in found])
        converged = torch.stack([each.converged for each in found]).any(dim=0)
        return Candidates(z, z.new_zeros(len(z), 1), converged)

    def _starts(self, space: LatentSpace, y: Tensor) -> Tensor:
        if self.starts is not None:
            return self.starts
        origin = space.nearest(y.new_zeros(1, *space.shape))
        if self.n_starts == 1:
            return origin
        generator = torch.Generator().manual_seed(self.seed)
        drawn = space.draw(self.n_starts - 1, generator)
        if drawn is None:
            drawn = torch.randn(self.n_starts - 1, *space.shape, generator=generator)
        return torch.cat([origin, drawn.detach().to(y)])
