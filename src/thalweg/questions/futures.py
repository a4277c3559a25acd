"""What may come next in clips, one step after the other."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from thalweg.energies import FramePrediction, Rescaled
from thalweg.energies.inside import free_energy_of
from thalweg.questions.blocks import in_blocks


def _inside(energy: Rescaled) -> FramePrediction:
    return cast(FramePrediction, free_energy_of(energy).energy)


def states(energy: Rescaled, x: Tensor) -> Tensor:
    """What the network makes of contexts x (n, d), before any z: (n, k)."""
    network = _inside(energy).decoder
    return in_blocks(lambda part: network.state(cast(Tensor, energy.given(part))).flatten(1), x)


@torch.no_grad()
def usual_codes(energy: Rescaled, x: Tensor, n: int) -> Tensor:
    """The n values of z of least R(z | x), the most usual first: (rows, n, k)."""
    inside = _inside(energy)
    return in_blocks(lambda part: inside.usual(cast(Tensor, energy.given(part)), n), x)


@torch.no_grad()
def draw_codes(energy: Rescaled, x: Tensor, generator: torch.Generator) -> Tensor:
    """A value of z for each row, from exp(-R(z | x)): (rows, k)."""
    inside = _inside(energy)
    return in_blocks(lambda part: inside.drawn(cast(Tensor, energy.given(part)), generator), x)


def decoded(energy: Rescaled, z: Tensor, x: Tensor) -> Tensor:
    """What follows x as z has it: (n, d)."""
    return in_blocks(lambda z, x: cast(Tensor, energy.decode(z, x)), z, x)


@torch.no_grad()
def futures(
    energy: Rescaled, x: Tensor, z: Tensor, parts: int, generator: torch.Generator | None = None
) -> Tensor:
    """Futures that begin with given codes; predictions are then taken for what happened.

    Parameters
    ----------
    energy : Rescaled
        Of what follows a context.
    x : Tensor
        (rows, d), contexts.
    z : Tensor
        (rows, n, k), the first code of each of n futures.
    parts : int
        How often to predict, each time a horizon further.
    generator : torch.Generator, optional
        Of the codes that follow, drawn from exp(-R); without it they are the most usual ones.

    Returns
    -------
    Tensor
        (rows, n, parts * what is predicted at once).
    """
    rows, n = z.shape[:2]
    given, codes = x.repeat_interleave(n, dim=0), z.reshape(rows * n, -1)
    found = [decoded(energy, codes, given)]
    for _ in range(1, parts):
        given = torch.cat([given, found[-1]], dim=1)[:, -x.shape[1] :]
        if generator is None:
            codes = usual_codes(energy, given, 1)[:, 0]
        else:
            codes = draw_codes(energy, given, generator)
        found.append(decoded(energy, codes, given))
    return torch.cat(found, dim=1).reshape(rows, n, -1)
