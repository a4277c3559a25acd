"""The constant that makes exp(-F) a density."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.energies import GaussianRestrictedBoltzmann, Normal, RestrictedBoltzmann
from thalweg.objectives import Lattice
from thalweg.samplers import HMC, BlockGibbs, LogZ, annealed_importance
from thalweg.samplers.doubts import coarse_energies, warn_of
from thalweg.samplers.monte_carlo import check_rise

MOST_SUMMED = 2
"""Columns up to which a lattice is summed over."""

LADDER, CHAINS = 200, 128


def log_normalizer(energy: Energy, rows: Tensor, generator: torch.Generator) -> LogZ:
    r"""log Z of exp(-F) over real rows, with its standard error.

    .. math::
        \log Z = \log \int e^{-F(y)} \, dy

    By a lattice of 512 points a side up to two columns, else by annealed importance sampling
    from a normal density as wide as the rows.

    Parameters
    ----------
    energy : Energy
    rows : Tensor
        (n, d), where the energy is low: rows of the data.
    generator : torch.Generator
    """
    if rows.shape[1] <= MOST_SUMMED:
        lattice = Lattice(512 if rows.shape[1] == 2 else 8192, 0.5, shifted=False)
        lattice.begin(rows)
        points, log_weight = lattice(rows, generator)
        with torch.no_grad():
            heights = torch.cat([energy(part) for part in points.split(16384)])
        check_rise(heights, "log_normalizer")
        # far out heights are large without harm
        warn_of("log_normalizer", [coarse_energies(heights.min())], stacklevel=2)
        terms = log_weight - heights
        return LogZ(float(torch.logsumexp(terms, dim=0)), 0.0, terms)
    centered = rows - rows.mean(dim=0)
    covariance = centered.T @ centered / len(rows)
    size = covariance.diagonal().mean()
    covariance += 1e-3 * size * torch.eye(len(covariance)).to(rows)
    base = Normal(rows.mean(dim=0), covariance)
    sampler = HMC(0.1 * float(size.sqrt()), n_steps=5)
    return annealed_importance(energy, base, sampler, LADDER, CHAINS, generator)


@torch.no_grad()
def annealed_boltzmann(
    machine: RestrictedBoltzmann | GaussianRestrictedBoltzmann,
    rows: Tensor,
    generator: torch.Generator,
    n_steps: int,
    n_runs: int,
) -> LogZ:
    """log Z of a Boltzmann machine by annealing from one without connections, in its own units.

    Parameters
    ----------
    machine : RestrictedBoltzmann or GaussianRestrictedBoltzmann
    rows : Tensor
        (n, d), of which a binary machine without connections takes the rates.
    generator : torch.Generator
    n_steps, n_runs : int
        Temperatures, and runs.

    References
    ----------
    Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks" (2008).
    """
    if isinstance(machine, RestrictedBoltzmann):
        rate = rows.double().mean(dim=0).clamp(0.01, 0.99)
        base = torch.logit(rate).to(machine.weights)
        return annealed_importance(
            machine, machine.untied(base), BlockGibbs(), n_steps, n_runs, generator,
            path=lambda beta: machine.tempered(beta, base),
        )  # fmt: skip
    return annealed_importance(
        machine, machine.untied(), BlockGibbs(), n_steps, n_runs, generator, path=machine.tempered
    )
