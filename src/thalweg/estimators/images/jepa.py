"""What is hidden of images, predicted where it is embedded, with a code for what is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import (
    Choice,
    Energy,
    InputError,
    Integer,
    Levels,
    changed,
    check_memory,
    parameter,
)
from thalweg.data import ImagesLike
from thalweg.data.source import Summary
from thalweg.energies import EmbeddedPrediction, Inpainter
from thalweg.estimators.images.model import ImageModel
from thalweg.objectives import ByCovariance, IsotropicGaussian, JointPrediction, Objective
from thalweg.pretext import Occluded, Shaped
from thalweg.training.start import Start

APART = 0.25
"""Share of the steps over which codes part ways"""

SPREADS = {"covariance": ByCovariance, "gaussian": IsotropicGaussian}


class JEPA(ImageModel):
    r"""A joint-embedding predictive architecture: the hidden part of an image from the visible one.

    .. math::
        F(x, y) = \min_z \| h(f(y)) - g(h(f(x)), z) \|^2

    What is predicted is not pixels but what they are mapped to, so that detail that nothing says
    can be left out; z, one of ``n_codes``, is what could be either way. The embeddings of a batch
    are kept apart by their covariance, or by being normal. ``transform`` gives f. Single images
    have no energy: how a network of this size stretches the space around them does not tell what
    they are (:class:`thalweg.energies.GaussianEmbedding`, measured in ``benchmarks/jepa.py``).

    References
    ----------
    LeCun, "A path towards autonomous machine intelligence" (2022); Assran et al., "Self-supervised
    learning from images with a joint-embedding predictive architecture" (2023); Balestriero, LeCun,
    "LeJEPA: provable and scalable self-supervised learning without the heuristics" (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from thalweg.estimators import JEPA
    >>> images = load_digits().images
    >>> model = JEPA(width=4, n_components=8, n_steps=20, random_state=0).fit(images)
    >>> top, bottom = images[:2].copy(), images[:2].copy()
    >>> top[:, 4:], bottom[:, :4] = np.nan, np.nan
    >>> model.energy(top, bottom).shape, model.predict(top).shape
    ((2,), (8, 2, 8))
    """

    network: str = changed(default="convolutional", kw_only=False)
    n_codes: int = parameter(
        "Values of the latent variable; with 1 there is one prediction.",
        Integer(1, high=4096),
        default=8,
    )
    n_components: int = parameter(
        "Size of the space that is predicted in.", Integer(2, high=65_536), default=64
    )
    spread: str = parameter(
        "What keeps embeddings apart: variances and covariances of a batch, or being distributed "
        "as a normal density (LeJEPA).",
        Choice(tuple(SPREADS)),
        default="covariance",
    )
    share: float | tuple[float, float] = parameter(
        "Of each side of an image that the hidden block takes, or the range that it is drawn from.",
        Levels(high=1),
        default=(0.4, 0.8),
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

    parts_alone: ClassVar[bool] = True

    def _accept(self, summary: Summary) -> None:
        range_ = self.share if isinstance(self.share, (tuple, list)) else (self.share, self.share)
        if len(range_) != 2 or range_[0] > range_[1]:
            raise InputError(
                f"JEPA: share is {self.share!r}; expected one share of a side, or the ends of a "
                "range, the smaller one first"
            )
        if min(self.shape_[:2]) < 2:
            raise InputError(
                f"JEPA: images of {self.shape_[0]} x {self.shape_[1]} pixels; expected at least "
                "two each way, to hide one from the other"
            )

    def _begun(self, start: Start, energy: Energy) -> Objective:
        if len(start.source) < 2:
            raise InputError("JEPA: one image has no spread; expected at least two")
        over = int(APART * self.n_steps) if self.n_codes > 1 else 0
        hiding = Shaped(Occluded(self.share), self.shape_)
        return JointPrediction(hiding, SPREADS[self.spread](), over=over)

    def energy(self, X: ImagesLike, Y: ImagesLike) -> NDArray[np.floating]:
        """F of each pair of parts, low where Y could be what is hidden of X: (n,).

        Parameters
        ----------
        X : array
            NaN pixels are hidden. Files and bytes have none: they are taken whole.
        Y : array
            As many images, NaN where X is visible.
        """
        return self._of_pairs(X, Y, lambda away: away.min(dim=0).values)

    def codes(self, X: ImagesLike, Y: ImagesLike) -> NDArray[np.integer]:
        """The z whose prediction from X is nearest to Y, of each pair: (n,)."""
        return self._of_pairs(X, Y, lambda away: away.argmin(dim=0))

    def predict(self, X: ImagesLike) -> NDArray[np.floating]:
        """The embedding of what is hidden of each image, for every z: (n_codes, n, components)."""
        images = self._read(X)
        check_memory(
            8 * len(images) * self.n_codes * self.n_components, f"predict: {self.n_codes} codes"
        )

        def question(y: Tensor) -> Tensor:
            return self._inner.predictions(self.energy_.into(y)).transpose(0, 1)

        return self._ask(images, question).transpose(1, 0, 2)

    def embed(self, X: ImagesLike) -> NDArray[np.floating]:
        """The embedding of what is visible of each image: (n, components)."""
        return self._ask(self._read(X), self._embed)

    def _of_pairs(
        self, X: ImagesLike, Y: ImagesLike, said: Callable[[Tensor], Tensor]
    ) -> NDArray[Any]:
        """What is said of the squared distances of all predictions (n_codes, n), some at a time."""
        given, hidden = self._pairs(X, Y)
        known, begun = torch.from_numpy(self._ask(hidden, self._embed)), 0

        def question(y: Tensor) -> Tensor:
            nonlocal begun
            part = known[begun : begun + len(y)].to(y)
            begun += len(y)
            found = self._inner.predictions(self.energy_.into(y))
            return said((found - part).square().sum(dim=2))

        return self._ask(given, question)

    def _embed(self, y: Tensor) -> Tensor:
        return self._inner.embed(self.energy_.into(y))

    @property
    def _inner(self) -> EmbeddedPrediction:
        return cast(EmbeddedPrediction, self.energy_.energy)

    def _inside(self, energy: Energy) -> Inpainter:
        return cast(EmbeddedPrediction, energy).network

    def _energy(self, network: Inpainter, generator: torch.Generator) -> EmbeddedPrediction:
        m = self.n_components
        projector = self._projector(network, 2 * m, m, generator)
        return EmbeddedPrediction(network, projector, m, self.n_codes, 4 * m, generator)
