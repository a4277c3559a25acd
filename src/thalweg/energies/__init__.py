"""Energies, one idea a file."""

from thalweg.energies.cost import Cost, SquaredError
from thalweg.energies.decoders import Points
from thalweg.energies.reconstruction import Reconstruction

__all__ = ["Cost", "Points", "Reconstruction", "SquaredError"]
