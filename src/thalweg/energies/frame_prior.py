"""How usual a continuous code is after what was seen."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.energies.frame_encoding import ClipShape, FrameSummary
from thalweg.energies.initial import draw_weights
from thalweg.samplers.noise import normal

APART = 1.0
"""Deviation of the middles of its parts, to begin with"""


class FramePrior(nn.Module):
    r"""R(z | x), minus the log of a mixture of normal densities that the context settles.

    .. math::
        R(z \mid x) = -\log \sum_{i=1}^{m} \pi_i(x)\, N\bigl(z;\, \mu_i(x), \sigma_i(x)^2\bigr)

    What may happen in several ways has several places in the space of z, and draws are of one of
    them: of one normal density they would fall between.

    Parameters
    ----------
    shape : ClipShape
    codes : int
        Dimensions of z.
    parts : int
        m.
    width : int, default 64
        Channels of its own look at the context.
    generator : torch.Generator, optional
        Of the initial weights.
    """

    def __init__(
        self,
        shape: ClipShape,
        codes: int,
        parts: int,
        width: int = 64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.codes, self.parts = codes, parts
        self.summary = FrameSummary(shape, shape.context, parts * (1 + 2 * codes), width)
        draw_weights(self, generator)
        self.middles = nn.Parameter(APART * torch.randn(parts, codes, generator=generator))

    def mixture(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log pi (n, m), mu and log sigma (n, m, codes)."""
        share, rest = self.summary(x).split([self.parts, 2 * self.parts * self.codes], dim=1)
        mean, log_sigma = rest.unflatten(1, (2, self.parts, self.codes)).unbind(dim=1)
        return share.log_softmax(dim=1), self.middles + mean, log_sigma.clamp(-5, 2)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        """R of codes (..., n, codes): (..., n)."""
        share, mean, log_sigma = self.mixture(x)
        away = (z[..., None, :] - mean) * (-log_sigma).exp()
        each = -0.5 * away.square().sum(dim=-1) - log_sigma.sum(dim=-1)
        each = each - 0.5 * self.codes * math.log(2 * math.pi)
        return -torch.logsumexp(share + each, dim=-1)

    def usual(self, x: Tensor) -> Tensor:
        """The middle of the part that is densest there: (n, codes)."""
        share, mean, log_sigma = self.mixture(x)
        densest = (share - log_sigma.sum(dim=2)).argmax(dim=1)
        return mean[torch.arange(len(mean), device=mean.device), densest]

    def draw(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """One z for each context: (n, codes)."""
        share, mean, log_sigma = self.mixture(x)
        which = torch.multinomial(share.exp().to(generator.device), 1, generator=generator)[:, 0]
        rows = torch.arange(len(mean), device=mean.device)
        which = which.to(mean.device)
        return mean[rows, which] + log_sigma[rows, which].exp() * normal(mean[:, 0], generator)
