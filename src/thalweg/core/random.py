"""Generators: torch's inside, ``random_state`` at the edge, never a global one."""

from __future__ import annotations

import numpy as np
import torch

from thalweg.core.errors import InputError
from thalweg.core.number_constraints import Seed


def generator_from(
    random_state: int | np.random.RandomState | None, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A torch generator seeded from what scikit-learn calls ``random_state``.

    An integer gives the same generator each time; a ``RandomState`` is drawn from and so moves
    on; ``None`` draws from numpy's global state, as scikit-learn does.

    Raises
    ------
    InputError
        If it is none of these.
    """
    allowed = Seed()
    if not allowed.allows(random_state):
        raise InputError(f"random_state must be {allowed.describe()}, got {random_state!r}")
    from sklearn.utils import check_random_state  # slow to import

    seed = check_random_state(allowed.plain(random_state)).randint(0, 2**31 - 1)
    return torch.Generator(device=device).manual_seed(int(seed))
