"""What training brings down so that the energy takes the right shape."""

from thalweg.objectives.autoencoding import (
    Contraction,
    Saturation,
    VariationalBound,
    VectorQuantization,
)
from thalweg.objectives.base import Objective
from thalweg.objectives.push_down import PushDown

__all__ = [
    "Contraction",
    "Objective",
    "PushDown",
    "Saturation",
    "VariationalBound",
    "VectorQuantization",
]
