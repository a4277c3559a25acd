"""Running chains, and what they tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from thalweg.core import Energy, EnergyFunction, whole_number
from thalweg.samplers import diagnostics
from thalweg.samplers.base import Follow, Sampler, State, unwatched
from thalweg.samplers.doubts import Walk, doubts_of, warn_of


@dataclasses.dataclass(frozen=True, eq=False)
class Chains:
    """Draws of chains, and how the steps went."""

    draws: Tensor
    """``(chains, draws, *shape)``"""
    energy: Tensor
    """(chains, draws)"""
    acceptance: Tensor
    """(chains, draws), the probability with which each step was accepted"""
    diverged: Tensor
    """(chains, draws), how many of the steps since the last draw were not finite, or diverged"""
    gradients: float
    """gradients taken by each chain for these draws, warm-up aside"""
    sampler: Sampler | None
    """what made them, after warm-up; None for exact, independent draws"""
    state: State | None
    """where the chains stand, to go on from"""

    @property
    def y(self) -> Tensor:
        """All draws, those of one moment together: ``(draws * chains, *shape)``."""
        return self.draws.transpose(0, 1).flatten(0, 1)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Chains:
        """The same chains in other coordinates: ``change`` takes draws with leading dimensions."""
        return dataclasses.replace(self, draws=change(self.draws))

    def mean(self) -> Tensor:
        """``(*shape)``."""
        return self.draws.double().mean(dim=(0, 1))

    def sd(self) -> Tensor:
        """``(*shape)``."""
        return self.draws.double().flatten(0, 1).std(dim=0)

    def r_hat(self) -> Tensor:
        """As :func:`thalweg.samplers.r_hat`: ``(*shape)``."""
        return diagnostics.r_hat(self.draws)

    def ess_bulk(self) -> Tensor:
        """As :func:`thalweg.samplers.ess_bulk`: ``(*shape)``."""
        return diagnostics.ess_bulk(self.draws)

    def ess_tail(self) -> Tensor:
        """As :func:`thalweg.samplers.ess_tail`: ``(*shape)``."""
        return diagnostics.ess_tail(self.draws)

    def mcse_mean(self) -> Tensor:
        """As :func:`thalweg.samplers.mcse_mean`: ``(*shape)``."""
        return diagnostics.mcse_mean(self.draws)

    def mcse_sd(self) -> Tensor:
        """As :func:`thalweg.samplers.mcse_sd`: ``(*shape)``."""
        return diagnostics.mcse_sd(self.draws)

    def __str__(self) -> str:
        chains, draws = self.energy.shape
        made = "exact draws" if self.sampler is None else type(self.sampler).__name__
        if self.sampler is not None and not self.sampler.exact:
            made += " (not exact)"
        return (
            f"{made}: {chains} chains x {draws} draws; "
            f"acceptance {float(self.acceptance.mean()):.2f}, "
            f"{int(self.diverged.sum())} diverged; R-hat at most {_most(self.r_hat(), '.3f')}, "
            f"ESS at least {_least(self.ess_bulk())} (bulk) and {_least(self.ess_tail())} (tail)"
        )

    def to_arviz(self, name: str | Callable[[Tensor], Mapping[str, Tensor]] = "y") -> Any:
        """The object that ArviZ works on: posterior, ``(chain, draw, *shape)``, and statistics.

        Parameters
        ----------
        name : str or callable, default "y"
            What draws are called; or what makes several of them, each with a name
            (``posterior.named`` of :class:`thalweg.energies.Named`).

        Returns
        -------
        arviz.InferenceData or xarray.DataTree
            The latter from ArviZ 1.0 on.

        Raises
        ------
        ImportError
            Without the extra ``diagnostics``.
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError(
                "to_arviz needs ArviZ; expected the extra thalweg[diagnostics] to be installed"
            ) from error
        named = {name: self.draws} if isinstance(name, str) else name(self.draws)
        groups: dict[str, Any] = {
            "posterior": {each: draws.cpu().numpy() for each, draws in named.items()},
            "sample_stats": {
                "lp": -self.energy.cpu().numpy(),
                "acceptance_rate": self.acceptance.cpu().numpy(),
                "diverging": (self.diverged > 0).cpu().numpy(),
            },
        }
        old = arviz.__version__.startswith("0.")
        return arviz.from_dict(**groups) if old else arviz.from_dict(groups)


def _most(x: Tensor, form: str) -> str:
    """The largest number there is: coordinates that never change have none."""
    known = x[~x.isnan()]
    return format(float(known.max()), form) if len(known) else "(unknown)"


def _least(x: Tensor) -> str:
    known = x[~x.isnan()]
    return f"{float(known.min()):.0f}" if len(known) else "(unknown)"


def run(
    sampler: Sampler,
    energy_fn: EnergyFunction,
    state: State,
    n_draws: int,
    generator: torch.Generator,
    thin: int = 1,
    follow: Follow = unwatched,
) -> Chains:
    """Let chains go on from a state, and keep every ``thin``-th position.

    Parameters
    ----------
    sampler : Sampler
    energy_fn : callable
    state : State
        Of n chains, by ``sampler.init`` or of another run.
    n_draws : int
        Of each chain.
    generator : torch.Generator
    thin : int, default 1
    follow : callable, optional
        Called after each draw.

    Warns
    -----
    RuntimeWarning
        If something speaks against the draws: chains that stand still, steps that diverged,
        numbers that are not finite, or that lie too far apart in their precision. Whether chains
        agree is for the whole of a run to say (``r_hat``), and this may be a piece.

    Examples
    --------
    >>> from thalweg.samplers import HMC
    >>> energy = lambda y: y.square().sum(dim=1) / 2
    >>> sampler = HMC(step_size=0.5, n_steps=5)
    >>> state = sampler.init(energy, torch.zeros(8, 2))
    >>> chains = run(sampler, energy, state, 100, torch.Generator().manual_seed(0))
    >>> chains.draws.shape
    torch.Size([8, 100, 2])
    """
    n_draws, thin = whole_number("run: n_draws", n_draws), whole_number("run: thin", thin)
    begin = sampler.position(state)
    found = followed(sampler, energy_fn, state, n_draws, generator, thin, follow)
    warn_of("run", doubts_of(walk_of(found, energy_fn, begin, n_draws * thin)), stacklevel=2)
    return found


SOME = 32
"""Draws that are put in their places at a time: neighbours of one chain lie side by side there"""


def walk_of(found: Chains, energy_fn: EnergyFunction, begin: Tensor, steps: int) -> Walk:
    """Draws of chains that began at ``begin`` so many steps ago."""
    sampler = found.sampler
    assert sampler is not None
    space = energy_fn.space if isinstance(energy_fn, Energy) else "real"
    # the last draws tell of most chains already that they are no bits; and real numbers that move
    # are not all 0 and 1, whatever a plain function calls itself
    discrete = space == "binary" or (
        _all_bits(found.draws[:, -1:])
        and _all_bits(found.draws)
        and (sampler.space == "binary" or bool((found.draws != begin[:, None]).any()))
    )
    draws = found.draws
    which = energy_fn.which_bits() if isinstance(energy_fn, Energy) and space == "mixed" else None
    if which is not None:
        # bits may rightly be the same in all draws: the others are looked at
        draws, begin = draws[..., ~which], begin[..., ~which]
    return Walk(
        draws, found.energy, float(found.acceptance.mean()), int(found.diverged.sum()),
        begin, steps, discrete, sampler.compares,
    )  # fmt: skip


def _all_bits(draws: Tensor) -> bool:
    return bool(((draws == 0) | (draws == 1)).all())


def followed(
    sampler: Sampler,
    energy_fn: EnergyFunction,
    state: State,
    n_draws: int,
    generator: torch.Generator,
    thin: int,
    follow: Follow,
) -> Chains:
    """The draws of :func:`run`, before anyone has looked at them."""
    draws, some = None, []
    energies, acceptances, diverged = [], [], []
    gradients: float | Tensor = 0.0
    steps = sampler.steps(energy_fn, state, n_draws * thin, generator)
    for i in range(n_draws):
        state, info = next(steps)
        bad, rate, gradients = info.diverged, info.acceptance, gradients + info.gradients
        for _ in range(thin - 1):
            state, info = next(steps)
            bad, rate = bad.long() + info.diverged, rate + info.acceptance
            gradients = gradients + info.gradients
        position = sampler.position(state)
        if draws is None:
            draws = position.new_empty(len(position), n_draws, *position.shape[1:])
        some.append(position)
        if len(some) == SOME or i + 1 == n_draws:
            torch.stack(some, dim=1, out=draws[:, i + 1 - len(some) : i + 1])
            some.clear()
        n, energy = len(position), state.energy
        # of a ladder the first temperature is kept
        energies.append(energy if energy.shape == (n,) else energy.reshape(n, -1)[:, 0])
        acceptances.append(rate)
        diverged.append(bad)
        follow()
    assert draws is not None
    return Chains(
        draws,
        torch.stack(energies, dim=1),
        torch.stack(acceptances, dim=1) / thin,
        torch.stack(diverged, dim=1).long(),
        float(gradients),
        sampler,
        state,
    )
