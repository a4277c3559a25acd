"""Square independent component analysis of rows with hidden entries."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Loss
from thalweg.data import Rows
from thalweg.data.rows import scratch
from thalweg.energies import IndependentSources
from thalweg.objectives.imputed import JUMPS, MOVES, Deck, Held, jumped
from thalweg.objectives.negatives import Pace, walk
from thalweg.samplers import HMC
from thalweg.training.ica import RelativeNewton
from thalweg.training.start import Units

ROUNDS = 120
"""Of draws and steps"""

BEFORE = 60
"""Of them, those that only lead to where the others are averaged"""

LOOKED_AT = 65_536
"""Rows, at most, that hidden entries begin from"""


class HiddenSources:
    r"""Stochastic expectation maximization: draw what is hidden, then a step on whole rows.

    .. math::
        y_2 \sim p(y_2 | y_1), \qquad W \leftarrow W (I + \alpha D)

    The draws of each row are a chain that goes on from step to step, so that they follow the
    density as it changes; their mean in their place would make sources look narrower than they
    are. After the first half of the steps W and b are averaged, which takes the noise of the draws
    out. The likelihood that is made large is that of the visible entries.

    Parameters
    ----------
    energy : IndependentSources
        Of standardized rows, trained in place.
    rows : Rows
        As they come.
    whole : Rows
        The same standardized, what is hidden filled in; changed in place.
    varying : Tensor
        (d,), bool: the columns that are not constant.

    References
    ----------
    Celeux and Diebolt, "The SEM algorithm" (1985); Delyon, Lavielle, Moulines, "Convergence of a
    stochastic approximation version of the EM algorithm" (1999), for the average.
    """

    def __init__(
        self, energy: IndependentSources, rows: Rows, whole: Rows, varying: Tensor
    ) -> None:
        self.energy, self.rows, self.whole, self.varying = energy, rows, whole, varying
        self.newton = RelativeNewton(energy, varying)
        self.pace = Pace(HMC(0.3, n_steps=5, jitter=0.5))
        self.made = 0
        self.weight, self.offset = torch.zeros_like(energy.weight), torch.zeros_like(energy.offset)

    @torch.no_grad()
    def __call__(self, rows: Rows, generator: torch.Generator) -> Loss:
        self._draw(generator)
        loss = self.newton(self.whole, generator)
        self.made += 1
        if self.made > BEFORE:
            share = 1 / (self.made - BEFORE)
            self.weight.lerp_(self.energy.weight, share)
            self.offset.lerp_(self.energy.offset, share)
        return loss

    def _draw(self, generator: torch.Generator) -> None:
        """Move the chains of all rows that hide something."""
        like, varying = self.energy.weight, self.varying.cpu().numpy()
        for start, chunk in self.rows.chunks():
            hidden = np.isnan(chunk) & varying
            index = np.flatnonzero(hidden.any(axis=1))
            if not len(index):
                continue
            y = torch.from_numpy(self.whole.values[start + index]).to(like)
            held = Held(self.energy, y, torch.from_numpy(hidden[index]).to(like.device))
            y = held.whole(walk(self.pace, held, y, MOVES, generator)[0])
            self.whole.values[start + index] = jumped(held, y, JUMPS, generator).cpu().numpy()

    @torch.no_grad()
    def average(self) -> None:
        """Take the averages over the steps, where there were enough of them."""
        if self.made > BEFORE:
            self.energy.weight.copy_(self.weight)
            self.energy.offset.copy_(self.offset)


def filled_in(rows: Rows, units: Units, generator: torch.Generator) -> Rows:
    """Standardized copies of rows, each hidden entry that of another row; on disk as they are."""
    shift, scale = units.shift.numpy(), units.scale.numpy()
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(np.int64)
    looked_at = (rows.take(chosen) - shift) / scale
    deck = Deck(torch.from_numpy(looked_at), generator)
    kind, shape = np.dtype(np.float64), (len(rows), rows.n_columns)
    whole = Rows(scratch(shape, kind) if rows.on_disk else np.empty(shape, kind))
    for start, chunk in rows.chunks():
        y = deck.filled(torch.from_numpy((chunk - shift) / scale))
        whole.values[start : start + len(chunk)] = y.numpy()
    return whole
