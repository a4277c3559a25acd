"""Codes as parameters: one for each training row, learned together with the decoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from thalweg.core import Loss
from thalweg.data import Rows, random_positions
from thalweg.latents import FreeEnergy
from thalweg.training.loop import Step


class Numbered(NamedTuple):
    """Rows, and which of the training rows they are."""

    y: Tensor
    """(n, d)"""
    position: Tensor
    """(n,)"""


def numbered_batches(
    rows: Rows,
    shift: Tensor,
    scale: Tensor,
    size: int,
    steps: int,
    generator: torch.Generator,
) -> Iterator[Numbered]:
    """``steps`` batches of standardized rows, every row as often as any other."""
    for index in random_positions(len(rows), size, steps, generator):
        y = torch.from_numpy(rows.take(index)).to(shift)
        yield Numbered(((y - shift) / scale).float(), torch.from_numpy(index).to(shift.device))


def latent_codes_step(
    energy: FreeEnergy,
    codes: nn.Parameter,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> Step[Numbered]:
    r"""A gradient step on decoder and codes, then the codes back to the nearest element of the set.

    .. math::
        \min_\theta \frac1n \sum_i \min_{z_i} C(y_i, g_\theta(z_i)) + R(z_i)

    References
    ----------
    Bojanowski, Joulin, Lopez-Paz, Szlam, "Optimizing the latent space of generative networks",
    ICML 2018, eq. 1.
    """

    def step(batch: Numbered, generator: torch.Generator) -> Loss:
        hidden = batch.y.isnan()
        view = energy.energy.restricted(~hidden) if hidden.any() else energy.energy
        assert view is not None
        value = view(batch.y, codes[batch.position]).mean()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            # all of them: Adam's momentum moves those of other batches too
            codes.copy_(energy.energy.latent.nearest(codes))
        return Loss(value, {})

    return step
