"""A cost for images that sees edges as well as areas."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from thalweg.core import InputError
from thalweg.energies.cost import Cost

BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
"""The blur between two levels, up to its sum."""


class LaplacianPyramid(Cost):
    r"""The absolute difference at every scale, coarse scales counted for their area.

    .. math::
        C(y, \hat y) = \sum_{j=0}^{J-1} 2^{2j} \|L_j(y - \hat y)\|_1

    with L_j the j-th level of the Laplacian pyramid: what a blur takes away, and last what is left.
    Rows are images, laid out as (height, width) or (height, width, channels).

    Where pixels are hidden the difference there is taken as 0, which is a choice of what they are
    but not always the best one: the cost is an upper bound of the minimum over them.

    Parameters
    ----------
    shape : tuple of int
        (height, width) or (height, width, channels).
    levels : int, default 3
        J, fewer where the image is too small to be halved as often.

    References
    ----------
    Ling and Okada, "Diffusion distance for histogram comparison" (2006); Bojanowski, Joulin,
    Lopez-Paz, Szlam, "Optimizing the latent space of generative networks" (2018), eq. 3.

    Examples
    --------
    >>> import torch
    >>> cost = LaplacianPyramid((4, 4))
    >>> y = torch.rand(2, 16)
    >>> cost(y, y)
    tensor([0., 0.])
    """

    minimizes_hidden = False

    def __init__(
        self, shape: tuple[int, ...], levels: int = 3, visible: Tensor | None = None
    ) -> None:
        super().__init__()
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise InputError(
                f"LaplacianPyramid: shape must be (height, width) or (height, width, channels), "
                f"got {tuple(shape)}"
            )
        self.shape = tuple(shape)
        self.levels = min(levels, 1 + int(math.log2(min(shape[:2]))))
        self.visible = visible

    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        if self.visible is None:
            difference = y - prediction
        else:
            difference = torch.where(self.visible, torch.where(self.visible, y, 0) - prediction, 0)
        lead = difference.shape[:-1]
        height, width, *channels = self.shape
        images = difference.reshape(-1, height, width, *(channels or [1])).permute(0, 3, 1, 2)
        images = images.reshape(-1, 1, height, width)
        total = images.new_zeros(len(images))
        for level in range(self.levels):
            if level == self.levels - 1:
                rest = images
            else:
                coarse = avg_pool2d(_blurred(images), 2, ceil_mode=True)
                size = images.shape[-2:]
                rest = images - interpolate(coarse, size, mode="bilinear", align_corners=False)
            total = total + 4.0**level * rest.abs().sum(dim=(1, 2, 3))
            if level < self.levels - 1:
                images = coarse
        return total.reshape(*lead, -1).sum(dim=-1)

    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        return torch.stack([self(y, each.expand_as(y)) for each in predictions])

    def restricted(self, visible: Tensor) -> LaplacianPyramid:
        seen = visible if self.visible is None else self.visible & visible
        return LaplacianPyramid(self.shape, self.levels, seen)

    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor | None:
        return prediction if math.isinf(beta) else None


def _blurred(images: Tensor) -> Tensor:
    line = torch.tensor(BINOMIAL).to(images) / sum(BINOMIAL)
    wide = pad(images, (2, 2, 2, 2), mode="replicate")
    return conv2d(conv2d(wide, line.reshape(1, 1, 1, 5)), line.reshape(1, 1, 5, 1))
