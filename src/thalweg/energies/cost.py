"""Costs C(y, prediction): how far an observation is from what was predicted for it."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from thalweg.core import Indicators, InputError, check_columns
from thalweg.energies.pairs import (
    all_distances,
    least_distance,
    nearest_point,
    squared_distance,
)


class Cost(nn.Module, ABC):
    """A cost, lowest where the prediction is right.

    Besides row against row it has a pairwise form, n rows against k predictions, for latent
    variables that range over a list: a matrix product instead of k decoded copies of the batch.
    """

    visible: Tensor | None = None
    """(n, d), bool: the coordinates that count, or None where all do"""

    minimizes_hidden: bool = True
    """Whether the cost without hidden coordinates is the least over what they may be"""

    of_difference: bool = True
    """Whether only y minus the prediction counts"""

    @property
    def indicators(self) -> Indicators | None:
        """Which entries say what word is there, as :meth:`Energy.indicators`."""
        return None

    @abstractmethod
    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        """C of each row: (..., n) for y (n, d) and predictions (..., n, d)."""

    @abstractmethod
    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        """C of every row with every prediction: (k, n) for y (n, d) and predictions (k, d)."""

    def lowest(self, y: Tensor, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """For each row the least cost over the predictions, and whose it is: both (n,)."""
        return self.pairwise(y, predictions).min(dim=0)

    def least(self, y: Tensor, predictions: Tensor) -> Tensor:
        """The least cost alone, where nobody asks whose it is: (n,)."""
        return self.lowest(y, predictions)[0]

    def scale_of_squares(self) -> Tensor | None:
        """s where C is s times the squared distance, plus a constant; None for other costs."""
        return None

    def settled(self, prediction: Tensor) -> Tensor:
        """The y of least cost: the shape of the prediction, which it is where all are numbers."""
        return prediction

    def expected(self, prediction: Tensor) -> Tensor:
        """The mean of y under exp(-C): the shape of the prediction."""
        return prediction

    def log_mass(self, predictions: Tensor, beta: float) -> Tensor | None:
        """log of the integral of exp(-beta C) over y for predictions (k, d), up to a constant.

        (k,), or None where it is the same for all predictions, as of differences.
        """
        return None

    def of_asked(self, y: Tensor, prediction: Tensor, asked: Tensor) -> Tensor:
        """What a model learns by that is asked for entries of y: (n,), ``asked`` is (n, d), bool.

        The squared error, whatever the cost's own scale: what the optimum is does not change.
        """
        # where first: the gradient of what is hidden is not a number
        error = torch.where(asked, prediction - torch.where(asked, y, 0), 0)
        return error.flatten(1).square().sum(dim=1)

    @abstractmethod
    def restricted(self, visible: Tensor) -> Cost:
        """The cost of the visible coordinates alone; ``visible`` is (n, d), bool."""

    def taking(self, rows: Tensor) -> Cost:
        """The cost of some of the rows alone, by their positions (m,)."""
        if self.visible is None:
            return self
        view = copy.copy(self)
        view.visible = self.visible[rows]
        return view

    @abstractmethod
    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor | None:
        """y drawn from exp(-beta C(y, prediction)), normalized: the shape of the prediction."""


class SquaredError(Cost):
    r"""The squared distance, :math:`s \|y - \hat y\|^2 = s \sum_j (y_j - \hat y_j)^2`.

    Parameters
    ----------
    scale : float, default 1
        s, above 0.

    Examples
    --------
    >>> import torch
    >>> SquaredError()(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([25.])
    """

    def __init__(self, scale: float = 1.0, visible: Tensor | None = None) -> None:
        super().__init__()
        if not scale > 0:
            raise InputError(f"SquaredError: scale must be a number above 0, got {scale}")
        self.scale = scale
        self.visible = visible

    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        check_columns("cost", y, prediction.shape[-1])
        return self.scale * squared_distance(y, prediction, self.visible)

    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        check_columns("cost", y, predictions.shape[-1])
        return self.scale * all_distances(y, predictions, self.visible)

    def lowest(self, y: Tensor, predictions: Tensor) -> tuple[Tensor, Tensor]:
        # a compiled loop would read on past the end of a row
        check_columns("cost", y, predictions.shape[-1])
        least, index = nearest_point(y, predictions, self.visible)
        return least if self.scale == 1 else self.scale * least, index

    def least(self, y: Tensor, predictions: Tensor) -> Tensor:
        check_columns("cost", y, predictions.shape[-1])
        return self.scale * least_distance(y, predictions, self.visible)

    def scale_of_squares(self) -> Tensor:
        return torch.full((), self.scale, dtype=torch.float64)

    def restricted(self, visible: Tensor) -> SquaredError:
        seen = visible if self.visible is None else self.visible & visible
        return SquaredError(self.scale, seen)

    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor:
        return _with_noise(prediction, 1 / math.sqrt(2 * beta * self.scale), generator)


class GaussianNoise(Cost):
    r"""Minus the log-likelihood under noise of learned size.

    .. math::
        C(y, \hat y) = \frac{\|y - \hat y\|^2}{2 \sigma^2} + d \log(\sigma \sqrt{2 \pi})

    so that exp(-C) is normalized over y, and sigma finds its own value in training.

    Parameters
    ----------
    sigma : float, default 1
        Where the noise's standard deviation starts, in the units of y.

    References
    ----------
    Rybkin, Daniilidis, Levine, "Simple and effective VAE training with calibrated decoders",
    ICML 2021.

    Examples
    --------
    >>> import torch
    >>> cost = GaussianNoise(sigma=0.5)
    >>> value = cost(torch.zeros(1, 2), torch.zeros(1, 2)).exp()
    >>> torch.allclose(value, torch.tensor(2 * torch.pi * 0.25))
    True
    """

    minimizes_hidden = False  # its normalizer counts the visible coordinates alone

    def __init__(self, sigma: float = 1.0, visible: Tensor | None = None) -> None:
        super().__init__()
        if not sigma > 0:
            raise InputError(f"GaussianNoise: sigma must be a number above 0, got {sigma}")
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma)))
        self.visible = visible

    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        check_columns("cost", y, prediction.shape[-1])
        squares = squared_distance(y, prediction, self.visible)
        return squares * self.scale_of_squares() + self._log_normalizer(y)

    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        squares = SquaredError(1.0, self.visible).pairwise(y, predictions)
        return squares * self.scale_of_squares() + self._log_normalizer(y)

    def scale_of_squares(self) -> Tensor:
        return 0.5 * torch.exp(-2 * self.log_sigma)

    def restricted(self, visible: Tensor) -> GaussianNoise:
        view = GaussianNoise(1.0, visible if self.visible is None else self.visible & visible)
        view.log_sigma = self.log_sigma
        return view

    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor:
        sigma = float(self.log_sigma.detach().exp())
        return _with_noise(prediction, sigma / math.sqrt(beta), generator)

    def _log_normalizer(self, y: Tensor) -> Tensor:
        each = self.log_sigma + 0.5 * math.log(2 * math.pi)
        return each * (y.shape[-1] if self.visible is None else self.visible.sum(dim=-1))


def _with_noise(prediction: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    if sigma == 0:
        return prediction
    shape, kind = prediction.shape, prediction.dtype
    noise = torch.randn(shape, dtype=kind, device=generator.device, generator=generator)
    return prediction + sigma * noise.to(prediction.device)
