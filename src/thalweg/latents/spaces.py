"""Latent spaces: the sets that z ranges over."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError, LatentSpace


class OneHot(LatentSpace):
    """One of k choices: z is a row of the k x k identity, R(z) = 0.

    Parameters
    ----------
    k : int
        How many choices.

    Examples
    --------
    >>> OneHot(3).members()
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """

    _like: Tensor

    def __init__(self, k: int) -> None:
        super().__init__()
        if k < 1:
            raise InputError(f"OneHot: k must be at least 1, got {k}")
        self.k = k
        # follows the module's device and type, holds no data
        self.register_buffer("_like", torch.empty(0), persistent=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.k,)

    def forward(self, z: Tensor) -> Tensor:
        return z.new_zeros(z.shape[:-1])

    def members(self) -> Tensor:
        return torch.eye(self.k, dtype=self._like.dtype, device=self._like.device)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        choice = torch.randint(self.k, (n,), generator=generator, device=generator.device)
        return self.members()[choice.to(self._like.device)]
