"""Hidden coordinates: NaN at the edge, a restricted energy inside."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.checks import InputError
from thalweg.core.energy import Energy


def seen_through(energy: Energy, y: Tensor) -> Energy:
    """The energy of the coordinates of ``y`` that are there: itself where none is NaN.

    Raises
    ------
    InputError
        If something is hidden and the energy has no view of itself without it.
    """
    hidden = y.isnan()
    if not hidden.any():
        return energy
    view = energy.restricted(~hidden)
    if view is None:
        raise InputError(
            f"{type(energy).__name__}: row {int(hidden.any(dim=1).nonzero()[0])} has hidden (NaN) "
            "coordinates, and this energy is not defined without them; expected complete rows"
        )
    return view
