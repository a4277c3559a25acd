"""Hidden coordinates: NaN or a number of their own at the edge, a restricted energy inside."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.energy import Energy
from thalweg.core.errors import InputError
from thalweg.core.function import name_of

HIDDEN_TOKEN = -1
"""What stands where a whole number is hidden, for those have no NaN"""

BEYOND_TOKEN = -2
"""What stands after the last token of a text, where rows are longer"""


def visible(y: Tensor) -> Tensor:
    """Which entries of the data are there: bool, the shape of y."""
    return ~y.isnan() if y.is_floating_point() else y >= 0


def visible_energy(energy: Energy, y: Tensor) -> Energy:
    """The energy of the coordinates of ``y`` that are there: itself where none is NaN.

    Raises
    ------
    InputError
        If something is hidden and the energy has no view of itself without it.
    """
    hidden = ~visible(y)
    if not hidden.any():
        return energy
    view = energy.restricted(~hidden)
    if view is None:
        row = int(hidden.flatten(1).any(dim=1).nonzero()[0])
        raise InputError(
            f"{name_of(energy)}: row {row} has hidden (NaN) coordinates, and this energy is not "
            "defined without them; expected complete rows"
        )
    return view


seen_through = visible_energy
"""The same, by its name in version 0.1.0."""
