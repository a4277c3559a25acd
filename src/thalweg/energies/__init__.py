"""Energies, one idea a file."""

from thalweg.energies.cost import Cost, GaussianNoise, SquaredError
from thalweg.energies.decoders import Affine
from thalweg.energies.ica import IndependentSources
from thalweg.energies.mixture import DiagonalGaussians, FullGaussians, GaussianComponents
from thalweg.energies.nets import Lista, Perceptron, Saturating, UnitAtoms
from thalweg.energies.reconstruction import Reconstruction
from thalweg.energies.rescaled import Rescaled

__all__ = [
    "Affine",
    "Cost",
    "DiagonalGaussians",
    "FullGaussians",
    "GaussianComponents",
    "GaussianNoise",
    "IndependentSources",
    "Lista",
    "Perceptron",
    "Reconstruction",
    "Rescaled",
    "Saturating",
    "SquaredError",
    "UnitAtoms",
]
