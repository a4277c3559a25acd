"""Removing the latent variable gives an energy again."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import (
    Candidates,
    Energy,
    Indicators,
    InputError,
    LatentEnergy,
    note_converged,
)
from thalweg.latents.solver import LatentSolver, lowest_of


class FreeEnergy(Energy):
    r"""A latent energy with its latent variable removed.

    .. math::
        F_\infty(x, y) = \min_z E(x, y, z), \qquad
        F_\beta(x, y) = -\frac{1}{\beta} \log \sum_z e^{-\beta E(x, y, z)}

    F_beta grows with beta and tends to F_inf from below. It is an energy: nothing that uses it
    meets z.

    Parameters
    ----------
    energy : LatentEnergy
        E(x, y, z).
    solver : LatentSolver
        Finds the z to minimize or to sum over.
    beta : float, default inf
        Inverse temperature, above 0.

    Raises
    ------
    InputError
        If beta is not above 0.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "A tutorial on energy-based learning" (2006), section 2.
    """

    energy: LatentEnergy

    def __init__(self, energy: LatentEnergy, solver: LatentSolver, beta: float = math.inf) -> None:
        super().__init__()
        if not beta > 0:
            raise InputError(f"FreeEnergy: beta must be a number above 0, got {beta!r}")
        self.energy = energy
        self.solver = solver
        self.beta = beta

    @property
    def minimizes_hidden(self) -> bool:
        return math.isinf(self.beta) and self.energy.minimizes_hidden and self.solver.minimizes

    @property
    def indicators(self) -> Indicators | None:
        return self.energy.indicators

    def infer(self, y: Tensor, x: Tensor | None = None) -> Candidates:
        """The solver's candidates for each row."""
        candidates = self.solver.solve(self.energy, y, x, self.beta)
        note_converged(candidates.converged)
        return candidates

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        candidates = self.infer(y, x)
        if math.isinf(self.beta):
            return self.energy.least(y, candidates.z, x)
        energies = self.energy(y, candidates.z, x)
        terms = candidates.log_weight - self.beta * energies
        return -torch.logsumexp(terms, dim=0) / self.beta

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """z*, the candidate of least energy: ``(n, *latent)``."""
        # whatever beta is: the z to name is the one that a minimization gives
        found = self.solver.solve(self.energy, y, x)
        note_converged(found.converged)
        return lowest_of(self.energy, y, x, found.z)

    def responsibilities(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """p(z | x, y) of each candidate, proportional to exp(-beta E): (k, n)."""
        return self._share(self.infer(y, x), y, x)

    def _share(self, candidates: Candidates, y: Tensor, x: Tensor | None) -> Tensor:
        energies = self.energy(y, candidates.z, x)
        if math.isinf(self.beta):
            lowest = energies.argmin(dim=0, keepdim=True)
            return torch.zeros_like(energies).scatter_(0, lowest, 1)
        return torch.softmax(candidates.log_weight - self.beta * energies, dim=0)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        modes = self.energy.modes(y, x)
        return super().fillings(y, x) if modes is None else modes

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        z = self.solver.mean(self.energy, y, x)
        if z is not None:
            return self.energy.expect(y, z[None], torch.ones_like(y[None, :, 0]), x)
        candidates = self.infer(y, x)
        return self.energy.expect(y, candidates.z, self._share(candidates, y, x), x)

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor | None:
        """By z drawn from p(z | visible), among the solver's candidates or by its own way."""
        drawn = self.solver.draw(self.energy, y, n_draws, generator, x)
        if drawn is None and math.isinf(self.beta):
            return None
        z, beta = drawn or (self._drawn(y, n_draws, generator, x), self.beta)
        return self.energy.draw_rest(y, z, beta, generator, x)

    def _drawn(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None
    ) -> Tensor:
        """z of candidates, each as likely as its share: (n_draws, n, *latent)."""
        candidates = self.infer(y, x)
        share = self._share(candidates, y, x).expand(-1, len(y)).T.double().to(generator.device)
        which = torch.multinomial(share, n_draws, replacement=True, generator=generator)
        which = which.T.to(y.device)
        if candidates.z.shape[1] == 1:
            return candidates.z[:, 0][which]
        return candidates.z[which, torch.arange(len(y), device=y.device)]

    def restricted(self, visible: Tensor) -> FreeEnergy | None:
        view = self.energy.restricted(visible)
        return (
            None if view is None else FreeEnergy(view, self.solver.restricted(visible), self.beta)
        )

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.decode(z, x)

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.reconstruct(y, self.codes(y, x), x)

    def recovery_cost(
        self, y: Tensor, spoiled: Tensor, asked: Tensor, x: Tensor | None = None
    ) -> Tensor | None:
        cost = self.energy.recovery_cost(y, self.codes(spoiled, x), asked, x)
        return super().recovery_cost(y, spoiled, asked, x) if cost is None else cost

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        return self.energy.draw(n, self.beta, generator)
