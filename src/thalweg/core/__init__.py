"""What everything else speaks of: energies, latent energies, checks, generators, files."""

from thalweg.core.checks import (
    Array,
    Choice,
    Constraint,
    Device,
    InputError,
    Integer,
    Real,
    Seed,
    check_parameters,
)
from thalweg.core.energy import Energy, LatentEnergy, LatentSpace
from thalweg.core.files import write_beside
from thalweg.core.hidden import seen_through
from thalweg.core.random import generator_from
from thalweg.core.types import Batch, Candidates, Loss

__all__ = [
    "Array",
    "Batch",
    "Candidates",
    "Choice",
    "Constraint",
    "Device",
    "Energy",
    "InputError",
    "Integer",
    "LatentEnergy",
    "LatentSpace",
    "Loss",
    "Real",
    "Seed",
    "check_parameters",
    "generator_from",
    "seen_through",
    "write_beside",
]
