"""Energies, one idea a file."""

from thalweg.energies.cost import Cost, GaussianNoise, SquaredError
from thalweg.energies.decoders import Affine
from thalweg.energies.reconstruction import Reconstruction
from thalweg.energies.rescaled import Rescaled

__all__ = ["Affine", "Cost", "GaussianNoise", "Reconstruction", "Rescaled", "SquaredError"]
