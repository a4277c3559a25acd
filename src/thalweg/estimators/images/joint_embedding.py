"""Images mapped to where their own variants are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import (
    CallableObject,
    Choice,
    Either,
    Energy,
    InputError,
    Integer,
    changed,
    parameter,
)
from thalweg.data import ImagesLike
from thalweg.energies import Inpainter, JointEmbedding, Rescaled
from thalweg.estimators.images.model import ImageModel
from thalweg.objectives import Objective, VarianceCovariance
from thalweg.pretext import ByFunction, Corruption, Cropped, InUnits, Moved, Shaped
from thalweg.training.start import Start

SMALL = 40
"""Pixels a side up to which a part of an image is seldom the whole of a thing"""

FIRST = "energy.projector.layers.0.weight"
"""A tensor of earlier models, which did not normalize representations"""

CONTRAST, NOISE = 0.4, 0.17
"""Of images that are moved: how much more or less; how strong, in deviations of a channel"""

VIEWS: dict[str, Callable[[int], Corruption]] = {
    "auto": lambda side: VIEWS["moved" if side <= SMALL else "cropped"](side),
    "moved": lambda side: Moved(contrast=CONTRAST),
    "cropped": lambda side: Cropped(),
}


class JointEmbeddingModel(ImageModel):
    r"""A joint embedding of images: low energy for two views of one image.

    .. math::
        F(x, y) = \| h(f(x)) - h(f(y)) \|^2

    trained on images that are moved a little, or on random parts of them; the variance and
    covariance of the embeddings of a batch keep it from collapsing. ``transform`` gives f.

    References
    ----------
    Bardes, Ponce, LeCun, "VICReg: variance-invariance-covariance regularization for
    self-supervised learning" (2022).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from thalweg.estimators import JointEmbeddingModel
    >>> images = load_digits().images
    >>> model = JointEmbeddingModel(width=4, n_steps=20, random_state=0).fit(images)
    >>> model.energy(images[:2], images[:2])
    array([0., 0.], dtype=float32)
    """

    network: str = changed(default="convolutional", kw_only=False)
    views: str | Callable[..., Any] = parameter(
        "What two views of an image may differ by: 'moved' a little (shifted, turned, sheared, "
        "resized, with other contrast and a little noise), parts that are 'cropped' out and may be "
        "mirrored, or 'auto': moved up to 40 pixels a side. Or a Corruption (Moved, Cropped with "
        "settings of one's own); or a function of images (n, height, width, channels), a tensor in "
        "their own units, with a torch.Generator as a second argument if it wants one.",
        Either(Choice(tuple(VIEWS)), CallableObject()),
        default="auto",
    )
    n_components: int = parameter(
        "Size of the space that distances are taken in.", Integer(2, high=65_536), default=256
    )
    patch: int = changed(default=4, sentence="Side of the transformer's patches, in pixels.")
    width: int = changed(
        default=16,
        sentence="Channels of the first convolution; of a transformer, size of a token, a multiple "
        "of 16.",
    )
    depth: int = changed(
        default=2, sentence="Layers at the smallest size, or blocks of the transformer."
    )
    batch_size: int = changed(default=256, constraint=Integer(2))
    learning_rate: float = changed(default=0.003)

    def _begun(self, start: Start, energy: Energy) -> Objective:
        if len(start.source) < 2:
            raise InputError("JointEmbeddingModel: one image has no spread; expected at least two")
        return VarianceCovariance(Shaped(self._views(start), self.shape_))

    def _views(self, start: Start) -> Corruption:
        assert start.units is not None
        if isinstance(self.views, str):
            views = VIEWS[self.views](max(self.shape_[:2]))
        elif isinstance(self.views, Corruption):
            views = self.views
        else:
            views = ByFunction(self.views)
        shift, scale = (each.reshape(self.shape_).float() for each in start.units[:2])
        # only what is of ours: of one's own views noise is theirs
        ours = isinstance(self.views, str) and isinstance(views, Moved)
        return InUnits(views, shift, scale, NOISE if ours else 0.0)

    def energy(self, X: ImagesLike, Y: ImagesLike) -> NDArray[np.floating]:
        """F of each pair of images, low where they could be two views of one: (n,)."""
        given, other = self._pairs(X, Y)
        first = self._ask(given, self._embed)
        return np.asarray(np.square(first - self._ask(other, self._embed)).sum(axis=1))

    def _embed(self, y: Tensor) -> Tensor:
        return cast(JointEmbedding, self.energy_.energy).embed(self.energy_.into(y))

    def _inside(self, energy: Energy) -> Inpainter:
        return cast(JointEmbedding, energy).network

    def _energy(self, network: Inpainter, generator: torch.Generator) -> JointEmbedding:
        m = self.n_components
        return JointEmbedding(network, self._projector(network, m, m, generator))

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        made = super()._blank(state)
        if FIRST in state:
            inner = cast(JointEmbedding, made.energy)
            inner.projector = cast(torch.nn.Sequential, inner.projector)[1]
        return made
