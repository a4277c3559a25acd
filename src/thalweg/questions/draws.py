"""Several ways to fill in what is missing, as likely as the energy says."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Energy, Given, InputError
from thalweg.energies import Rescaled
from thalweg.objectives.imputed import JUMPS, MOVES, Held, HeldMachine, jumped
from thalweg.objectives.negatives import Pace, walk
from thalweg.samplers import HMC, Bipartite, BlockGibbs
from thalweg.samplers.doubts import warn_of

WARM_UP, ROUNDS = 40, 40
"""Rounds of a chain that are not looked at, and that are"""

LEAST_CHAINS = 4
"""Of each row, so that they can be held against one another"""

APART = 1.2
"""R-hat from which on the chains of a cell do not agree"""

MOST_NUMBERS = 2**22
"""Numbers of draws held at a time"""


@torch.no_grad()
def draw_fillings(
    energy: Energy,
    y: Tensor,
    n_draws: int,
    generator: torch.Generator,
    x: Tensor | None = None,
    starts: Tensor | None = None,
) -> Tensor:
    r"""Rows whose hidden entries are drawn given the visible ones.

    .. math::
        y_2 \sim p(y_2 \mid x, y_1) \propto e^{-\beta F(x, y_1, y_2)}

    at the energy's own beta: as the energy itself knows to draw (mixtures, planes with noise and
    neighbours exactly, a code by importance, masked parts one after the other), else by chains that
    begin at rows of ``starts``.

    Parameters
    ----------
    energy : Energy
    y : Tensor
        (n, d), hidden coordinates NaN.
    n_draws : int
    generator : torch.Generator
    x : Tensor, optional
        What is given.
    starts : Tensor, optional
        (s, d), rows whose values chains begin at; draws of the energy by default, where it has an
        exact way.

    Returns
    -------
    Tensor
        (n_draws, n, d) without NaN; visible entries are bit for bit what they were.

    Raises
    ------
    InputError
        If beta is infinite, and exp(-beta F) no density; or if chains have nowhere to start from.

    Warns
    -----
    RuntimeWarning
        If chains do not agree.
    """
    hidden = y.isnan()
    rows = hidden.any(dim=1).nonzero()[:, 0]
    result = y.expand(n_draws, *y.shape).clone()
    size = max(1, MOST_NUMBERS // (n_draws * y.shape[1]))
    for at in rows.split(size) if len(rows) else ():
        given = None if x is None else x[at]
        drawn = _drawn(energy, y[at], n_draws, generator, given, starts)
        result[:, at] = torch.where(hidden[at], drawn, y[at])
    return result


def _drawn(
    energy: Energy,
    y: Tensor,
    n_draws: int,
    generator: torch.Generator,
    x: Tensor | None,
    starts: Tensor | None,
) -> Tensor:
    view = energy.restricted(~y.isnan())
    found = None if view is None else view.draw_fillings(y, n_draws, generator, x)
    if found is not None:
        return found
    if isinstance(energy, Rescaled):
        # chains move in units in which columns compare
        inside = None if starts is None else energy.into(starts)
        given = energy.given(x)
        return energy.out(_drawn(energy.energy, energy.into(y), n_draws, generator, given, inside))
    if math.isinf(energy.beta):
        raise InputError(
            f"complete: beta of {type(energy).__name__} is infinite, and exp(-beta F) is no "
            "density to draw from; expected an energy with one (GaussianMixture, KernelDensity, "
            "PCA, Neighbors, VariationalAutoencoder, MaskedAutoencoder, Imputer)"
        )
    return _by_chains(energy, y, n_draws, generator, x, starts)


def _by_chains(
    energy: Energy,
    y: Tensor,
    n_draws: int,
    generator: torch.Generator,
    x: Tensor | None,
    starts: Tensor | None,
) -> Tensor:
    if starts is None:
        starts = energy.draw(256, generator)
    if starts is None:
        raise InputError(
            f"complete: {type(energy).__name__} has no way of its own to draw what is hidden; "
            "expected starts, rows that chains may begin at"
        )
    chains = max(n_draws, LEAST_CHAINS)
    rows = y.repeat(chains, 1)
    free = rows.isnan()
    place = torch.randint(len(starts), (len(rows),), generator=generator, device=generator.device)
    at = torch.where(free, starts[place.to(y.device)].to(y), rows)
    given = None if x is None else x.repeat(chains, *[1] * (x.dim() - 1))
    machine = isinstance(energy, Bipartite)
    asked = energy if given is None else Given(energy, given)
    held = HeldMachine(energy, at, free) if machine else Held(asked, at, free)
    pace = Pace(BlockGibbs() if machine else HMC(0.3, n_steps=5, jitter=0.5))
    seen = []
    for made in range(WARM_UP + ROUNDS):
        at = held.whole(walk(pace, held, at, MOVES, generator)[0])
        if not machine:
            at = jumped(held, at, JUMPS, generator)
        if made >= WARM_UP:
            seen.append(at.reshape(chains, *y.shape))
    _look_at(torch.stack(seen), y.isnan())
    return at.reshape(chains, *y.shape)[:n_draws]


def _look_at(seen: Tensor, hidden: Tensor) -> None:
    """Warn where the chains (times, chains, n, d) of a hidden entry do not agree."""
    times = len(seen)
    within = seen.double().var(dim=0).mean(dim=0)
    between = seen.double().mean(dim=0).var(dim=0)
    ratio = ((times - 1) / times + between / within.clamp_min(1e-300)).sqrt()
    apart = hidden & (ratio > APART) & (between > 0)
    share = float(apart.sum() / hidden.sum().clamp_min(1))
    if share > 0.1:
        warn_of(
            "complete",
            [f"the chains of {share:.0%} of the hidden entries do not agree (R-hat above {APART})"],
            stacklevel=6,
        )
