"""What estimators of images share: reading, networks, the representation."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from thalweg.core import (
    Batch,
    Choice,
    Constraint,
    Device,
    Energy,
    InputError,
    Integer,
    Real,
    Seed,
)
from thalweg.data import Images, ImagesLike, as_images, pixel_units
from thalweg.data.images import described
from thalweg.energies import ConvolutionalInpainter, Inpainter, PatchTransformer, Rescaled
from thalweg.estimators.base import FittedModel
from thalweg.estimators.networks import Seeds, fit_rows, seeds
from thalweg.objectives import Objective
from thalweg.training import Hardware, History, Run

IMAGE_PARAMETERS: dict[str, Constraint] = {
    "network": Choice(("transformer", "convolutional")),
    "patch": Integer(1),
    "width": Integer(4),
    "depth": Integer(0),
    "grid": Integer(1),
    "n_steps": Integer(0),
    "batch_size": Integer(1),
    "learning_rate": Real(0, above=True),
    "damaged": Choice(("skip", "stop")),
    "random_state": Seed(),
    "device": Device(),
    "verbose": Integer(0),
}


class Encoding(nn.Module):
    """The representation of images in their own units: from rows (n, d) to (n, k).

    Parameters
    ----------
    network : Inpainter
    shift, scale : Tensor
        Units of the pixels, (d,).
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, network: Inpainter, shift: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)

    def forward(self, y: Tensor) -> Tensor:
        return self.network.represent_whole((y - self.shift) / self.scale)


class Begun(NamedTuple):
    """What a fit starts from."""

    images: Images
    hardware: Hardware
    found: Seeds
    shift: Tensor
    scale: Tensor
    network: Inpainter


class ImageModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, FittedModel):
    """An estimator whose rows are images and whose network has a representation of them."""

    energy_: Rescaled
    shape_: tuple[int, int, int]
    history_: History

    network: str
    patch: int
    width: int
    depth: int
    grid: int
    damaged: str
    random_state: int | np.random.RandomState | None
    device: str

    parameters: ClassVar[dict[str, Constraint]] = IMAGE_PARAMETERS

    def transform(self, X: ImagesLike) -> NDArray[np.floating]:
        """The representation of each image: (n, k). Hidden (NaN) pixels take no part."""
        encoder = self.encoder()
        return self._ask(self._read(X), encoder)

    def encoder(self) -> Encoding:
        """The network from rows of pixels, in their own units, to the representation.

        It shares its weights with the estimator; copy it before training it further.
        """
        check_is_fitted(self)
        return Encoding(self._inside(self.energy_), self.energy_.shift, self.energy_.scale).eval()

    def _inside(self, energy: Rescaled) -> Inpainter:
        """The network within the energy."""
        raise NotImplementedError

    def _energy(self, network: Inpainter, generator: torch.Generator) -> Energy:
        """The energy of images in the network's units."""
        raise NotImplementedError

    def _start(self, X: ImagesLike) -> Begun:
        self._check_parameters()
        if self.network == "transformer" and self.width % 16:
            raise InputError(
                f"{type(self).__name__}: width must be a multiple of 16 for a transformer, got "
                f"{self.width}"
            )
        images = as_images(X, self.damaged)
        summary = images.summary("images")
        self.shape_, self.n_features_in_ = images.shape, images.n_columns
        hardware = Hardware(str(Device.resolve(self.device)))
        found = seeds(self.random_state, hardware)
        shift, scale = pixel_units(summary, images.shape)
        network = self._network(images.shape, found.model)
        return Begun(
            images, hardware, found, shift.to(hardware.device), scale.to(hardware.device), network
        )

    def _shape(self, begun: Begun, objective: Objective, run: Run | None) -> Self:
        """Train the energy of images with an objective."""
        shift, scale = begun.shift, begun.scale
        energy = self._energy(begun.network, begun.found.model).to(begun.hardware.device)

        def take(index: Any) -> Batch:
            return Batch((torch.from_numpy(begun.images.take(index)).to(shift) - shift) / scale)

        self.history_ = fit_rows(
            self, energy, objective, begun.images, take, begun.hardware, begun.found, run
        )
        self._after(energy, begun.images, take)
        self.energy_ = Rescaled(energy, shift, scale).eval()
        self._n_features_out = self._size()
        return self

    def _after(self, energy: Energy, images: Images, take: Any) -> None:
        """What is to be found out once the energy is trained."""

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
        images = as_images(X, self.damaged)
        if images.shape != self.shape_:
            raise InputError(
                f"{type(self).__name__}: images of {images.described()}; expected "
                f"{described(self.shape_)}, as in training"
            )
        images.summary("images")
        return images

    def _facts(self) -> dict[str, Any]:
        return {"shape_": self.shape_}

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        generator = torch.Generator()
        network = self._network(self.shape_, generator)
        return Rescaled(self._energy(network, generator), state["shift"], state["scale"]).eval()

    def _restore(self, state: dict[str, Tensor], tensors: dict[str, Tensor]) -> Self:
        super()._restore(state, tensors)
        self._n_features_out = self._size()
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        tags.input_tags.allow_nan = True
        return tags
