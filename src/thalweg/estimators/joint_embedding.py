"""Images mapped to where their own variants are."""

from __future__ import annotations

from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Constraint, InputError, Integer
from thalweg.data import ImagesLike
from thalweg.energies import Inpainter, JointEmbedding, Perceptron, Rescaled
from thalweg.estimators.images import IMAGE_PARAMETERS, ImageModel
from thalweg.objectives import VarianceCovariance
from thalweg.pretext import Cropped, Shaped
from thalweg.training import Run


class JointEmbeddingModel(ImageModel):
    r"""A joint embedding of images: low energy for two views of one image.

    .. math::
        F(x, y) = \| h(f(x)) - h(f(y)) \|^2

    trained on random parts of images, cut out, resized, mirrored; the variance and covariance of
    the embeddings of a batch keep it from collapsing. ``transform`` gives f.

    Parameters
    ----------
    network : {"convolutional", "transformer"}, default "convolutional"
    n_components : int, default 256
        Size of the space that distances are taken in.
    patch : int, default 4
        Side of the transformer's patches, in pixels.
    width : int, default 16
        Channels of the first convolution; of a transformer, size of a token, a multiple of 16.
    depth : int, default 2
        Layers at the smallest size, or blocks of the transformer.
    grid : int, default 3
        The representation keeps so many places a side apart.
    n_steps : int, default 3000
    batch_size : int, default 256
    learning_rate : float, default 0.001
    damaged : {"skip", "stop"}, default "skip"
        What becomes of image files that cannot be decoded.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : Rescaled
    shape_ : tuple of int
        (height, width, channels).
    history_ : History
        Loss of every step. Not saved.

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

    parameters: ClassVar[dict[str, Constraint]] = {
        "n_components": Integer(2),
        **IMAGE_PARAMETERS,
        "batch_size": Integer(2),
    }

    def __init__(
        self,
        network: str = "convolutional",
        *,
        n_components: int = 256,
        patch: int = 4,
        width: int = 16,
        depth: int = 2,
        grid: int = 3,
        n_steps: int = 3000,
        batch_size: int = 256,
        learning_rate: float = 0.001,
        damaged: str = "skip",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.n_components = n_components
        self.patch = patch
        self.width = width
        self.depth = depth
        self.grid = grid
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.damaged = damaged
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: ImagesLike, y: None = None, *, run: Run | None = None) -> Self:
        """Train on images: an array (n, height, width[, channels]), a folder, a file of IDX format.

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        begun = self._start(X)
        return self._shape(begun, VarianceCovariance(Shaped(Cropped(), begun.images.shape)), run)

    def energy(self, X: ImagesLike, Y: ImagesLike) -> NDArray[np.floating]:
        """F of each pair of images, low where they could be two views of one: (n,)."""
        given, other = self._read(X), self._read(Y)
        if len(given) != len(other):
            raise InputError(f"energy: X has {len(given)} images, Y {len(other)}; expected as many")
        first = self._ask(given, self._embed)
        return np.asarray(np.square(first - self._ask(other, self._embed)).sum(axis=1))

    def _embed(self, y: Tensor) -> Tensor:
        inner = cast(JointEmbedding, self.energy_.energy)
        return inner.embed((y - self.energy_.shift) / self.energy_.scale)

    def _inside(self, energy: Rescaled) -> Inpainter:
        return cast(JointEmbedding, energy.energy).network

    def _energy(self, network: Inpainter, generator: torch.Generator) -> JointEmbedding:
        with torch.no_grad():
            blank = torch.zeros(1, int(np.prod(network.shape)))
            size = network.represent_whole(blank).shape[1]
        sizes = (size, self.n_components, self.n_components)
        return JointEmbedding(network, Perceptron(sizes, generator=generator))

    def _start(self, X: Any) -> Any:
        begun = super()._start(X)
        if len(begun.images) < 2:
            raise InputError("JointEmbeddingModel: one image has no spread; expected at least two")
        return begun
