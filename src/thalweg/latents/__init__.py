"""What a latent variable may be, how it is found, and how it is removed."""

from thalweg.latents.active_set import ActiveSet
from thalweg.latents.encoder import Encoder, GaussianEncoder
from thalweg.latents.exhaustive import Exhaustive
from thalweg.latents.free_energy import FreeEnergy
from thalweg.latents.integration import Importance, Laplace, Quadrature
from thalweg.latents.least_squares import LeastSquares
from thalweg.latents.one_hots import OneHots
from thalweg.latents.proximal import Descent, ProximalGradient
from thalweg.latents.solver import LatentSolver
from thalweg.latents.spaces import Ball, Box, Codebook, Flat, Gaussian, OneHot, Sparse

__all__ = [
    "ActiveSet",
    "Ball",
    "Box",
    "Codebook",
    "Descent",
    "Encoder",
    "Exhaustive",
    "Flat",
    "FreeEnergy",
    "Gaussian",
    "GaussianEncoder",
    "Importance",
    "Laplace",
    "LatentSolver",
    "LeastSquares",
    "OneHot",
    "OneHots",
    "ProximalGradient",
    "Quadrature",
    "Sparse",
]
