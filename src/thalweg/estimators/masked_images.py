"""Images predicted from parts of themselves."""

from __future__ import annotations

from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from thalweg import questions
from thalweg.core import Choice, Constraint, InputError, Levels
from thalweg.data import CoveredImages, Images, ImagesLike
from thalweg.energies import Inpainter, MaskedPrediction, Rescaled
from thalweg.estimators.base import ScoresMixin
from thalweg.estimators.images import IMAGE_PARAMETERS, ImageModel
from thalweg.estimators.networks import usual_errors
from thalweg.objectives import Denoising
from thalweg.pretext import AnyOf, Corruption, Masked, Occluded, Shaped
from thalweg.training import Run

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

    Parameters
    ----------
    network : {"transformer", "convolutional"}, default "transformer"
        A vision transformer that is shown the visible patches alone, or a U-Net.
    pretext : {"masked", "occluded", "mixed"}, default "masked"
        What is hidden in training: random patches; a block; for completing whatever is missing,
        patches, a block or single pixels, by turns.
    fraction : float or pair of float, default 0.75
        Share of patches (or pixels) hidden, or the range that it is drawn from, image by image.
    patch : int, default 4
        Side of a patch, in pixels.
    width : int, default 96
        Size of the transformer's tokens, a multiple of 16; of a U-Net, the channels of its first
        layer (16 is plenty).
    depth : int, default 4
        Blocks of the transformer; of a U-Net, layers at its smallest size.
    grid : int, default 3
        The representation keeps so many places a side apart.
    n_steps : int, default 3000
        With 0 the weights stay random.
    batch_size : int, default 128
    learning_rate : float, default 0.001
    damaged : {"skip", "stop"}, default "skip"
        What becomes of image files that cannot be decoded: left out, with a count and their names
        in a warning; or an error.
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

    parameters: ClassVar[dict[str, Constraint]] = {
        "pretext": Choice(("masked", "occluded", "mixed")),
        "fraction": Levels(high=1.0),
        **IMAGE_PARAMETERS,
    }

    def __init__(
        self,
        network: str = "transformer",
        *,
        pretext: str = "masked",
        fraction: float | tuple[float, float] = 0.75,
        patch: int = 4,
        width: int = 96,
        depth: int = 4,
        grid: int = 3,
        n_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 0.001,
        damaged: str = "skip",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.pretext = pretext
        self.fraction = fraction
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

        NaN pixels are hidden. ``run`` says where checkpoints and logs go
        (:class:`thalweg.training.Run`).
        """
        self._check_parameters()
        hiding = self._hiding()
        begun = self._start(X)
        return self._shape(begun, Denoising(Shaped(hiding, begun.images.shape)), run)

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
        result = images.originals()
        filled = self._ask(images, lambda y: questions.expect(self.energy_, y))
        hidden = np.isnan(result) if result.dtype.kind == "f" else np.zeros(result.shape, bool)
        if isinstance(images, CoveredImages):
            hidden = hidden | images.hidden.reshape(result.shape)
        values = filled.reshape(result.shape)[hidden]
        if result.dtype.kind in "iu":
            limits = np.iinfo(result.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        elif result.dtype == bool:
            values = values > 0.5
        result[hidden] = values.astype(result.dtype)
        return result

    def _hiding(self) -> Corruption:
        patches, block = Masked(self.fraction, (self.patch, self.patch)), Occluded()
        if self.pretext == "masked":
            return patches
        if self.pretext == "occluded":
            return block
        return AnyOf(patches, block, Masked(self.fraction, (1, 1)))

    def _inside(self, energy: Rescaled) -> Inpainter:
        inner = cast(MaskedPrediction, energy.energy)
        return cast(Inpainter, inner.network)

    def _energy(self, network: Inpainter, generator: torch.Generator) -> MaskedPrediction:
        height, width, channels = network.shape
        row, column = torch.arange(height) // self.patch, torch.arange(width) // self.patch
        comb = 2 * (row % 2)[:, None] + column % 2
        # an image one patch high or wide has fewer combs
        comb = torch.unique(comb, return_inverse=True)[1]
        part = comb[..., None].expand(-1, -1, channels).flatten()
        return MaskedPrediction(network, height * width * channels, part)

    def _after(self, energy: Any, images: Images, take: Any) -> None:
        energy.sigma = usual_errors(energy, images, take, LEAST_ERROR, count=512)
