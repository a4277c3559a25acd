"""What estimators of images share: reading, networks, the representation."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import (
    Bounded,
    Choice,
    Energy,
    InputError,
    Integer,
    Sizes,
    changed,
    learned,
    parameter,
)
from thalweg.data import Images, ImagesLike, as_images, pixel_units
from thalweg.data.images import described
from thalweg.data.source import Summary
from thalweg.energies import ConvolutionalInpainter, Inpainter, PatchTransformer, Rescaled
from thalweg.energies.inpainting import Encoding
from thalweg.estimators.base.loading import frame_size, units_of
from thalweg.estimators.base.scikit_learn import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from thalweg.estimators.base.training import GradientModel
from thalweg.training import Run
from thalweg.training.start import Start, Units

FAR = 50.0
"""Times that the spread of pixels is another than in training, for their range to be another"""

MUCH = 10.0
"""Times that their middle is smaller, too"""


class ImageModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, GradientModel):
    """An estimator whose rows are images and whose network has a representation of them.

    Subclasses write ``_energy`` around a network, where the network stands in it (``_inside``), and
    the objective (``_begun``).
    """

    network: str = parameter(
        "A vision transformer, or one with convolutions (a U-Net).",
        Choice(("transformer", "convolutional")),
        default="transformer",
        kw_only=False,
    )
    patch: int = parameter("Side of a patch, in pixels.", Integer(1, high=4096), default=4)
    width: int = parameter(
        "Size of the transformer's tokens, a multiple of 16; of a U-Net, the channels of its first "
        "layer (16 is plenty).",
        Integer(4, high=65_536),
        default=96,
    )
    depth: int = parameter(
        "Blocks of the transformer; of a U-Net, layers at its smallest size.",
        Integer(0, high=1000),
        default=4,
    )
    grid: int = parameter(
        "The representation keeps so many places a side apart.", Integer(1, high=4096), default=3
    )
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
        if self.network == "transformer" and self.width % 16:
            raise InputError(
                f"{type(self).__name__}: width must be a multiple of 16 for a transformer, got "
                f"{self.width}"
            )
        images = as_images(X, self.damaged)
        summary = images.summary("images")
        self.shape_, self.n_features_in_ = images.shape, images.n_columns
        self.white_ = images.white
        units = Units(*pixel_units(summary, images.shape))
        self.energy_ = self._fitted(images, units, run).eval()
        self._n_features_out = self._size()
        return self

    def _initial(self, start: Start) -> Energy:
        return self._drawn(start.seeds.model)

    def _drawn(self, generator: torch.Generator) -> Energy:
        return self._energy(self._network(self.shape_, generator), generator)

    @abstractmethod
    def _energy(self, network: Inpainter, generator: torch.Generator) -> Energy:
        """The energy of images in the network's units."""

    @abstractmethod
    def _inside(self, energy: Energy) -> Inpainter:
        """The network within the energy."""

    def transform(self, X: ImagesLike) -> NDArray[Any]:
        """The representation of each image: (n, k). Hidden (NaN) pixels take no part."""
        encoder = self.encoder()
        return self._ask(self._read(X), encoder)

    def encoder(self) -> Encoding:
        """The network from rows of pixels, in their own units, to the representation.

        It shares its weights with the estimator; copy it before training it further.
        """
        check_is_fitted(self)
        return Encoding(
            self._inside(self.energy_.energy), self.energy_.shift, self.energy_.scale
        ).eval()

    @torch.no_grad()
    def _size(self) -> int:
        return int(self.encoder()(self.energy_.shift[None]).shape[1])

    def _network(self, shape: tuple[int, int, int], generator: torch.Generator) -> Inpainter:
        if self.patch >= max(shape[:2]):
            raise InputError(
                f"{type(self).__name__}: a patch of {self.patch} pixels covers images of "
                f"{shape[0]} x {shape[1]}; expected a smaller one"
            )
        if self.network == "convolutional":
            return ConvolutionalInpainter(shape, self.width, self.depth, self.grid, generator)
        return PatchTransformer(
            shape, self.patch, self.width, self.depth, grid=self.grid, generator=generator
        )

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

    def _restore(self, state: dict[str, Tensor]) -> Self:
        super()._restore(state)
        # the grid says how large answers are, and is no tensor's
        with Bounded([tensor.numel() for tensor in state.values()]):
            self._n_features_out = self._size()
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        tags.input_tags.allow_nan = True
        return tags
