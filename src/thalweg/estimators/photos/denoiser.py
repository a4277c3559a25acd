"""Noise taken off images of any size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import (
    Bounded,
    Choice,
    Energy,
    InputError,
    Integer,
    Levels,
    Real,
    as_array,
    changed,
    generator_from,
    learned,
    parameter,
    whole_number,
)
from thalweg.data import Crops, Picture, PicturesLike, pictures_of
from thalweg.energies import GradientStepDenoiser, NoiseNetwork
from thalweg.estimators.base.training import GradientModel, MixedPrecision
from thalweg.estimators.photos.planes import (
    COLOURS,
    joined,
    opaque,
    places,
    planes_of,
    tiles,
    with_channels,
)
from thalweg.objectives import Denoising, Objective
from thalweg.pretext import AddedNoise
from thalweg.questions import coarse_to_fine
from thalweg.training import History, Recipe, Run
from thalweg.training.start import Start

BYTE = 255.0
N_LEVELS = 12
"""Deviations of noise that training draws from"""

FREEDOM = 0.5
"""How much noise draws put back on the way"""

SLOPE_RATE = 0.5
"""Of the rate of the field, that the slope is trained at"""


class ImageDenoiser(MixedPrecision, GradientModel):
    r"""A denoising autoencoder of images of any size, for any level of noise.

    .. math::
        F(y) = \tfrac12 \|r(y)\|^2, \qquad D(y) = y - r(y), \qquad \text{trained on} \quad
        \|x - D(\tilde y)\|^2, \quad \tilde y = x + \sigma \varepsilon

    with r a network without offsets, which sees the noise in an image. ``project`` takes the noise
    off; the level need not be said. With ``by_gradient`` above 0 the denoiser becomes a step down
    the energy, D(y) = y - grad F(y), after so many steps as that leaves on r itself. That field is
    a slope, and F a prior that other terms can be added to; it is behind r after as many steps.

    A model that learned from grey images takes colours one by one; what transparency there is
    stays.

    References
    ----------
    Hurault, Leclaire, Papadakis, "Gradient step denoiser for convergent plug-and-play" (2022);
    Vincent, "A connection between score matching and denoising autoencoders" (2011); Mohan,
    Kadkhodaie, Simoncelli, Fernandez-Granda, "Robust and interpretable blind image denoising via
    bias-free convolutional neural networks" (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import ImageDenoiser
    >>> image = np.linspace(0, 1, 40)[:, None] * np.ones((40, 50))
    >>> model = ImageDenoiser(width=8, depth=1, crop=16, n_steps=20, random_state=0).fit(image)
    >>> model.project(image).shape
    (40, 50)
    """

    noise: float | tuple[float, ...] = parameter(
        "Standard deviation of the noise in training, where white is 255; of several, all between "
        "the least and the most.",
        Levels(high=BYTE),
        default=(5.0, 55.0),
    )
    width: int = parameter("Channels of the network.", Integer(1, high=65_536), default=64)
    depth: int = parameter("Its blocks of two convolutions.", Integer(1, high=1000), default=5)
    crop: int = parameter(
        "Side of the squares that are learned from, in pixels.", Integer(4, high=4096), default=64
    )
    by_gradient: float = parameter(
        "Share of the steps, the last ones, that train the slope of the energy to be the noise. "
        "With 0 the denoiser is the network itself.",
        Real(0, high=1),
        default=0.0,
    )
    damaged: str = parameter(
        "What becomes of files of a folder that cannot be decoded: left out, with a count and "
        "their names in a warning; or an error.",
        Choice(("skip", "stop")),
        default="skip",
    )
    n_steps: int = changed(default=4000)
    batch_size: int = changed(default=16)
    learning_rate: float = changed(default=0.002)

    about: ClassVar[str] = "photos"

    energy_: GradientStepDenoiser = learned()
    channels_: int = learned(
        "1 of a model of grey images, 3 of one of colours.", saved=True,
        constraint=Integer(1, high=COLOURS),
    )  # fmt: skip

    def fit(self, X: PicturesLike, y: None = None, *, run: Run | None = None) -> Self:
        """Train on clean images, of any sizes from ``crop`` on.

        Parameters
        ----------
        X : array, list of arrays, image file or folder
            As :func:`thalweg.data.pictures_of` has them.
        y : ignored
        run : Run, optional
            Where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        self.check_parameters()
        images = [opaque(picture) for picture in pictures_of(X, self.damaged)[0]]
        colours = any(image.shape[2] == COLOURS for image in images)
        self.channels_ = COLOURS if colours else 1
        same = [with_channels(image, self.channels_) for image in images]
        self.n_features_in_ = self.crop**2 * self.channels_
        squares = Crops(same, self.crop, self.n_steps * self.batch_size)
        start = self._start(squares, None)
        squares.seed = int(torch.randint(2**31, (), generator=start.seeds.model))
        self.energy_ = cast(GradientStepDenoiser, self._train(start, run)).eval()
        return self

    def _initial(self, start: Start) -> Energy:
        return self._drawn(start.seeds.model)

    def _drawn(self, generator: torch.Generator) -> GradientStepDenoiser:
        network = NoiseNetwork(self.channels_, self.width, self.depth, generator)
        shape = self.crop, self.crop, self.channels_
        return GradientStepDenoiser(network, shape, self.by_gradient > 0)

    def _begun(self, start: Start, energy: Energy) -> Objective:
        levels = np.atleast_1d(self.noise)
        drawn = np.linspace(levels.min(), levels.max(), N_LEVELS if len(levels) > 1 else 1)
        return Denoising(AddedNoise(tuple(drawn / BYTE)))

    def _descend(
        self, start: Start, energy: Energy, objective: Objective, recipe: Recipe,
        run: Run | None = None,
    ) -> History:  # fmt: skip
        assert isinstance(energy, GradientStepDenoiser)
        slopes = max(round(self.by_gradient * recipe.n_steps), int(self.by_gradient > 0))
        history = History()
        for name, n_steps in (("field", recipe.n_steps - slopes), ("slope", slopes)):
            if n_steps:
                energy.by_gradient = name == "slope"
                # the slope of what is trained already: long steps would lose it
                rate = recipe.learning_rate * (SLOPE_RATE if energy.by_gradient else 1)
                part = replace(recipe, n_steps=n_steps, learning_rate=rate)
                history = super()._descend(start, energy, objective, part, _below(run, name))
        return history

    @property
    def reach_(self) -> int:
        """How far a pixel takes part in what others become, in pixels."""
        return self.energy_.network.reach * (2 if self.energy_.by_gradient else 1)

    def energy(self, X: PicturesLike) -> NDArray[np.float64]:
        """F of each image, where white is 1: half the squared length of its noise, (n,)."""
        return np.array([self._sum_of(picture) for picture in self._pictures(X)[0]])

    def noise_level(self, X: PicturesLike) -> NDArray[np.float64]:
        """The standard deviation of the noise in each image, as the network sees it: (n,).

        In units of the image's own pixels.
        """
        pictures = self._pictures(X)[0]
        return np.array([self.level_of(each, self._sum_of(each)) for each in pictures])

    @staticmethod
    def level_of(picture: Picture, energy: float) -> float:
        """The noise level of a picture, from its energy."""
        return float(np.sqrt(2 * energy / opaque(picture).size)) * picture.white

    def project(self, X: PicturesLike) -> Any:
        """Images without noise, in the form, size and type that they came in.

        An image, an array or a list of them as X is; of a folder a list, in the order of its names.
        """
        pictures, form = self._pictures(X)
        return _in_form([picture.formed(self._clean(picture)) for picture in pictures], form)

    def complete(
        self,
        X: PicturesLike,
        mask: ArrayLike,
        *,
        draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Images with what is hidden painted in, in the form, size and type that they came in.

        Down the energy from noise, with ever less of it, given the pixels that are there, which
        stay as they are (:func:`thalweg.questions.coarse_to_fine`).

        Parameters
        ----------
        X : array, list of arrays, image file or folder
        mask : array of bool
            (height, width), True where images are hidden; the same in all.
        draws : int, optional
            m fillings instead, a list of m answers, with noise put back on the way.
        random_state : int or RandomState, optional
            Seed of the noise that it begins with, and of draws.
        """
        pictures, form = self._pictures(X)
        hidden = np.asarray(as_array("mask", mask))
        generator = generator_from(random_state, self._like().device)
        freedom = 0.0 if draws is None else FREEDOM
        count = 1 if draws is None else whole_number("complete: draws", draws)
        found = [
            _in_form([each.formed(self._filled(each, hidden, generator, freedom))
                      for each in pictures], form)
            for _ in range(count)
        ]  # fmt: skip
        return found[0] if draws is None else found

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        size: tuple[int, int] | None = None,
    ) -> NDArray[np.float32]:
        """Images drawn, from 0 to 1: (n_samples, height, width[, 3]).

        What a model of photos knows is how neighbouring pixels go together; of small images alike,
        such as digits, it is all of them, if ``noise`` reaches as far as pixels do.

        Parameters
        ----------
        n_samples : int, default 1
        random_state : int or RandomState, optional
        size : tuple of int, optional
            (height, width); that of the squares in training without it.
        """
        check_is_fitted(self)
        n = whole_number("sample: n_samples", n_samples)
        height, width = (self.crop, self.crop) if size is None else size
        generator = generator_from(random_state, self._like().device)
        y = self._like().new_zeros(n, height, width, self.channels_)
        every = torch.ones_like(y, dtype=torch.bool)
        drawn = coarse_to_fine(self.energy_, y, every, generator, FREEDOM).clamp(0, 1).cpu().numpy()
        return drawn[..., 0] if self.channels_ == 1 else drawn

    def _filled(
        self, picture: Picture, mask: NDArray[Any], generator: torch.Generator, freedom: float
    ) -> NDArray[np.floating]:
        """The values of a picture, what is hidden filled in."""
        if mask.dtype != bool or mask.shape != picture.values.shape[:2]:
            raise InputError(
                f"mask: {mask.dtype} of shape {mask.shape}; expected bool, "
                f"{picture.values.shape[:2]}, as {picture.name} is"
            )
        if not mask.any():
            raise InputError("mask: it hides nothing; expected some True in it")
        if mask.all():
            raise InputError(f"mask: it hides all of {picture.name}; expected some False in it")
        y, apart = self._planes(picture)
        hidden = torch.from_numpy(mask)[None, ..., None].to(y.device).expand_as(y)
        return joined(coarse_to_fine(self.energy_, y, hidden, generator, freedom), apart, picture)

    def _pictures(self, X: PicturesLike) -> tuple[list[Picture], str]:
        check_is_fitted(self)
        return pictures_of(X, self.damaged)

    def _planes(self, picture: Picture) -> tuple[Tensor, bool]:
        """An image as the network takes it, and whether colours are apart."""
        return planes_of(picture, self.channels_, self._like())

    @torch.no_grad()
    def _sum_of(self, picture: Picture) -> float:
        y, _ = self._planes(picture)
        total = 0.0
        for tile, inner in tiles(y, self.energy_.network.reach):
            noise = self.energy_.network(tile.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            total += 0.5 * float(noise[:, *inner].double().square().sum())
        # a grey image in a model of colours is there three times
        return total * opaque(picture).size / y.numel()

    @torch.no_grad()
    def _clean(self, picture: Picture) -> NDArray[np.floating]:
        y, apart = self._planes(picture)
        clean = torch.empty_like(y)
        for (tile, inner), place in zip(
            tiles(y, self.reach_), places(y.shape[1:3]), strict=True
        ):  # fmt: skip
            clean[:, *place] = self.energy_.reconstruct(tile)[:, *inner]
        return joined(clean, apart, picture)

    def _blank(self, state: dict[str, Tensor]) -> Energy:
        return self._drawn(torch.Generator())

    def _restore(self, state: dict[str, Tensor]) -> Self:
        if self.channels_ not in (1, COLOURS):
            raise InputError(
                f"ImageDenoiser: channels_ is {self.channels_}; expected 1 or {COLOURS}"
            )
        with Bounded([tensor.numel() for tensor in state.values()]):
            return super()._restore(state)


def _in_form(made: list[NDArray[Any]], form: str) -> Any:
    if form == "image":
        return made[0]
    return np.stack(made) if form == "array" else made


def _below(run: Run | None, name: str) -> Run | None:
    """Where a part of a run is kept."""
    if run is None:
        return None
    kept, logged = (
        None if folder is None else Path(folder, name) for folder in (run.checkpoint, run.log_dir)
    )
    return replace(run, checkpoint=kept, log_dir=logged)
