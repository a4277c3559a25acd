"""Latent variables found by descent: ISTA, FISTA, and descent from several starts."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy, LatentSpace
from thalweg.latents.solver import LatentSolver
from thalweg.latents.spaces import Sparse

Smooth = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From z (n, *latent) to the data term (n,) and its gradient (n, *latent)."""

GAP_EVERY = 10
"""Iterations between two looks at the duality gap."""


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
        start = energy.latent.nearest(y.new_zeros(len(y), *energy.latent.shape))
        curvature = energy.curvature()
        step = self._step(None if curvature is None else float(curvature.detach()))
        smooth = precise = data_term_of(energy, y, x)
        gap = None
        if isinstance(energy.latent, Sparse) and energy.latent.weight and curvature is not None:
            if y.dtype != torch.float64:
                # where nearly all of a row is explained, single precision cannot tell a small gap
                exact = copy.deepcopy(energy).double()
                precise = data_term_of(exact, y.double(), None if x is None else x.double())
            gap = duality_gap(energy.latent, precise)

        def descent(smooth: Smooth, z: Tensor) -> Found:
            return proximal_descent(
                smooth, energy.latent, z, step or 1.0, fixed=step is not None,
                accelerate=self.method == "fista", max_iter=self.max_iter, tol=self.tol, gap=gap,
            )  # fmt: skip

        found = descent(smooth, start)
        if precise is not smooth and not found.converged.all():
            finer = descent(precise, found.z.double())
            found = Found(finer.z.to(y.dtype), finer.converged)
        if not found.z.isfinite().all():
            raise InputError(
                f"ProximalGradient: {self.method} diverged with step_size={self.step_size}; "
                "expected a smaller one, or None to have it found"
            )
        return Candidates(found.z[None], found.z.new_zeros(1, 1), found.converged)

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
    row and every call. All ends are candidates: the lowest is the minimum, all together are modes
    to sum over.

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
        found = [
            descend_code(energy, y, x, start.expand(len(y), *start.shape), self.max_iter, self.tol)
            for start in self._starts(energy.latent, y)
        ]
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


class Found(NamedTuple):
    """Where a descent ended."""

    z: Tensor
    """(n, *latent)"""
    converged: Tensor
    """(n,), bool"""


def descend_code(
    energy: LatentEnergy, y: Tensor, x: Tensor | None, z: Tensor, max_iter: int, tol: float
) -> Found:
    """Bring the code of each row down from z, with step sizes of its own."""
    return proximal_descent(
        data_term_of(energy, y, x), energy.latent, z, 1.0, fixed=False, accelerate=True,
        max_iter=max_iter, tol=tol,
    )  # fmt: skip


def data_term_of(energy: LatentEnergy, y: Tensor, x: Tensor | None) -> Smooth:
    """The data term and its gradient in z, without a graph for anything else."""

    def smooth(z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            value = energy.data_term(y.detach(), at, x)
            (slope,) = torch.autograd.grad(value.sum(), at)
        return value.detach(), slope

    return smooth


def duality_gap(space: Sparse, smooth: Smooth) -> Callable[[Tensor], Tensor]:
    r"""From z, (primal - dual) / primal of a lasso; f is its data term and -c the gradient.

    The dual point is the residual, scaled by t so that no correlation is above the weight a:
    :math:`D = 2tf + t\, z \cdot c - t^2 f`. ``smooth`` is in double precision.
    """

    def gap(z: Tensor) -> Tensor:
        z = z.double()
        value, slope = smooth(z)
        c = -slope
        top = (c if space.nonnegative else c.abs()).amax(dim=-1).clamp_min(1e-300)
        t = (space.weight / top).clamp_max(1)
        primal = value + space(z)
        dual = 2 * t * value + t * (z * c).sum(dim=-1) - t * t * value
        return torch.where(primal > 0, (primal - dual) / primal.clamp_min(1e-300), 0)

    return gap


@torch.no_grad()
def proximal_descent(
    smooth: Smooth,
    space: LatentSpace,
    z: Tensor,
    step: float,
    *,
    fixed: bool,
    accelerate: bool,
    max_iter: int,
    tol: float,
    gap: Callable[[Tensor], Tensor] | None = None,
) -> Found:
    """Minimize data term plus R, each row by itself.

    Parameters
    ----------
    smooth : callable
        The data term and its gradient.
    space : LatentSpace
        R, by its proximal map.
    z : Tensor
        (n, *latent), where to start.
    step : float
        Step size to use (``fixed``), or to begin with.
    fixed : bool
        Whether the step size stays as it is; else rows shrink theirs until the step descends, and
        grow it again slowly.
    accelerate : bool
        With momentum, restarted where it points uphill.
    max_iter : int
    tol : float
    gap : callable, optional
        From z, a relative duality gap (n,) to stop by.
    """
    n = len(z)
    wide = (n, *[1] * (z.ndim - 1))
    steps = torch.full((n,), step, dtype=z.dtype, device=z.device)
    v, momentum = z, torch.ones_like(steps)
    done = torch.zeros(n, dtype=torch.bool, device=z.device)
    slack = 8 * torch.finfo(z.dtype).eps
    value, slope = smooth(v)
    for iteration in range(max_iter):
        if gap is not None and iteration % GAP_EVERY == 0:
            done |= gap(z) <= tol
            if done.all():
                break
        size = steps.reshape(wide)
        tried = space.proximal(v - size * slope, size)
        move = tried - v
        good = ~done
        if not fixed:
            at = smooth(tried)[0]
            promised = value + _dot(slope, move) + _dot(move, move) / (2 * steps)
            # slack for rounding, else a row at its minimum shrinks its step for ever
            good &= at <= promised + slack * value.abs()
            steps = torch.where(good, 1.1 * steps, torch.where(done, steps, 0.5 * steps))
        if gap is None:
            short = _dot(move, move).sqrt() <= tol * (1 + _dot(tried, tried).sqrt())
            finished = good & short
        ahead = tried
        if accelerate:
            restart = _dot(v - tried, tried - z) > 0
            following = torch.where(restart, 1.0, 0.5 * (1 + (1 + 4 * momentum.square()).sqrt()))
            share = torch.where(restart, 0.0, (momentum - 1) / following)
            ahead = tried + share.reshape(wide) * (tried - z)
            momentum = torch.where(good, following, momentum)
        keep = good.reshape(wide)
        z, v = torch.where(keep, tried, z), torch.where(keep, ahead, v)
        if gap is None:
            done = done | finished
            if iteration % GAP_EVERY == GAP_EVERY - 1 and bool(done.all()):
                break
        value, slope = smooth(v)
    if gap is not None:
        done = gap(z) <= tol
    return Found(z, done)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(dim=1)
