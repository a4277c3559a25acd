"""What compiled loops over chains know of an energy that they can evaluate themselves."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

LIKE: dict[torch.dtype, NDArray[Any]] = {
    torch.float32: np.empty(0, np.float32),
    torch.float64: np.empty(0, np.float64),
}
"""Types that loops are compiled for, and what tells them so"""


class CompiledNetwork(NamedTuple):
    """A network of linear layers with SiLU between them, and one output.

    It holds addresses, and is good as long as the parameters are where they were.
    """

    like: NDArray[Any]
    """Empty, of the type of all numbers"""
    weights: NDArray[np.int64]
    """Addresses of the weights (h_out, h_in), layer by layer"""
    offsets: NDArray[np.int64]
    """and of the offsets (h_out,)"""
    sizes: NDArray[np.int64]
    """Of the input and of what comes out of each layer"""

    @property
    def rows_of_a_block(self) -> int:
        """Rows that lie side by side in two registers of 64 bytes."""
        return 128 // self.like.itemsize
