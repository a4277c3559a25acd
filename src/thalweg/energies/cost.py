"""Costs C(y, prediction): how far an observation is from what was predicted for it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from thalweg.kernels.nearest import nearest


class Cost(nn.Module, ABC):
    """A cost, zero where the prediction is right.

    Besides row against row it has a pairwise form, n rows against k predictions, for latent
    variables that range over a list: a matrix product instead of k decoded copies of the batch.
    """

    @abstractmethod
    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        """C of each row: (..., n) for y (n, d) and predictions (..., n, d)."""

    @abstractmethod
    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        """C of every row with every prediction: (k, n) for y (n, d) and predictions (k, d)."""

    def lowest(self, y: Tensor, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """For each row the least cost over the predictions, and whose it is: both (n,)."""
        return self.pairwise(y, predictions).min(dim=0)

    @abstractmethod
    def restricted(self, visible: Tensor) -> Cost:
        """The cost of the visible coordinates alone; ``visible`` is (n, d), bool."""

    @abstractmethod
    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor:
        """y drawn from exp(-beta C(y, prediction)), normalized: the shape of the prediction."""


class SquaredError(Cost):
    r"""The squared distance, :math:`\|y - \hat y\|^2 = \sum_j (y_j - \hat y_j)^2`.

    Examples
    --------
    >>> import torch
    >>> SquaredError()(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([25.])
    """

    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        return (y - prediction).square().sum(dim=-1)

    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        # centered, for |y|^2 - 2 <y, w> + |w|^2 cancels far from the origin
        center = predictions.mean(dim=0).detach()
        y, w = y - center, predictions - center
        norms = w.square().sum(dim=-1, keepdim=True) + y.square().sum(dim=-1)
        return torch.addmm(norms, w, y.T, alpha=-2).clamp_min(0)

    def lowest(self, y: Tensor, predictions: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            if _suits_kernel(y, predictions):
                which, value = nearest(y.detach().numpy(), predictions.detach().numpy())
                index, least = torch.from_numpy(which).long(), torch.from_numpy(value)
            else:
                least, index = self.pairwise(y, predictions).min(dim=0)
        if torch.is_grad_enabled() and (y.requires_grad or predictions.requires_grad):
            # envelope theorem: the gradient of the minimum is the gradient at the minimizer
            return self(y, predictions[index]), index
        return least, index

    def restricted(self, visible: Tensor) -> Cost:
        return _VisibleSquaredError(visible)

    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor:
        if math.isinf(beta):
            return prediction
        noise = torch.randn(
            prediction.shape,
            dtype=prediction.dtype,
            device=generator.device,
            generator=generator,
        )
        return prediction + noise.to(prediction.device) / math.sqrt(2 * beta)


class _VisibleSquaredError(Cost):
    """The squared error over the visible coordinates of each row: hidden ones are minimized out."""

    def __init__(self, visible: Tensor) -> None:
        super().__init__()
        self.visible = visible

    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        # where first, for the gradient of NaN - w times 0 is NaN
        difference = torch.where(self.visible, y, 0) - torch.where(self.visible, prediction, 0)
        return difference.square().sum(dim=-1)

    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        center = predictions.mean(dim=0).detach()
        y, w = torch.where(self.visible, y - center, 0), predictions - center
        seen = self.visible.to(w.dtype)
        norms = w.square() @ seen.T + y.square().sum(dim=-1)
        return torch.addmm(norms, w, y.T, alpha=-2).clamp_min(0)

    def restricted(self, visible: Tensor) -> Cost:
        return _VisibleSquaredError(self.visible & visible)

    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor:
        return SquaredError().draw(prediction, beta, generator)


def _suits_kernel(y: Tensor, predictions: Tensor) -> bool:
    return (
        y.device.type == "cpu"
        and predictions.device.type == "cpu"
        and y.dtype == predictions.dtype
        and y.dtype in (torch.float32, torch.float64)
        and y.ndim == 2
    )
