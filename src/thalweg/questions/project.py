"""The point of the data manifold that is closest."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, seen_through
from thalweg.questions.complete import complete
from thalweg.questions.descent import descend


@torch.no_grad()
def project(energy: Energy, y: Tensor, x: Tensor | None = None) -> Tensor:
    """Bring each row down into the valley.

    The codes of y are decoded where the energy has codes; from there (else from y itself) the
    energy is descended to a local minimum. Hidden coordinates (NaN) end on the manifold too.

    Returns
    -------
    Tensor
        (n, d).
    """
    start = seen_through(energy, y).reconstruct(y, x)
    if start is None:
        start = complete(energy, y, x)
    return descend(energy, start, x)
