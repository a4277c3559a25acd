r"""Score matching: the gradient small and the curvature large at the data.

The score is :math:`s(y) = -\beta \nabla F(y)`; log Z is not in it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Batch, Energy, InputError, Loss, whole_number
from thalweg.energies import NoisyImages
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.objectives.scales import checked_noise, checked_sigmas, one_of, with_noise
from thalweg.samplers.noise import normal, uniform

OFTEN = 0.65
"""Share of rows whose scale of noise is about the middle, where there is one"""

HEAVIEST = 65.0
"""1 + sigma^2 at the largest scale that is weighted as it is"""


class ScoreMatching(Objective):
    r"""Exact score matching, every second derivative taken.

    .. math::
        \tfrac12 \|\beta \nabla F(y)\|^2 - \beta \Delta F(y)

    Takes as many second derivatives as y has coordinates; from a dozen on,
    :class:`SlicedScoreMatching`.

    Parameters
    ----------
    noise : float, default 0
        Standard deviation of Gaussian noise put on the rows first, which makes what is matched
        smoother where data are few.

    References
    ----------
    Hyvarinen, "Estimation of non-normalized statistical models by score matching" (2005), eq. 4.
    """

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = checked_noise(noise, "ScoreMatching")

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        y = with_noise(batch.y, self.noise, generator)
        n, d = len(y), y[0].numel()
        basis = torch.eye(d, device=y.device, dtype=y.dtype).reshape(d, 1, *y.shape[1:])
        value, slopes, curvature = energy.along(y, basis.expand(d, n, *y.shape[1:]), batch.x)
        beta = energy.beta
        loss = mean_of(0.5 * beta**2 * slopes.square().sum(dim=0) - beta * curvature, batch)
        return loss_of(loss, energy=mean_of(value, batch))


class SlicedScoreMatching(Objective):
    r"""Score matching along random directions.

    .. math::
        E_v \left[ \tfrac12 \beta^2 (v^T \nabla F)^2 - \beta v^T \nabla^2 F v \right],
        \qquad v \sim N(0, I)

    Parameters
    ----------
    n_directions : int, default 1
        Of each row, in each step.
    noise : float, default 0
        As in :class:`ScoreMatching`.

    References
    ----------
    Song, Garg, Shi, Ermon, "Sliced score matching" (2019), eq. 7.
    """

    def __init__(self, n_directions: int = 1, noise: float = 0.0) -> None:
        super().__init__()
        if n_directions < 1:
            raise InputError(
                f"SlicedScoreMatching: n_directions must be at least 1, got {n_directions}"
            )
        self.n_directions, self.noise = n_directions, checked_noise(noise, "SlicedScoreMatching")

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        y = with_noise(batch.y, self.noise, generator)
        v = normal(y.new_empty(self.n_directions, *y.shape), generator)
        value, slopes, curvature = energy.along(y, v, batch.x)
        beta = energy.beta
        each = 0.5 * beta**2 * slopes.square().sum(dim=0) - beta * curvature
        return loss_of(mean_of(each, batch) / self.n_directions, energy=mean_of(value, batch))


class DenoisingScoreMatching(Objective):
    r"""The score of the data with noise on them: it points from a noisy row to the clean one.

    .. math::
        \tfrac12 \left\| e - \sigma \beta \nabla F(y + \sigma e) \right\|^2, \qquad e \sim N(0, I)

    What is learned is the density of the data blurred by sigma. Of several levels each row has one
    at random, and one energy serves all of them.

    Parameters
    ----------
    sigma : float or sequence of float, default 0.1

    References
    ----------
    Vincent, "A connection between score matching and denoising autoencoders" (2011), eq. 13;
    Song, Ermon (2019), eq. 5 and 6, for several levels and the weight sigma squared.
    """

    sigmas: Tensor

    def __init__(self, sigma: float | tuple[float, ...] = 0.1) -> None:
        super().__init__()
        self.sigma = sigma
        self.register_buffer("sigmas", checked_sigmas(sigma, "DenoisingScoreMatching"))

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        sigma = one_of(self.sigmas, batch.y, generator)
        e = normal(batch.y, generator)
        slope = energy.slope(batch.y + sigma * e, batch.x)
        each = 0.5 * (e - sigma * energy.beta * slope).flatten(1).square().sum(dim=1)
        return loss_of(mean_of(each, batch))


class DualScoreMatching(Objective):
    r"""Denoising score matching at every scale of noise, and along the scale too.

    .. math::
        \tfrac12 \left\| e - \sigma \nabla_y F \right\|^2
        + \frac{1}{2 d} \left( d - \|e\|^2 - \frac{\partial F}{\partial \log \sigma} \right)^2,
        \qquad F = F(y + \sigma e, \log \sigma)

    The energy is given the scale: x is log sigma, (n, 1). How F changes with the scale ties the
    energies of valleys together that no data lie between: at large scales they are one. Where F
    at the largest scale is normalized, so it is at all others.

    Parameters
    ----------
    smallest, largest : float
        Scales between which log sigma is uniform.
    middle : float, optional
        A scale about which it is more often: of two thirds of the rows log sigma is normal about
        its logarithm, with deviation 1, but for what lies beyond the ends. Where rows have
        deviation 1, what they are as a whole is decided at 1 to 3.
    power : float, default 0
        The weight of a scale is :math:`(1 + \sigma^2)^{power}`, up to sigma 8: at large scales
        there is little that noise leaves to learn, and that little is what they are as a whole.
        The loss is divided by the mean weight; the metrics are without weights.
    by_field : int, default 0
        Calls at the beginning (steps, or parts of steps whose batch is gone through in parts) in
        which ``energy.field`` takes the noise off in place of the slope,
        for an energy that has one (:class:`thalweg.energies.NoisyImages`): no second derivatives,
        and the scale is left for later.

    References
    ----------
    Guth, Kadkhodaie, Simoncelli, "Learning normalized image densities via dual score matching"
    (2025), eq. 6 to 8; Choi, Meng, Song, Ermon, "Density ratio estimation via infinitesimal
    classification" (2022), for the score along the path; Karras, Aittala, Aila, Laine,
    "Elucidating the design space of diffusion-based generative models" (2022), for scales and
    weights.
    """

    steps: Tensor

    def __init__(
        self,
        smallest: float = 0.01,
        largest: float = 10.0,
        middle: float | None = None,
        power: float = 0.0,
        by_field: int = 0,
    ) -> None:
        super().__init__()
        if not 0 < smallest < largest < math.inf:
            raise InputError(
                f"DualScoreMatching: scales from {smallest} to {largest}; expected the smallest "
                "above 0 and the largest above it"
            )
        if middle is not None and not smallest <= middle <= largest:
            raise InputError(
                f"DualScoreMatching: middle is {middle}; expected a scale from {smallest} to "
                f"{largest}"
            )
        if not 0 <= power <= 1:
            raise InputError(f"DualScoreMatching: power must be from 0 to 1, got {power}")
        self.smallest, self.largest = smallest, largest
        self.middle, self.power = middle, power
        self.by_field = whole_number("DualScoreMatching: by_field", by_field, 0)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if batch.x is not None:
            raise InputError(
                "DualScoreMatching: the batch has x, and what is given to the energy is the scale "
                "of the noise; expected rows y without x (of data and labels, pair='y')"
            )
        y = batch.y
        d = y[0].numel()
        scale = self.scales(y, generator)
        sigma = scale.exp().reshape(-1, *[1] * (y.dim() - 1))
        e = normal(y, generator)
        if int(self.steps) < self.by_field:
            if not isinstance(energy, NoisyImages):
                raise InputError(
                    f"DualScoreMatching: by_field is {self.by_field}, and {type(energy).__name__} "
                    "has no field; expected NoisyImages, or by_field=0"
                )
            space = 0.5 * ((energy.field(y + sigma * e, scale) - y) / sigma).square().sum(dim=1)
            # nothing yet: but every parameter has a gradient, and one count of steps
            along = 0 * energy.network.offset(scale)[:, 0]
        else:
            by_y, by_scale = energy.slopes(y + sigma * e, scale)
            square = e.flatten(1).square().sum(dim=1)
            space = 0.5 * (e - sigma * by_y).flatten(1).square().sum(dim=1)
            along = 0.5 * (d - square - by_scale[:, 0]).square() / d
        self.steps += 1
        weight = (1 + (2 * scale[:, 0]).exp()).clamp(max=HEAVIEST) ** self.power
        return loss_of(
            mean_of(weight * (space + along), batch) / mean_of(weight, batch),
            space=mean_of(space, batch), scale=mean_of(along, batch),
        )  # fmt: skip

    def scales(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """log sigma for each row, (n, 1)."""
        low, high = math.log(self.smallest), math.log(self.largest)
        # one in each of n equal parts: together they cover the range evenly
        place = torch.arange(len(y), device=y.device).to(y) + uniform(y.flatten(1)[:, 0], generator)
        place = place / len(y)
        if self.middle is None:
            return (low + (high - low) * place)[:, None]
        even = low + (high - low) * (place / (1 - OFTEN)).clamp(max=1)
        near = ((place - (1 - OFTEN)) / OFTEN).clamp(1e-4, 1 - 1e-4)
        bell = math.log(self.middle) + math.sqrt(2) * torch.erfinv(2 * near - 1)
        return torch.where(place < 1 - OFTEN, even, bell.clamp(low, high))[:, None]
