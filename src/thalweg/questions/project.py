"""The point of the data manifold that is closest."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import EnergyFunction, as_energy, as_rows, visible_energy
from thalweg.questions.complete import complete
from thalweg.questions.words import descend_whole


@torch.no_grad()
def project(energy: EnergyFunction, y: Tensor, x: Tensor | None = None) -> Tensor:
    """Bring each row down into the valley.

    Where the codes are those of least energy, what they decode to is the answer. Else the codes are
    decoded, or y itself is taken where there are none or it is lower, and the energy is descended
    from there to a local minimum; words are changed as a whole. Hidden coordinates (NaN) end on the
    manifold too.

    Returns
    -------
    Tensor
        (n, d).
    """
    energy = as_energy(energy)
    y = as_rows("project: y", y, energy)
    if energy.space != "real":
        return descend_whole(energy, complete(energy, y, x), x)
    start = visible_energy(energy, y).reconstruct(y, x)
    if start is not None and energy.minimizes_hidden:
        return start
    if start is None:
        start = complete(energy, y, x)
    elif not bool(y.isnan().any()):
        # an encoder may give what it decodes another code, and more energy than the row had
        lower = energy(start, x) <= energy(y, x)
        start = torch.where(lower[:, None], start, y)
    words = energy.indicators
    return descend_whole(energy, start if words is None else words.settled(start), x)
