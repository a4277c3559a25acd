"""What stands inside of an energy, by its type."""

from __future__ import annotations

from thalweg.core import Energy
from thalweg.energies.boltzmann import RestrictedBoltzmann
from thalweg.energies.decoders import Affine
from thalweg.energies.gaussian_boltzmann import GaussianRestrictedBoltzmann
from thalweg.energies.reconstruction import Reconstruction
from thalweg.energies.rescaled import Rescaled
from thalweg.latents import FreeEnergy


def free_energy_of(energy: Energy) -> FreeEnergy:
    """The free energy, which may stand inside of other units."""
    inner = energy.energy if isinstance(energy, Rescaled) else energy
    assert isinstance(inner, FreeEnergy)
    return inner


def reconstruction_of(energy: Energy) -> Reconstruction:
    """The latent energy of a reconstruction."""
    latent = free_energy_of(energy).energy
    assert isinstance(latent, Reconstruction)
    return latent


def affine_of(energy: Energy) -> Affine:
    """The linear decoder of a reconstruction."""
    decoder = reconstruction_of(energy).decoder
    assert isinstance(decoder, Affine)
    return decoder


def boltzmann_of(energy: Energy) -> RestrictedBoltzmann | GaussianRestrictedBoltzmann:
    """The Boltzmann machine, which may stand inside of other units."""
    inner = energy.energy if isinstance(energy, Rescaled) else energy
    assert isinstance(inner, (RestrictedBoltzmann, GaussianRestrictedBoltzmann))
    return inner
