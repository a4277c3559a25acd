"""How estimators of images read them: one size, one range of numbers, units by channel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import (
    Choice,
    Energy,
    InputError,
    Integer,
    Sizes,
    changed,
    check_memory,
    learned,
    parameter,
)
from thalweg.data import CoveredImages, Images, ImagesLike, as_images, pixel_units
from thalweg.data.images import described
from thalweg.data.source import Summary
from thalweg.energies import Rescaled
from thalweg.estimators.base.loading import frame_size, units_of
from thalweg.estimators.base.several import Several
from thalweg.estimators.base.training import GradientModel
from thalweg.training import Run
from thalweg.training.start import Start, Units

FAR = 50.0
"""Times that the spread of pixels is another than in training, for their range to be another"""

MUCH = 10.0
"""Times that their middle is smaller, too"""


class ImageEstimator(GradientModel):
    """An estimator whose rows are images of one size.

    Subclasses write ``_drawn``, the energy before training, and the objective (``_begun``).
    """

    damaged: str = parameter(
        "What becomes of image files that cannot be decoded (left out) or are of another size or "
        "have other channels (brought to those of the others), with a count and their names in a "
        "warning; or an error.",
        Choice(("skip", "stop")),
        default="skip",
    )
    n_steps: int = changed(
        default=3000,
        sentence="Gradient steps, one batch each; with 0 the weights stay random.",
        constraint=Integer(0),
    )
    learning_rate: float = changed(default=0.001)

    about: ClassVar[str] = "images"

    parts_alone: ClassVar[bool] = False
    """Whether parts of images are asked about by themselves, which may be dark ones"""

    energy_: Rescaled = learned()
    shape_: tuple[int, int, int] = learned(
        "(height, width, channels).", saved=True, constraint=Sizes(length=3)
    )
    white_: int | None = learned(
        "The value of full brightness in the training images, None where it is not known (arrays of"
        " other numbers than bytes).",
        saved=True,
        constraint=Integer(1, none=True),
    )

    def fit(self, X: ImagesLike, y: None = None, *, run: Run | None = None) -> Self:
        """Train on images: an array (n, height, width[, channels]), a folder, a file of IDX format.

        NaN pixels are hidden. ``run`` says where checkpoints and logs go
        (:class:`thalweg.training.Run`).
        """
        self.check_parameters()
        images = as_images(X, self.damaged)
        summary = images.summary("images")
        self.shape_, self.n_features_in_ = images.shape, images.n_columns
        self.white_ = images.white
        self._accept(summary)
        units = Units(*pixel_units(summary, images.shape))
        self.energy_ = self._fitted(images, units, run).eval()
        return self

    def _accept(self, summary: Summary) -> None:
        """Refuse images that it cannot be trained on."""

    def _initial(self, start: Start) -> Energy:
        return self._drawn(start.seeds.model)

    @abstractmethod
    def _drawn(self, generator: torch.Generator) -> Energy:
        """The energy of images in units of their channels, its weights from the generator."""

    def _read(self, X: ImagesLike) -> Images:
        """Images to ask about, checked."""
        check_is_fitted(self)
        images = as_images(X, self.damaged, self.shape_)
        if images.shape != self.shape_:
            raise InputError(
                f"{type(self).__name__}: images of {images.described()}; expected "
                f"{described(self.shape_)}, as in training"
            )
        if None not in (images.white, self.white_) and images.white != self.white_:
            raise InputError(
                f"{type(self).__name__}: images whose white is {images.white}; expected "
                f"{self.white_}, as in training (other depths go together only in one folder)"
            )
        self._check_range(images, images.summary("images"))
        return images

    def _pairs(self, X: ImagesLike, Y: ImagesLike) -> tuple[Images, Images]:
        """Images and as many others."""
        given, other = self._read(X), self._read(Y)
        if len(given) != len(other):
            raise InputError(f"X has {len(given)} images, Y {len(other)}; expected as many")
        return given, other

    def _covered(self, X: ImagesLike, mask: ArrayLike | None) -> Images:
        """Images to complete, what the mask says hidden besides what is NaN."""
        images = self._read(X)
        if mask is not None:
            covered = CoveredImages(images, mask)
            covered.summary("mask and images together")
            return covered
        if images.pixels.kind != "f":
            raise InputError(
                f"complete: images of {images.pixels} have no NaN, and no mask was given; expected "
                "a mask that says what is hidden"
            )
        return images

    def _completed(
        self,
        X: ImagesLike,
        mask: ArrayLike | None,
        asked: Several,
        one: Callable[[Tensor], Tensor],
        drawn: Callable[[Tensor], Tensor],
    ) -> Any:
        """Images filled in: once (``one`` of rows), or as several draws of rows, (n, m, d), say."""
        images = self._covered(X, mask)
        if not asked.asked:
            return images.painted(self._ends(self._ask(images, one)))
        check_memory(
            16 * asked.fillings * len(images) * images.n_columns,
            f"complete: {asked.fillings} fillings",
        )
        every = self._ends(self._ask(images, drawn))
        if asked.interval is not None:
            lower, upper = asked.bounds(every)
            return images.painted(lower), images.painted(upper)
        return np.stack([images.painted(every[:, i]) for i in range(asked.fillings)])

    def _ends(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values between black and white, where it is known what that is."""
        return values if self.white_ is None else np.clip(values, 0, self.white_)

    def _check_range(self, images: Images, summary: Summary) -> None:
        """Numbers of another range than in training, which no message of a network would name."""
        of_channels = summary.mean.reshape(-1, images.shape[2])
        flat = not summary.variance.any() and not np.ptp(of_channels, axis=0).any()
        if None not in (images.white, self.white_) or flat:
            return
        center, spread = (float(each.mean()) for each in pixel_units(summary, images.shape))
        usual, scale = float(self.energy_.shift.mean()), float(self.energy_.scale.mean())
        # pictures of little contrast lie about where others do; those in other units do not
        small = spread < scale / FAR and abs(center) < abs(usual) / MUCH
        small = small and not (self.parts_alone and bool(summary.hidden))
        large = spread > scale * FAR or abs(center - usual) > FAR * (spread + scale)
        if small or large:
            raise InputError(
                f"{type(self).__name__}: pixels are about {center:.3g} +- {spread:.3g}; expected "
                f"the range of the training images, about {usual:.3g} +- {scale:.3g} (numbers from "
                "0 to 1 are brought to 0 to 255 by 255 * images)"
            )

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        d = frame_size(self.shape_, self.n_features_in_)
        return units_of(state, d).around(self._drawn(torch.Generator()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        tags.input_tags.allow_nan = True
        return tags
