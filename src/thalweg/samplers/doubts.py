"""What speaks against draws: looked for in one place, and said in one warning."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.samplers.diagnostics import ess_bulk, r_hat

AGREED = 1.05
"""R-hat above which chains do not agree."""

AGREED_FEW = 1.3
"""The same for fewer than 50 draws of each chain."""

COARSE = 0.1
"""Distance of neighbouring numbers that is too wide, where differences of 1 decide."""

SELDOM = 0.01
"""Share of moves below which a chain hardly moves."""

LONG = 100
"""Steps within which a chain that moves at all has moved."""


FEW = 8
"""Effective draws of a chain below which it tells too little."""


FEW_ROWS = 1000
"""Draws whose spread is looked at first."""

SURELY = 100.0
"""Times that a spread is wider than has to be, where the spread of some draws is enough."""


class Walk(NamedTuple):
    """Draws of chains, and how they came about."""

    draws: Tensor
    """``(chains, draws, *shape)``"""
    energy: Tensor
    """(chains, draws)"""
    acceptance: float
    """the mean over all steps"""
    diverged: int
    """steps"""
    begin: Tensor
    """``(chains, *shape)``, where the chains were before the first step, warm-up included"""
    steps: int
    """of each chain, warm-up included"""
    discrete: bool
    """whether a coordinate may rightly be the same in all draws"""
    compared: bool
    """whether differences of energies decided steps"""


def warn_of(owner: str, doubts: Sequence[str | None], stacklevel: int) -> None:
    """One warning with all that there is to say, if there is anything."""
    said = [doubt for doubt in doubts if doubt is not None]
    if said:
        warnings.warn(f"{owner}: {' Also, '.join(said)}", RuntimeWarning, stacklevel=stacklevel + 1)


def doubts_of(walk: Walk) -> list[str | None]:
    """What speaks against the draws of any stretch of chains, however short."""
    lost = not_finite(walk.draws, walk.energy)
    found = [lost, _divergences(walk.diverged)]
    if lost is not None:
        return found
    if walk.compared:
        found.append(coarse_energies(walk.energy))
    still = None if _surely_moves(walk) else _stillness(walk)
    return [*found, still if still is not None else _coarse_coordinates(walk)]


def not_finite(draws: Tensor, energy: Tensor) -> str | None:
    """Draws ``(chains, draws, *shape)`` that are no numbers, or have no energy."""
    # one sum is finite only if every term is
    if bool((draws.sum() + energy.sum()).isfinite()):
        return None
    bad = ~(draws.flatten(2).isfinite().all(dim=2) & energy.isfinite())
    if not bool(bad.any()):
        return None
    chain, draw = bad.nonzero()[0].tolist()
    return (
        f"{int(bad.sum())} of {bad.numel()} draws, or their energies, are not finite (draw {draw} "
        f"of chain {chain} is the first). The energy may have no finite integral, or steps may be "
        "too long."
    )


def _divergences(diverged: int) -> str | None:
    if not diverged:
        return None
    return (
        f"{diverged} steps diverged (no finite energy or gradient, or a trajectory that lost its "
        "way) and were rejected; the density may have parts that the chains do not reach. A "
        "smaller step size or other coordinates may help."
    )


def _stillness(walk: Walk) -> str | None:
    """Chains, or coordinates, that stand still."""
    before = torch.cat([walk.begin[:, None], walk.draws[:, :-1]], dim=1)
    changed = (walk.draws != before).flatten(2)
    moves = changed.any(dim=2)
    chains, draws = moves.shape
    still = ~moves.any(dim=1)
    advice = "A smaller step size, a warm_up, or another start or sampler may help."
    if walk.discrete:
        if bool(still.all()) and chains * walk.steps >= 2 * LONG:
            return (
                f"no chain left where it began in {walk.steps} steps (acceptance "
                f"{walk.acceptance:.2g}): all its draws are the same, which is right only where "
                f"one state has all the mass. {advice}"
            )
        return None
    refused = walk.acceptance < SELDOM and chains * walk.steps >= 5
    never = bool(still.all()) and (refused or chains * walk.steps >= LONG)
    if never or (bool(still.any()) and walk.steps >= LONG):
        return (
            f"{int(still.sum())} of {chains} chains never moved in {walk.steps} steps (acceptance "
            f"{walk.acceptance:.2g}): all draws of such a chain are the same. {advice}"
        )
    rate = moves.double().mean(dim=1)
    seldom = rate < SELDOM
    if (draws >= 2 * LONG and bool(seldom.any())) or (
        chains * draws >= LONG and float(rate.mean()) < SELDOM
    ):
        return (
            f"{int(seldom.sum())} of {chains} chains hardly moved: fewer than {SELDOM:.0%} of "
            f"their draws differ from the one before. {advice}"
        )
    constant = ~changed.any(dim=1).any(dim=0)
    # some samplers may take coordinates in turn
    if bool(constant.any()) and moves.sum() * walk.steps >= LONG:
        which = int(constant.nonzero()[0, 0])
        at = float(walk.begin.flatten(1)[0, which])
        return (
            f"{int(constant.sum())} of {len(constant)} coordinates never changed (coordinate "
            f"{which} is {at:g}): steps are smaller than the distance of neighbouring numbers of "
            f"{_type(walk.draws)}, or no step leads there. A start in double precision, or other "
            "units, may help."
        )
    return None


def _surely_moves(walk: Walk) -> bool:
    """Whether one coordinate, and the ends of chains, tell already that nothing stands still."""
    ends = walk.draws[:, -1] != walk.begin
    if walk.discrete:
        # one chain that has left is enough
        return bool(ends.any())
    first = walk.draws.flatten(2)[:, :, 0]
    rate = (first[:, 1:] != first[:, :-1]).sum(dim=1) / first.shape[1]
    return bool(ends.any(dim=0).all() & (rate >= SELDOM).all())


def _coarse_coordinates(walk: Walk) -> str | None:
    """Coordinates whose numbers lie further apart than their spread allows."""
    if walk.discrete or walk.energy.numel() < 10:
        return None
    x = walk.draws.detach().flatten(0, 1).flatten(1)
    # the largest of all, and the spread of some draws, tell where there is no doubt
    most = float(spacing(torch.maximum(x.max(), -x.min())))
    if bool((SURELY * most < COARSE * x[:: max(1, len(x) // FEW_ROWS)].double().std(dim=0)).all()):
        return None
    largest, spread = x.abs().amax(dim=0), x.double().std(dim=0)
    gap = torch.from_numpy(spacing(largest)).to(spread)
    wide = (gap > COARSE * spread) & (spread > 0)
    if not bool(wide.any()):
        return None
    which = int(wide.nonzero()[0, 0])
    return (
        f"coordinate {which} has numbers of up to {float(largest[which]):.3g}, which lie "
        f"{float(gap[which]):.2g} apart in {_type(x)}, and its standard deviation is "
        f"{float(spread[which]):.2g}: draws are rounded. Expected a start in double precision, or "
        "coordinates with their middle taken off."
    )


def coarse_energies(energy: Tensor) -> str | None:
    """What there is to say where rounding decides what differences of energies should.

    An acceptance, a swap or a weight depends on differences of about 1.
    """
    known = energy.detach()[energy.isfinite()]
    if not len(known):
        return None
    size = known.abs().median()
    gap = float(spacing(size))
    if gap <= COARSE:
        return None
    return (
        f"the energies are about {float(size):.3g}, where neighbouring numbers of {_type(energy)} "
        f"lie {gap:.2g} apart: differences of about 1 decide, and rounding has made them. Expected "
        "double precision (start.double()), or an energy with its large constant taken off."
    )


def disagreement(walk: Walk) -> str | None:
    """Chains that tell different things, or little; few draws of a chain do not say."""
    chains, draws = walk.energy.shape
    if draws < 10:
        return None
    # a bit that never changes has none
    worst = float(r_hat(walk.draws).nan_to_num(nan=1.0, posinf=np.inf).max())
    limit = AGREED if draws >= 50 else AGREED_FEW
    if worst > limit:
        return (
            f"the chains do not agree, R-hat is {worst:.4g}; expected below {limit}. A longer "
            "warm_up, more draws, or ParallelTempering may help; and an energy has to be minus a "
            "log density with a finite integral."
        )
    least = float(ess_bulk(walk.draws).nan_to_num(nan=np.inf).min())
    if draws >= 50 and least < FEW * chains:
        return (
            f"{chains * draws} draws are worth {least:.0f} independent ones (effective sample "
            f"size); expected {FEW} of each chain at least. More draws, thin, or another sampler "
            "may help."
        )
    return None


def few_decide(size: float, n: int, advice: str) -> str | None:
    """Weights of which a few have all: an effective size of 5 at most, or 2 of less than 50."""
    if n < 5 or size > min(5.0, max(2.0, n / 10)):
        return None
    return f"a few of the {n} weights decide: their effective size is {size:.1f}. {advice}"


def copies(y: Tensor) -> str | None:
    """Points ``(n, *shape)`` of a density of real numbers that are mostly the same."""
    different = len(y.unique(dim=0))
    if len(y) < 10 or different > 0.1 * len(y):
        return None
    return (
        f"of {len(y)} points {different} are different, for steps were hardly ever accepted. "
        "More moves, or another sampler or step size, help."
    )


def spacing(x: Tensor) -> NDArray[np.float64]:
    """The distance from a number to the next larger one of its type."""
    _, exponent = np.frexp(x.detach().double().cpu().numpy())
    return np.ldexp(torch.finfo(x.dtype).eps, exponent - 1)


def _type(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
