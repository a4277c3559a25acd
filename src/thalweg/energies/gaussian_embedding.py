"""The energy of single items by what is embedded of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError


class GaussianEmbedding(Energy):
    r"""The energy of single items whose embeddings are standard normal.

    .. math::
        F(y) = \tfrac12 \|s(y)\|^2 + \tfrac m2 \log 2 \pi - \tfrac12 \log \det (J J^T), \qquad
        J = \frac{\partial s}{\partial y}

    Where s is one-to-one and the embeddings of data are normal it is -log of their density; where m
    is less than the columns of y, of their density along what s sees. An item is unusual where
    small changes do not change its embedding.

    Parameters
    ----------
    embed : Module
        s, from (n, d) to (n, m), m at most d; smooth.

    References
    ----------
    Balestriero, Ballas, Rabbat, LeCun, "Gaussian embeddings: how JEPAs secretly learn your data
    density" (2025), for the determinant.

    Examples
    --------
    >>> import torch
    >>> double = torch.nn.Linear(2, 2, bias=False)
    >>> _ = double.weight.data.copy_(2 * torch.eye(2))
    >>> round(GaussianEmbedding(double)(torch.zeros(1, 2)).item(), 3)  # log 2 pi - log 4
    0.452
    """

    def __init__(self, embed: nn.Module) -> None:
        super().__init__()
        self.embed = embed

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        s, slopes = self._slopes(y)
        m, d = slopes.shape[1:]
        if m > d:
            raise InputError(
                f"GaussianEmbedding: {m} components of {d} columns; expected no more of them than "
                "columns, for the embedding to have a volume"
            )
        # the volume is the product of the diagonal, and its square is not taken
        triangle = torch.linalg.qr(slopes.transpose(1, 2)).R
        log_volume = triangle.diagonal(dim1=1, dim2=2).abs().log().sum(dim=1)
        return 0.5 * (s.square().sum(dim=1) + m * math.log(2 * math.pi)) - log_volume

    def _slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings (n, m) and what each component changes by, (n, m, d)."""
        graph = torch.is_grad_enabled()
        with torch.enable_grad():
            at = y if y.requires_grad else y.detach().requires_grad_()
            s = self.embed(at)
            # no row sees another: the gradient of the sum is that of each
            each = [
                torch.autograd.grad(
                    s[:, j].sum(), at, retain_graph=True, create_graph=graph, materialize_grads=True
                )[0]
                for j in range(s.shape[1])
            ]
        found = torch.stack(each, dim=1)
        return (s, found) if graph else (s.detach(), found.detach())
