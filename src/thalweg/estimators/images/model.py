"""What estimators of images share: reading, networks, the representation."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from thalweg.core import (
    Bounded,
    Choice,
    Energy,
    InputError,
    Integer,
    parameter,
)
from thalweg.data import ImagesLike
from thalweg.energies import ConvolutionalInpainter, Inpainter, PatchTransformer, Perceptron
from thalweg.energies.inpainting import Encoding
from thalweg.estimators.base.scikit_learn import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from thalweg.estimators.images.reading import ImageEstimator
from thalweg.training import Run


class ImageModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ImageEstimator):
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
    layers: str = parameter(
        "Of a U-Net, what the representation is made of: every layer, each place normalized, or "
        "the last one alone. A transformer's is of every block.",
        Choice(("every", "last")),
        default="every",
        earlier="last",
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
        super().fit(X, y, run=run)
        self._n_features_out = self._size()
        return self

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
            self._inside(self.energy_.energy), self.energy_.shift, self.energy_.scale,
            self.layers == "every",
        ).eval()  # fmt: skip

    @staticmethod
    @torch.no_grad()
    def _size_of(network: Inpainter) -> int:
        """Of the representation that a network has of an image."""
        height, width, channels = network.shape
        blank = torch.zeros(1, height * width * channels)
        return int(network.represent_whole(blank).shape[1])

    def _projector(
        self, network: Inpainter, hidden: int, m: int, generator: torch.Generator
    ) -> nn.Module:
        """From representations to a space (n, m) that distances are taken in.

        What a representation is spread by at first is little beside what all of them have in
        common: normalized, it is learned several times as fast.
        """
        size = self._size_of(network)
        return nn.Sequential(nn.LayerNorm(size), Perceptron((size, hidden, m), generator=generator))

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

    def _restore(self, state: dict[str, Tensor]) -> Self:
        super()._restore(state)
        # the grid says how large answers are, and is no tensor's
        with Bounded([tensor.numel() for tensor in state.values()]):
            self._n_features_out = self._size()
        return self
