"""Decoders: from a code to what it stands for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """The linear decoder with an offset, z to z W + b: for one-hot z, one of k points.

    Parameters
    ----------
    weight : Tensor
        W, (k, d): one atom (point, component) a row.
    offset : Tensor, optional
        b, (d,); none is 0.

    Examples
    --------
    >>> import torch
    >>> Affine(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))(torch.tensor([[0.0, 1.0]])).detach()
    tensor([[2., 3.]])
    """

    def __init__(self, weight: Tensor, offset: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weight).clone())
        self.offset = None if offset is None else nn.Parameter(torch.as_tensor(offset).clone())

    can_pull_back = True

    def with_pull_back(self, z: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """What z decodes to, and what takes a gradient by that (..., d) back to one by z."""
        return self(z), lambda grad: nn.functional.linear(grad, self.weight)

    def forward(self, z: Tensor) -> Tensor:
        return z @ self.weight if self.offset is None else z @ self.weight + self.offset
