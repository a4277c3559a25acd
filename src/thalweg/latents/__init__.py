"""What a latent variable may be, how it is found, and how it is removed."""

from thalweg.latents.exhaustive import Exhaustive
from thalweg.latents.free_energy import FreeEnergy
from thalweg.latents.solver import LatentSolver
from thalweg.latents.spaces import OneHot

__all__ = ["Exhaustive", "FreeEnergy", "LatentSolver", "OneHot"]
