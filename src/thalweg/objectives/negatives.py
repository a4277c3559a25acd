"""Where to push up: the points that contrastive objectives hold against the data."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from thalweg.core import Batch, Energy, EnergyFunction, Given, InputError
from thalweg.objectives.base import settings_of
from thalweg.objectives.likelihood import normalized
from thalweg.objectives.scales import one_of
from thalweg.samplers import Bridge, Sampler
from thalweg.samplers.adaptive import Adaptive
from thalweg.samplers.noise import normal, one_uniform, uniform

STARTS = ("data", "normal")

PACE = 0.05
"""How much of a step size changes for a difference in acceptance of 1"""


@dataclasses.dataclass(frozen=True)
class NegativePoints:
    """Points to push up, and what a person may want to see of how they were found."""

    y: Tensor
    """``(n, *shape)``, detached"""
    x: Tensor | None
    metrics: dict[str, Tensor]


class Negatives(nn.Module, ABC):
    """A way to choose points where the energy should not be low."""

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        """Look at the data, before training."""

    def extra_repr(self) -> str:
        return settings_of(self)

    @abstractmethod
    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> NegativePoints:
        """As many points as the batch has rows."""


class FromData(Negatives):
    r"""Short chains that start at the data, after a random kick: CD-k.

    With ``Langevin(step_size, noise=0)`` it is the deterministic form: a kick, then down the
    energy, and up where that ends. With any other sampler it is CD with that sampler
    (:class:`~thalweg.samplers.BlockGibbs` for an RBM).

    Parameters
    ----------
    sampler : Sampler
    n_steps : int, default 10
        k.
    kick : float or sequence of float, default 0
        Standard deviation of Gaussian noise on the data that the chains start at; of several, each
        chain has one at random. Wide kicks find the wells far from the data that chains from the
        data never see.

    References
    ----------
    Hinton, "Training products of experts by minimizing contrastive divergence" (2002).
    """

    kicks: Tensor

    def __init__(
        self, sampler: Sampler, n_steps: int = 10, kick: float | tuple[float, ...] = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("kicks", check_chains("FromData", sampler, n_steps, kick))
        self.pace, self.n_steps, self.kick = Pace(sampler), n_steps, kick

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> NegativePoints:
        start = kicked(batch.y, self.kicks, generator)
        given = energy if batch.x is None else Given(energy, batch.x)
        end, acceptance = walk(self.pace, given, start, self.n_steps, generator)
        return NegativePoints(end, batch.x, {"acceptance": acceptance})


class Pace(nn.Module):
    """A sampler whose step size follows the energy as it changes.

    Samplers with an acceptance to aim at (MALA, HMC) take longer steps where they accept more, so
    that chains neither stand still nor run wild while training makes the energy steeper. Others
    keep the step size they were given.

    Parameters
    ----------
    sampler : Sampler
    """

    log_factor: Tensor

    def extra_repr(self) -> str:
        return settings_of(self)

    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        self.sampler = sampler
        self.register_buffer("log_factor", torch.zeros((), dtype=torch.float64))

    def now(self) -> Sampler:
        """The sampler at its present pace."""
        if not isinstance(self.sampler, Adaptive):
            return self.sampler
        return self.sampler.tuned(step_size=self.sampler.step_size * float(self.log_factor.exp()))

    def follow(self, acceptance: Tensor) -> None:
        """Learn from how often the chains moved."""
        if isinstance(self.sampler, Adaptive):
            self.log_factor += PACE * (acceptance.double().cpu() - self.sampler.target)


class FromChains(Negatives):
    r"""Chains that go on from step to step: persistent contrastive divergence.

    A buffer of chains stays on the device of the data. Each step moves as many as the batch has
    rows, which are chosen at random, and starts a small share of those anew at kicked data. The
    buffer is part of the objective's state, so a checkpoint has it.

    Parameters
    ----------
    sampler : Sampler
    n_steps : int, default 10
        Steps of a chain for each step of training.
    size : int, default 4096
        Chains in the buffer.
    reseeded : float, default 0.01
        Share of the chains moved that start anew.
    kick : float or sequence of float, default 0.1
        Standard deviation of the noise on the data where chains start; not for binary energies.
        Chains kicked far away are high up for a while, and energies are pushed up for nothing.
    start : {"data", "normal"}, default "data"
        Where chains start: at kicked data, or at draws of a normal density with the mean and the
        covariance of the batch, whatever its number of columns. Chains from data stay where data
        are; those from a normal density have to find them, and draws are then the energy's own.

    References
    ----------
    Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient" (2008). Du, Mordatch, "Implicit generation and modeling with energy-based models"
    (2019), for the buffer.
    """

    chains: Tensor
    kicks: Tensor

    def __init__(
        self,
        sampler: Sampler,
        n_steps: int = 10,
        size: int = 4096,
        reseeded: float = 0.01,
        kick: float | tuple[float, ...] = 0.1,
        start: str = "data",
    ) -> None:
        super().__init__()
        self.register_buffer("kicks", check_chains("FromChains", sampler, n_steps, kick))
        if size < 1 or not 0 <= reseeded <= 1:
            raise InputError(
                f"FromChains: size is {size} and reseeded {reseeded}; expected at least 1, and a "
                "share from 0 to 1"
            )
        if start not in STARTS:
            raise InputError(f"FromChains: start must be one of {STARTS}, got {start!r}")
        self.pace, self.n_steps, self.size = Pace(sampler), n_steps, size
        self.reseeded, self.kick, self.start = reseeded, kick, start
        self.register_buffer("chains", torch.empty(0))

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        if self.start == "normal":
            self.chains = as_normal(y, self.size, generator)
            return
        rows = torch.randint(len(y), (self.size,), generator=generator, device=generator.device)
        self.chains = self._fresh(energy, y[rows.to(y.device)], generator)

    def _fresh(self, energy: Energy, y: Tensor, generator: torch.Generator) -> Tensor:
        if self.start == "normal":
            return as_normal(y, len(y), generator)
        return y.detach() if energy.space != "real" else kicked(y, self.kicks, generator)

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> NegativePoints:
        if batch.x is not None:
            raise InputError("FromChains: x is given, and chains that go on keep none; expected "
                             "FromData")  # fmt: skip
        y = batch.y
        if len(self.chains) == 0:
            self.begin(energy, y, generator)
        if len(y) > self.size:
            raise InputError(
                f"FromChains: size is {self.size} and a batch has {len(y)} rows; expected a buffer "
                "of at least a batch"
            )
        # a stretch of the buffer from a random place: every chain has its turn, none twice
        first = int(one_uniform(generator) * self.size)
        index = (torch.arange(len(y), device=y.device) + first) % self.size
        start = self.chains[index]
        anew = uniform(y.flatten(1)[:, 0], generator) < self.reseeded
        fresh = self._fresh(energy, y, generator)
        start = torch.where(anew.reshape(-1, *[1] * (y.dim() - 1)), fresh, start)
        end, acceptance = walk(self.pace, energy, start, self.n_steps, generator)
        self.chains[index] = end
        return NegativePoints(
            end, None, {"acceptance": acceptance, "reseeded": anew.float().mean()}
        )


def as_normal(y: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n draws of the normal density with the mean and covariance of rows y (m, ...).

    Rows, less their mean, with random weights: no matrix of their columns is made.
    """
    y = y.detach()
    mean, rows = y.mean(dim=0), y.flatten(1)
    weights = normal(rows.new_empty(n, len(rows)), generator) / len(rows) ** 0.5
    return (weights @ (rows - rows.mean(dim=0))).reshape(n, *y.shape[1:]) + mean


class FromNoise(Negatives):
    """Draws from a density that does not learn.

    Parameters
    ----------
    noise : Energy
        One that can be drawn from and knows its log Z.
    """

    def __init__(self, noise: Energy) -> None:
        super().__init__()
        self.noise = normalized(noise, "FromNoise")

    @torch.no_grad()
    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> NegativePoints:
        drawn = self.noise.draw(len(batch.y), generator)
        assert drawn is not None
        return NegativePoints(drawn.to(batch.y), batch.x, {})


class FromBatch(Negatives):
    """The y of another row of the batch, for energies of pairs (x, y)."""

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> NegativePoints:
        if batch.x is None or len(batch.y) < 2:
            raise InputError(
                "FromBatch: a batch has no x, or one row; expected pairs (x, y), at least 2"
            )
        by = 1 + int(one_uniform(generator) * (len(batch.y) - 1))
        return NegativePoints(batch.y.roll(by, dims=0), batch.x, {})


def walk(
    pace: Pace, energy: Energy, y: Tensor, n_steps: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Where chains from y are after some steps, and how often they moved."""
    energy_fn: EnergyFunction = energy if energy.beta == 1 else Bridge(energy, energy.beta)
    sampler = pace.now()
    accepted = torch.zeros(len(y), device=y.device)
    # a test of acceptance has no use for half precision
    with torch.autocast(y.device.type, enabled=False):
        state = sampler.init(energy_fn, y)
        last = state
        for at, info in sampler.steps(energy_fn, state, n_steps, generator):
            accepted += info.accepted
            last = at
    acceptance = accepted.mean() / n_steps
    pace.follow(acceptance)
    return sampler.position(last).detach(), acceptance


def kicked(y: Tensor, kicks: Tensor, generator: torch.Generator) -> Tensor:
    """Rows with Gaussian noise on them, of one of several scales."""
    y = y.detach()
    if not bool(kicks.any()):
        return y
    return y + one_of(kicks, y, generator) * normal(y, generator)


def check_chains(
    owner: str, sampler: Sampler, n_steps: int, kick: float | tuple[float, ...]
) -> Tensor:
    """The scales of the kick (m,), where all that chains need is right."""
    if not isinstance(sampler, Sampler):
        raise InputError(f"{owner}: sampler must be a Sampler such as Langevin(), got {sampler!r}")
    kicks = torch.as_tensor(kick, dtype=torch.float32).reshape(-1)
    if n_steps < 1 or not len(kicks) or not bool((kicks >= 0).all()):
        raise InputError(
            f"{owner}: n_steps is {n_steps} and kick {kick}; expected at least 1, and at least 0"
        )
    return kicks
