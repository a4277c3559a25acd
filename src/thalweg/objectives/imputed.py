"""Rows with hidden entries, for objectives that want whole ones."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Batch, Energy, Given, Loss, visible
from thalweg.objectives.base import Objective
from thalweg.objectives.negatives import Pace, walk
from thalweg.samplers import HMC, Bipartite, BlockGibbs
from thalweg.samplers.noise import normal, uniform

MOVES = 2
"""Trajectories (or Gibbs steps) of a row's hidden entries each time it is learned from"""

JUMPS = 3
"""Entries that are then proposed anew from anywhere, one at a time"""

WIDE = 1.5
"""Standard deviation of those proposals, for standardized rows"""


class Held(Energy):
    """An energy of rows of which some entries are held where they are.

    What is asked about has any numbers there: they make no difference, and have no gradient.

    Parameters
    ----------
    energy : Energy
    y : Tensor
        (n, d), the rows.
    free : Tensor
        (n, d), bool: the entries that may move.
    """

    def __init__(self, energy: Energy, y: Tensor, free: Tensor) -> None:
        super().__init__()
        # in a tuple, for a view has no parameters of its own
        self._of, self.y, self.free = (energy,), y, free
        self.beta, self.space = energy.beta, energy.space

    def whole(self, y: Tensor) -> Tensor:
        """Rows with what is held in its place."""
        return torch.where(self.free, y, self.y)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self._of[0](self.whole(y), x)
        return value

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        value, slope = self._of[0].value_and_gradient(self.whole(y), x)
        return value, torch.where(self.free, slope, 0)


class HeldMachine(Held, Bipartite):
    """The same of a machine with two layers, of whose visible one a part is held."""

    def __init__(self, machine: Energy, y: Tensor, free: Tensor) -> None:
        super().__init__(machine, y, free)
        assert isinstance(machine, Bipartite)
        self._machine = (machine,)

    def draw_hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        return self._machine[0].draw_hidden(self.whole(y), generator)

    def draw_visible(self, hidden: Tensor, generator: torch.Generator) -> Tensor:
        return self.whole(self._machine[0].draw_visible(hidden, generator))


class Deck:
    """Rows from which hidden entries are filled at first: each from any row that shows it.

    Parameters
    ----------
    y : Tensor
        (n, d), NaN where hidden.
    generator : torch.Generator
    """

    def __init__(self, y: Tensor, generator: torch.Generator) -> None:
        self.generator = generator
        seen = visible(y)
        # the visible entries of each column first
        self.sorted = torch.where(seen, y, 0).gather(0, (~seen).int().argsort(dim=0, stable=True))
        self.count = seen.sum(dim=0).clamp_min(1)

    def filled(self, y: Tensor) -> Tensor:
        """Rows (n, d) without NaN."""
        place = (uniform(torch.empty_like(y), self.generator) * self.count).long()
        drawn = self.sorted.gather(0, torch.minimum(place, self.count - 1))
        return torch.where(y.isnan(), drawn, y)


class Imputed(Objective):
    r"""Another objective, on rows whose hidden entries are drawn given the visible ones.

    .. math::
        E_{y_2 \sim p(y_2 | y_1)} \left[ L(y_1, y_2) \right], \qquad
        p(y_2 | y_1) \propto e^{-\beta F(y_1, y_2)}

    The hidden entries of each training row are a chain, which moves under the present energy every
    time the row is learned from. Of maximum likelihood, and contrastive divergence where it is
    that, this is the gradient of the likelihood of what is visible; of others the energy of the
    data is one that they take to, where the values are missing at random. Real entries move by
    Hamiltonian Monte Carlo, and jump: one at a time they are proposed anew from a wide normal
    density, so that valleys that no trajectory joins have their share. Machines of two layers
    move by Gibbs steps.

    Parameters
    ----------
    objective : Objective
    hiding : Tensor
        (m,), positions of the training rows that hide something.
    deck : Deck
        Where hidden entries begin.
    x : Tensor, optional
        (1, ...), what is given to an energy that needs it.

    References
    ----------
    Little and Rubin, "Statistical analysis with missing data" (1987); Celeux and Diebolt, "The SEM
    algorithm" (1985), for draws in place of expectations; Tieleman (2008), for chains that go on.
    """

    hiding: Tensor
    chains: Tensor

    def __init__(
        self, objective: Objective, hiding: Tensor, deck: Deck, x: Tensor | None = None
    ) -> None:
        super().__init__()
        self.objective, self.deck, self.x = objective, deck, x
        self.pace = Pace(HMC(0.3, n_steps=5, jitter=0.5))
        self.gibbs = Pace(BlockGibbs())
        self.register_buffer("hiding", hiding, persistent=False)
        d = deck.sorted.shape[1]
        self.register_buffer(
            "chains", deck.filled(deck.sorted.new_full((len(hiding), d), torch.nan))
        )

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        self.objective.begin(energy, self.deck.filled(y), generator)

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        free = ~visible(batch.y)
        rows = free.any(dim=1).nonzero()[:, 0]
        if len(rows):
            assert batch.position is not None
            chain = torch.searchsorted(self.hiding, batch.position.to(self.hiding.device)[rows])
            start = torch.where(free[rows], self.chains[chain], batch.y[rows])
            end = self.moved(energy, start, free[rows], generator)
            self.chains[chain] = end
            batch = batch._replace(y=batch.y.index_copy(0, rows, end))
        return self.objective(energy, batch, generator)

    @torch.no_grad()
    def moved(self, energy: Energy, y: Tensor, free: Tensor, generator: torch.Generator) -> Tensor:
        """Whole rows y (n, d), what is free in them drawn on from where it is."""
        if isinstance(energy, Bipartite):
            return walk(self.gibbs, HeldMachine(energy, y, free), y, MOVES, generator)[0]
        asked = energy if self.x is None else Given(energy, self.x)
        held = Held(asked, y, free)
        y = held.whole(walk(self.pace, held, y, MOVES, generator)[0])
        with torch.autocast(y.device.type, enabled=False):
            return jumped(held, y, JUMPS, generator)


def jumped(held: Held, y: Tensor, times: int, generator: torch.Generator) -> Tensor:
    r"""Entries proposed anew, one of each row at a time, and taken as Metropolis and Hastings say.

    .. math::
        \alpha = \min\left(1, e^{\beta F(y) - \beta F(y')} \frac{q(y_j)}{q(y'_j)}\right), \qquad
        q = N(0, 1.5^2)
    """
    value = held(y)
    for _ in range(times):
        one = uniform(y, generator).masked_fill(~held.free, -1).argmax(dim=1, keepdim=True)
        proposed = WIDE * normal(one.to(y), generator)
        tried = y.scatter(1, one, proposed)
        after = held(tried)
        back = 0.5 * (proposed.square() - y.gather(1, one).square())[:, 0] / WIDE**2
        log_ratio = held.beta * (value - after) + back
        taken = uniform(value, generator).log() < log_ratio
        y = torch.where(taken[:, None], tried, y)
        value = torch.where(taken, after, value)
    return y


def without_imputation(objective: Objective) -> Objective:
    """The objective that rows were filled in for; itself where they were not."""
    return objective.objective if isinstance(objective, Imputed) else objective
