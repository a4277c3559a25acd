"""Corruptions made of others."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.pretext.base import Corrupted, Corruption
from thalweg.samplers.noise import one_uniform


class AnyOf(Corruption):
    """One of several corruptions, chosen at random for each batch.

    Parameters
    ----------
    corruptions : Corruption
    """

    def __init__(self, *corruptions: Corruption) -> None:
        if not corruptions:
            raise InputError("AnyOf: no corruption was given; expected at least one")
        self.corruptions = corruptions

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        which = int(one_uniform(generator) * len(self.corruptions))
        return self.corruptions[which](y, generator)


class Shaped(Corruption):
    """A corruption of images or clips, for rows in which their entries stand one after another.

    Parameters
    ----------
    corruption : Corruption
    shape : sequence of int
        Of what a row is: (height, width, channels) for one.
    """

    def __init__(self, corruption: Corruption, shape: tuple[int, ...]) -> None:
        self.corruption, self.shape = corruption, tuple(shape)

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        spoiled = self.corruption(y.reshape(-1, *self.shape), generator)
        return Corrupted(spoiled.y.flatten(1), spoiled.asked.flatten(1))
