"""Several choices at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.latents.spaces import Vectors


class OneHots(Vectors):
    """One of k choices in each of several places: z is so many rows of the identity, one by one.

    R(z) = 0. There are k to the power of the places of them, too many for a list.

    Parameters
    ----------
    k : int
        How many choices.
    places : int

    Examples
    --------
    >>> import torch
    >>> OneHots(2, 3).nearest(torch.tensor([[0.1, 0.9, 0.5, 0.2, 0.0, 0.3]]))
    tensor([[0., 1., 1., 0., 0., 1.]])
    """

    is_even = True

    def __init__(self, k: int, places: int) -> None:
        if places < 1:
            raise InputError(f"OneHots: places must be at least 1, got {places}")
        super().__init__(k * places)
        self.choices, self.places = k, places

    def of(self, which: Tensor) -> Tensor:
        """z of the choices (..., places)."""
        return torch.nn.functional.one_hot(which, self.choices).to(self._like).flatten(-2)

    def nearest(self, z: Tensor) -> Tensor:
        return self.of(z.unflatten(-1, (self.places, self.choices)).argmax(dim=-1)).to(z)

    def log_volume(self) -> Tensor:
        return self._like.new_tensor(self.places * math.log(self.choices))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(
            self.choices, (n, self.places), generator=generator, device=generator.device
        )
        return self.of(which.to(self._like.device))
