"""Uniform numbers of a generator, as arrays."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


class Draws:
    """Uniform numbers of one generator, as arrays."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def unit(self, n: int) -> NDArray[np.float64]:
        """n numbers from 0 to 1."""
        return torch.rand(n, generator=self.generator, dtype=torch.float64).numpy()

    def below(self, high: int, n: int) -> NDArray[np.int64]:
        """n whole numbers from 0 to below ``high``."""
        return np.minimum(self.unit(n) * high, high - 1).astype(np.int64)
