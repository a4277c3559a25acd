"""What is left of a Boltzmann machine's energy when some of its visible units are hidden."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from thalweg.core import Energy

LISTED = 12
"""Hidden units of the machine whose states are listed"""

LISTED_BITS = 10
"""Visible bits of a row whose states are listed"""

STEPS, RUNS = 25, 16
"""Temperatures and runs of annealed importance sampling, where nothing can be listed"""

SETTLING = 20
"""Steps of mean field, where that begins"""

NUMBERS = 2**24
"""How many are held at a time."""


def every_state(d: int) -> Tensor:
    """All states of d binary units: (2^d, d)."""
    return ((torch.arange(2**d)[:, None] >> torch.arange(d)) & 1).double()


class Machine(Protocol):
    """What is asked of a machine: m is W h, (..., d), what the hidden units say of each visible."""

    weights: torch.nn.Parameter

    def field(self, y: Tensor) -> Tensor:
        """What the visible units say of each hidden one: (..., k)."""

    def precision(self) -> Tensor:
        """What a visible unit's value is multiplied with where it meets the weights: (d,)."""

    def own(self, y: Tensor) -> Tensor:
        """The energy of each visible unit by itself: (..., d)."""

    def summed(self, m: Tensor) -> Tensor:
        """The log of the sum (or integral) over each visible unit, given h: (..., d)."""

    def mean_of(self, m: Tensor) -> Tensor:
        """The mean of each visible unit, given h: (..., d)."""

    def draw_units(self, m: Tensor, u: Tensor) -> Tensor:
        """A draw of each visible unit, given h, by numbers u from [0, 1): (..., d)."""

    def which_bits(self) -> Tensor:
        """(d,), bool."""


class Left(NamedTuple):
    """What is known of rows of which some units are hidden."""

    log_sum: Tensor
    """(n,), log of the sum over the hidden visible units and the hidden layer"""
    codes: Tensor
    """(n, k), the probability of each unit of the hidden layer"""
    mean: Tensor
    """(n, d), of the visible units; right where they are hidden"""


class VisibleUnits(Energy):
    r"""A machine of which some visible units are hidden: they are summed (or integrated) out.

    .. math::
        F(y_1) = -\log \sum_{y_2} e^{-F(y_1, y_2)}
        = E_1(y_1) - \log \sum_h e^{c^T h + \sum_{i \in 2} \phi_i((Wh)_i)}

    with c what the visible ones say to the hidden layer, and phi the sum over one unit. It is
    exact, by listing, up to 12 units of the hidden layer, and up to 10 hidden bits of a row; else
    it is estimated by annealed importance sampling, from where mean field ends. The random numbers
    of that are the same for every row and every call.

    Parameters
    ----------
    machine : Machine
    visible : Tensor
        (n, d), bool.

    References
    ----------
    Neal, "Annealed importance sampling" (2001).
    """

    def __init__(self, machine: Machine, visible: Tensor) -> None:
        super().__init__()
        self._machine, self.visible = (machine,), visible

    @property
    def machine(self) -> Machine:
        """The machine."""
        return self._machine[0]

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        own = torch.where(self.visible, self.machine.own(self._shown(y)), 0).sum(dim=1)
        return own - self._left(y).log_sum

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self._left(y).codes

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        mean = self._left(y).mean
        return torch.where(self.machine.which_bits(), (mean > 0.5).to(mean), mean)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self._left(y).mean

    def _shown(self, y: Tensor) -> Tensor:
        return torch.where(self.visible, y, 0)

    @torch.no_grad()
    def _left(self, y: Tensor) -> Left:
        machine, gone = self.machine, ~self.visible
        d, k = machine.weights.shape
        c = machine.field(self._shown(y))
        if k <= LISTED:
            return _in_parts(lambda *part: by_states(machine, *part), 2**k, c, gone)
        count = gone.sum(dim=1)
        few = (count <= LISTED_BITS) & ~(gone & ~machine.which_bits()).any(dim=1)
        result = Left(y.new_empty(len(y)), torch.empty_like(c), torch.empty_like(y))
        for rows, size in _groups(few, count):
            if size is None:
                cost = RUNS * (d + k)
                found = _in_parts(lambda *part: by_annealing(machine, *part), cost, c[rows],
                                  gone[rows])  # fmt: skip
            else:
                cost = 2**size * (size + k)
                found = _in_parts(lambda *part: by_bits(machine, *part), cost, c[rows], gone[rows])
            for whole, part in zip(result, found, strict=True):
                whole[rows] = part
        return result


def _groups(few: Tensor, count: Tensor) -> list[tuple[Tensor, int | None]]:
    """Rows with so many hidden bits to list, and those (None) whose sums are estimated."""
    groups: list[tuple[Tensor, int | None]] = [
        ((few & (count == size)).nonzero()[:, 0], size) for size in count[few].unique().tolist()
    ]
    rest = (~few).nonzero()[:, 0]
    return [*groups, (rest, None)] if len(rest) else groups


def _in_parts(question, cost: int, c: Tensor, gone: Tensor) -> Left:  # type: ignore[no-untyped-def]
    size = max(1, NUMBERS // cost)
    parts = [question(c[i : i + size], gone[i : i + size]) for i in range(0, len(c), size)]
    return Left(*(torch.cat(each) for each in zip(*parts, strict=True)))


def by_states(machine: Machine, c: Tensor, gone: Tensor) -> Left:
    """Exact: all states of the hidden layer are listed."""
    k = c.shape[1]
    h = every_state(k).to(c)
    m = h @ machine.weights.T
    terms = c @ h.T + gone.to(c) @ machine.summed(m).T
    share = torch.softmax(terms, dim=1)
    return Left(torch.logsumexp(terms, dim=1), share @ h, share @ machine.mean_of(m))


def by_bits(machine: Machine, c: Tensor, gone: Tensor) -> Left:
    """Exact: all states of equally many hidden bits of each row are listed."""
    n, size = len(c), int(gone[0].sum())
    place = gone.nonzero()[:, 1].reshape(n, size)
    bits = every_state(size).to(c)
    # what the states of the row's own units say to the hidden layer: (n, states, k)
    field = c[:, None] + bits @ machine.weights[place]
    own = -machine.own(torch.ones_like(machine.precision()))[place]
    terms = own @ bits.T + softplus(field).sum(dim=2)
    share = torch.softmax(terms, dim=1)
    codes = torch.einsum("ns,nsk->nk", share, field.sigmoid())
    mean = c.new_zeros(gone.shape).scatter(1, place, share @ bits)
    return Left(torch.logsumexp(terms, dim=1), codes, mean)


def by_annealing(machine: Machine, c: Tensor, gone: Tensor) -> Left:
    r"""An estimate: from independent hidden units, as mean field has them, to the coupled ones.

    .. math::
        \log p_\beta(h) = \lambda_\beta^T h + \sum_{i \in 2} \phi_i(\beta (Wh)_i), \qquad
        \lambda_\beta = (1 - \beta) \lambda + \beta c
    """
    w, missing = machine.weights, gone.to(c)
    scaled = missing * machine.precision()
    mean = machine.mean_of(torch.zeros_like(scaled))
    for _ in range(SETTLING):
        told = machine.mean_of((c + (scaled * mean) @ w).sigmoid() @ w.T)
        mean = 0.5 * (mean + told)
    start = c + (scaled * mean) @ w
    generator = torch.Generator(c.device).manual_seed(0)

    def shared(d: int) -> Tensor:
        """Numbers from [0, 1) that are the same for every row."""
        return torch.rand(RUNS, 1, d, generator=generator, device=c.device).to(c)

    def bits(logits: Tensor) -> Tensor:
        return (shared(logits.shape[2]) < logits.sigmoid()).to(c)

    h = bits(start.expand(RUNS, *start.shape))
    log_weight = softplus(start).sum(dim=1).expand(RUNS, -1)
    log_weight = log_weight + (missing * machine.summed(torch.zeros_like(scaled))).sum(dim=1)
    logits = start
    for i in range(STEPS):
        before, beta = i / STEPS, (i + 1) / STEPS
        m = h @ w.T
        rise = machine.summed(beta * m) - machine.summed(before * m)
        log_weight = log_weight + (missing * rise).sum(dim=2)
        log_weight = log_weight + (h * (c - start)).sum(dim=2) / STEPS
        told = machine.draw_units(beta * m, shared(m.shape[2]))
        logits = (1 - beta) * start + beta * c + beta * (scaled * told) @ w
        h = bits(logits)
    share = torch.softmax(log_weight, dim=0)[..., None]
    log_sum = torch.logsumexp(log_weight, dim=0) - math.log(RUNS)
    mean = (share * machine.mean_of(h @ w.T)).sum(dim=0)
    return Left(log_sum, (share * logits.sigmoid()).sum(dim=0), mean)
