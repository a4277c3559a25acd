"""Images predicted from parts of themselves."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from thalweg import questions
from thalweg.core import (
    Choice,
    Energy,
    Levels,
    changed,
    generator_from,
    parameter,
)
from thalweg.data import ImagesLike
from thalweg.energies import Inpainter, MaskedPrediction
from thalweg.estimators.base.explanation import Explanation, Squares
from thalweg.estimators.base.model import ScoresMixin
from thalweg.estimators.base.several import several
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

    def complete(
        self,
        X: ImagesLike,
        mask: ArrayLike | None = None,
        *,
        draws: int | None = None,
        interval: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
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
        draws : int, optional
            m fillings instead, (m, n, height, width[, channels]): one pixel after the other, in an
            order of each image's own, given what is there by then, with the error that is usual of
            a pixel. That is a pass of the network for every hidden pixel.
        interval : float, optional
            Two bounds instead, that a hidden pixel lies between with this probability.
        random_state : int or RandomState, optional
            Seed of draws.
        """
        asked = several(draws, interval)
        generator = generator_from(random_state)

        def drawn(y: Tensor) -> Tensor:
            found = questions.draw_fillings(self.energy_, y, asked.fillings, generator)
            return found.transpose(0, 1)

        return self._completed(X, mask, asked, lambda y: questions.expect(self.energy_, y), drawn)

    def project(self, X: ImagesLike) -> NDArray[Any]:
        """The image of the data manifold that is closest to each, of the shape and type it came in.

        The energy is descended from each image, or from what is predicted of it where that is
        lower; hidden (NaN) pixels end on the manifold too. For noise on photos there is
        :class:`ImageDenoiser`.
        """
        images = self._read(X)
        return images.formed(self._ask(images, lambda y: questions.project(self.energy_, y)))

    def explain(self, X: ImagesLike, usual: bool = True) -> Explanation:
        r"""Which squares of each image its energy is there for, and what is usual there.

        .. math::
            s_j(y) = F(y) - F(y_{\setminus j})

        with the patch j hidden, so that hiding it lowers the energy by exactly that: a map of what
        is unusual.

        Parameters
        ----------
        X : array, folder or file
        usual : bool, default True
            Whether to say what is expected in each patch, given all others of its image.

        Returns
        -------
        Explanation
            ``contribution`` (n, rows, columns) of patches, ``usual`` (n, height, width[, channels])
            in pixels' own units.
        """
        images = self._read(X)
        squares = Squares((1, *self.shape_), self.patch)
        parts = squares.parts()

        def shares(y: Tensor) -> Tensor:
            return questions.explain(self.energy_, y, parts=parts, view=self._visible)

        def expected(y: Tensor) -> Tensor:
            return questions.usual(y, lambda part: questions.expect(self.energy_, part), parts)

        contribution = self._ask(images, shares).reshape(len(images), *squares.grid[1:])
        found = None
        if usual:
            shape = self.shape_[:2] if images.grey else self.shape_
            found = self._ask(images, expected).reshape(len(images), *shape)
        return Explanation(contribution, found, None)

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
