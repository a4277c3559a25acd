"""Energies, one idea a file."""

from thalweg.energies.cost import Cost, GaussianNoise, SquaredError
from thalweg.energies.decoders import Affine
from thalweg.energies.ica import IndependentSources
from thalweg.energies.mixture import DiagonalGaussians, FullGaussians, GaussianComponents
from thalweg.energies.nets import Branches, Lista, Perceptron, Saturating, UnitAtoms
from thalweg.energies.pyramid import LaplacianPyramid
from thalweg.energies.reconstruction import Reconstruction
from thalweg.energies.rescaled import Rescaled

__all__ = [
    "Affine",
    "Branches",
    "Cost",
    "DiagonalGaussians",
    "FullGaussians",
    "GaussianComponents",
    "GaussianNoise",
    "IndependentSources",
    "LaplacianPyramid",
    "Lista",
    "Perceptron",
    "Reconstruction",
    "Rescaled",
    "Saturating",
    "SquaredError",
    "UnitAtoms",
]
