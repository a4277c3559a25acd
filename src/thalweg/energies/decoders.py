"""Decoders: from a code to what it stands for."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Points(nn.Module):
    """The linear decoder of a code, z to z W: for one-hot z, one of k points.

    Parameters
    ----------
    weight : Tensor
        W, (k, d): one point a row.

    Examples
    --------
    >>> import torch
    >>> Points(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))(torch.tensor([[0.0, 1.0]])).detach()
    tensor([[2., 3.]])
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weight).clone())

    def forward(self, z: Tensor) -> Tensor:
        return z @ self.weight
