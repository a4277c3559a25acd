"""Learning by telling data from noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.objectives.likelihood import drawn_with_density, log_density, normalized
from thalweg.objectives.scales import checked_sigmas, one_of
from thalweg.samplers.noise import normal


class NoiseContrastive(Objective):
    r"""Noise contrastive estimation: a classifier of data against noise whose log-odds are ours.

    .. math::
        -\log \sigma(G(y)) - \sum_{i=1}^{\nu} \log \sigma(-G(\tilde y_i)), \qquad
        G(y) = -\beta F(y) - \log Z - \log p_n(y) - \log \nu, \quad \tilde y_i \sim p_n

    log Z is a parameter, ``log_z``; at the optimum it is the true one. The closer the noise is to
    the data, and the more of it, the better the estimate.

    Parameters
    ----------
    noise : Energy
        p_n, one that can be drawn from and knows its log Z.
    ratio : int, default 1
        nu, draws of noise for each row.

    References
    ----------
    Gutmann, Hyvarinen, "Noise-contrastive estimation of unnormalized statistical models" (2012),
    eq. 4.
    """

    def __init__(self, noise: Energy, ratio: int = 1) -> None:
        super().__init__()
        if ratio < 1:
            raise InputError(f"NoiseContrastive: ratio must be at least 1, got {ratio}")
        self.noise, self.ratio = normalized(noise, "NoiseContrastive").requires_grad_(False), ratio
        self.log_z = nn.Parameter(torch.zeros(()))

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        n = len(batch.y)
        drawn, log_q = drawn_with_density(self.noise, self.ratio * n, generator)
        drawn, log_q = drawn.to(batch.y), log_q.to(batch.y)
        given = (
            None if batch.x is None else batch.x.repeat(1 + self.ratio, *[1] * (batch.x.dim() - 1))
        )
        both = energy.beta * energy(torch.cat([batch.y, drawn]), given)
        log_noise = torch.cat([log_density(self.noise, batch.y), log_q]) + math.log(self.ratio)
        odds = -both - self.log_z - log_noise
        value = mean_of(softplus(-odds[:n]), batch) + self.ratio * softplus(odds[n:]).mean()
        right = 0.5 * ((odds[:n] > 0).float().mean() + (odds[n:] < 0).float().mean())
        down, up = mean_of(both[:n], batch), both[n:].mean()
        return loss_of(
            value, energy=down, negatives=up, gap=up - down, told_apart=right, log_z=self.log_z
        )


class ConditionalNoiseContrastive(Objective):
    r"""Telling a row from its own noisy copy: log Z cancels.

    .. math::
        \log\left(1 + e^{F(y) - F(\tilde y)}\right), \qquad \tilde y = y + \sigma e

    The noise is symmetric, so that only energies are left of the log-odds.

    Parameters
    ----------
    sigma : float or sequence of float, default 0.3
        Standard deviation of the noise; of several, each row has one at random.

    References
    ----------
    Ceylan, Gutmann, "Conditional noise-contrastive estimation of unnormalised models" (2018),
    eq. 13.
    """

    sigmas: Tensor

    def __init__(self, sigma: float | tuple[float, ...] = 0.3) -> None:
        super().__init__()
        self.sigma = sigma
        self.register_buffer("sigmas", checked_sigmas(sigma, "ConditionalNoiseContrastive"))

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        noisy = batch.y + one_of(self.sigmas, batch.y, generator) * normal(batch.y, generator)
        given = None if batch.x is None else torch.cat([batch.x, batch.x])
        both = energy.beta * energy(torch.cat([batch.y, noisy]), given)
        data, other = both[: len(batch.y)], both[len(batch.y) :]
        down, up = mean_of(data, batch), other.mean()
        value = mean_of(softplus(data - other), batch)
        return loss_of(value, energy=down, negatives=up, gap=up - down)


class InfoNCE(Objective):
    r"""Telling the row among k others, one of k + 1 classes.

    .. math::
        -\log \frac{e^{-\beta F(y)} / p_n(y)}{\sum_{i=0}^{k} e^{-\beta F(y_i)} / p_n(y_i)},
        \qquad y_0 = y

    For an energy of y alone the others are k draws of noise that all rows of a batch share, and
    log Z cancels. For pairs (x, y) the others are the y of the other rows of the batch and p_n is
    their own density; then F is learned up to a function of y.

    Parameters
    ----------
    noise : Energy, optional
        p_n, for energies of y alone.
    k : int, default 512
        Draws of noise.

    References
    ----------
    van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding" (2018),
    eq. 4; Ma, Collins, "Noise contrastive estimation and negative sampling for conditional models"
    (2018), for the ranking form with noise.
    """

    def __init__(self, noise: Energy | None = None, k: int = 512) -> None:
        super().__init__()
        if k < 1:
            raise InputError(f"InfoNCE: k must be at least 1, got {k}")
        self.noise = None if noise is None else normalized(noise, "InfoNCE").requires_grad_(False)
        self.k = k

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if self.noise is None:
            return self._pairs(energy, batch)
        n = len(batch.y)
        drawn, log_q = drawn_with_density(self.noise, self.k, generator)
        drawn, log_q = drawn.to(batch.y), log_q.to(batch.y)
        both = energy.beta * energy(torch.cat([batch.y, drawn]))
        own = -both[:n] - log_density(self.noise, batch.y)
        others = torch.logsumexp(-both[n:] - log_q, dim=0)
        value = mean_of(softplus(others - own), batch)
        down, up = mean_of(both[:n], batch), both[n:].mean()
        return loss_of(value, energy=down, negatives=up, gap=up - down)

    def _pairs(self, energy: Energy, batch: Batch) -> Loss:
        n = len(batch.y)
        if batch.x is None or n < 2:
            raise InputError(
                "InfoNCE: a batch has no x, or one row, and no noise was given; expected noise, "
                "or pairs (x, y), at least 2"
            )
        y = batch.y.repeat(n, *[1] * (batch.y.dim() - 1))
        every = energy.beta * energy(y, batch.x.repeat_interleave(n, dim=0)).reshape(n, n)
        own = every.diagonal()
        value = mean_of(own + torch.logsumexp(-every, dim=1), batch)
        up = (every.sum() - own.sum()) / (n * (n - 1))
        down = mean_of(own, batch)
        return loss_of(value, energy=down, negatives=up, gap=up - down)
