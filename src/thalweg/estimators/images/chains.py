"""Chains of images: begun for training, and gone on with where it left them."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.objectives import ContrastiveDivergence, FromChains
from thalweg.objectives.imputed import Held
from thalweg.objectives.negatives import Pace, walk
from thalweg.samplers import Langevin
from thalweg.samplers.noise import uniform
from thalweg.training.start import Start

CHAIN = Langevin(0.1, noise=0.05)
"""Of contrastive divergence: the slope weighs more than the noise"""

MOVES, MORE, CHAINS = 20, 200, 1024
"""Its steps in each step of training and of a draw, and how many chains there are"""

STIFFNESS, BOUND, NOISE = 0.01, 0.01, 0.1
"""Parabola around all images, what keeps energies near 0, and noise on images, as wide as makes the
slopes that the chain's step can follow"""

NEAR = 16
"""Chains, the ones most like what is visible, of which one goes on where something is hidden"""


def chained(start: Start, energy: Energy, batch_size: int) -> ContrastiveDivergence:
    """Persistent contrastive divergence whose chains have begun."""
    chains = FromChains(CHAIN, MOVES, max(CHAINS, batch_size), reseeded=0.05, start="normal")
    made = ContrastiveDivergence(chains, BOUND, NOISE).to(start.device)
    order = torch.randperm(len(start.source), generator=torch.Generator().manual_seed(0))
    made.begin(energy, start.batch(order[:CHAINS].numpy()).y, start.seeds.noise)
    return made


def gone_on(
    energy: Energy, y: Tensor, starts: Tensor, generator: torch.Generator, n_steps: int, copies: int
) -> Tensor:
    """What is hidden of rows y, where chains from ``starts`` come to: (n, d).

    The rows are ``copies`` times the same; what a row gets does not depend on how many there are.
    """
    hidden = y.isnan()
    # one of the nearest, those that are like what is visible
    seen, given = (~hidden).to(y), torch.where(hidden, 0, y)
    apart = seen @ starts.square().T - 2 * given @ starts.T
    near = apart.topk(min(NEAR, len(starts)), largest=False).indices
    if bool(hidden.all()):
        near = torch.arange(len(starts), device=y.device).expand(len(y), -1)
    found = []
    for part, some, gone in zip(
        y.chunk(copies), near.chunk(copies), hidden.chunk(copies), strict=True
    ):
        place = (uniform(part[:, :1], generator) * some.shape[1]).long()
        begin = starts[some.gather(1, place.clamp(max=some.shape[1] - 1))[:, 0]]
        held = Held(energy, torch.where(gone, begin, part), gone)
        found.append(held.whole(walk(Pace(CHAIN), held, held.y, n_steps, generator)[0]))
    return torch.cat(found)
