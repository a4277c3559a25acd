"""Images predicted from parts of themselves."""

from __future__ import annotations

from typing import Any, cast

import torch
from numpy.typing import ArrayLike, NDArray

from thalweg import questions
from thalweg.core import Choice, Energy, InputError, Levels, changed, parameter
from thalweg.data import CoveredImages, ImagesLike
from thalweg.energies import Inpainter, MaskedPrediction
from thalweg.estimators.base.model import ScoresMixin
from thalweg.estimators.images.model import ImageModel
from thalweg.objectives import Denoising, Objective
from thalweg.pretext import AnyOf, Corruption, Masked, Occluded, Shaped
from thalweg.training.start import Start

LEAST_ERROR = 0.1
"""Of a pixel, in standard deviations of its channel: no dead pixel outweighs the others."""


class MaskedImageModel(ScoresMixin, ImageModel):
    r"""A masked autoencoder for images: what is hidden of one, predicted from what is seen.

    .. math::
        F(y) = \sum_{k=1}^{4} \sum_{j \in S_k}
        \frac{(y_j - r_j(y_{\setminus S_k}))^2}{2 \sigma_j^2}, \quad \text{trained on} \quad
        \sum_{j \text{ hidden}} (y_j - r_j(y_{\text{visible}}))^2

    The sets S_k are four combs of patches. ``transform`` gives what the network makes of an image
    inside, a representation learned without labels; ``complete`` paints in what is hidden.

    References
    ----------
    He, Chen, Xie, Li, Dollar, Girshick, "Masked autoencoders are scalable vision learners" (2022);
    Pathak, Krahenbuhl, Donahue, Darrell, Efros, "Context encoders" (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from thalweg.estimators import MaskedImageModel
    >>> images = load_digits().images[:200]
    >>> model = MaskedImageModel(patch=2, width=32, depth=1, n_steps=20, random_state=0)
    >>> holed = images[:3].copy()
    >>> holed[:, 2:5, 2:5] = np.nan
    >>> filled = model.fit(images).complete(holed)
    >>> filled.shape, bool(np.isnan(filled).any())
    ((3, 8, 8), False)
    """

    network: str = changed(
        default="transformer",
        sentence="A vision transformer that is shown the visible patches alone, or a U-Net.",
        kw_only=False,
    )
    pretext: str = parameter(
        "What is hidden in training: random patches; a block; for completing whatever is missing,"
        " patches, a block or single pixels, by turns.",
        Choice(("masked", "occluded", "mixed")),
        default="masked",
    )
    fraction: float | tuple[float, float] = parameter(
        "Share of patches (or pixels) hidden, or the range that it is drawn from, image by image.",
        Levels(high=1),
        default=0.75,
    )

    def _begun(self, start: Start, energy: Energy) -> Objective:
        return Denoising(Shaped(self._hiding(), self.shape_))

    def complete(self, X: ImagesLike, mask: ArrayLike | None = None) -> NDArray[Any]:
        """Images with what is hidden painted in, of the shape and type that they came in.

        What is filled in is the mean that the network expects, given the visible pixels, which
        stay bit for bit what they were.

        Parameters
        ----------
        X : array, folder or file
            NaN pixels are hidden.
        mask : array of bool, optional
            (height, width), (n, height, width) or (n, height, width, channels), True where images
            are hidden besides; needed for images of bytes, which have no NaN.
        """
        images = self._read(X)
        if mask is not None:
            images = CoveredImages(images, mask)
            images.summary("mask and images together")
        elif images.pixels.kind != "f":
            raise InputError(
                f"complete: images of {images.pixels} have no NaN, and no mask was given; expected "
                "a mask that says what is hidden"
            )
        return images.painted(self._ask(images, lambda y: questions.expect(self.energy_, y)))

    def _hiding(self) -> Corruption:
        patches, block = Masked(self.fraction, (self.patch, self.patch)), Occluded()
        if self.pretext == "masked":
            return patches
        if self.pretext == "occluded":
            return block
        return AnyOf(patches, block, Masked(self.fraction, (1, 1)))

    def _inside(self, energy: Energy) -> Inpainter:
        return cast(Inpainter, cast(MaskedPrediction, energy).network)

    def _energy(self, network: Inpainter, generator: torch.Generator) -> MaskedPrediction:
        height, width, channels = network.shape
        row, column = torch.arange(height) // self.patch, torch.arange(width) // self.patch
        comb = 2 * (row % 2)[:, None] + column % 2
        # an image one patch high or wide has fewer combs
        comb = torch.unique(comb, return_inverse=True)[1]
        part = comb[..., None].expand(-1, -1, channels).flatten()
        return MaskedPrediction(network, height * width * channels, part)

    def _finish(self, start: Start, energy: MaskedPrediction, objective: Objective) -> None:
        energy.learn_sigma(start.batches(512), LEAST_ERROR)
