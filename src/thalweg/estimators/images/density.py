"""A density of images: an energy that paints."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg import questions
from thalweg.core import (
    Choice,
    Energy,
    Given,
    InputError,
    Integer,
    changed,
    check_memory,
    generator_from,
    learned,
    parameter,
    whole_number,
)
from thalweg.data import ImagesLike
from thalweg.data.source import Summary
from thalweg.energies import ConditionalUNet, ImageNetwork, NetworkEnergy, NoisyImages, Rescaled
from thalweg.estimators.base.model import ScoresMixin
from thalweg.estimators.base.several import several
from thalweg.estimators.base.training import MixedPrecision
from thalweg.estimators.images.chains import CHAINS, MORE, STIFFNESS, chained, gone_on
from thalweg.estimators.images.reading import ImageEstimator
from thalweg.objectives import ContrastiveDivergence, DualScoreMatching, FromChains, Objective
from thalweg.questions.blocks import check_answers
from thalweg.questions.by_scales import project_by_scales
from thalweg.training import Recipe, Run
from thalweg.training.learn import averaging
from thalweg.training.start import Start

SMALLEST = 0.02
"""Scale of noise, in standard deviations of a pixel, at which images are as they are"""

SHARE = 0.7
"""The largest scale, of the square root of the number of pixels"""

MIDDLE, POWER = 1.6, 0.75
"""Where scales are learned from most often, and how much more the larger ones weigh"""

FIELD, SLOPE = 0.5, 1000
"""Share of the steps in which the network takes noise off by itself, before its slope does: of
those beyond the first thousand, which the slope needs to learn how scales go together"""

STEPS, ROUNDS, TRIED = 40, 5, 4
"""Scales that draws go down by, times that each is gone through where something is given, and draws
of which one fills in what is hidden"""

PIXELS = 200_000
"""Of images drawn at a time"""


class ImageDensity(ScoresMixin, MixedPrecision, ImageEstimator):
    r"""A network as the energy of a density of images of one size.

    .. math::
        p(y) = e^{-F(y)} / Z

    By default one energy F(y, s) for every scale of noise, by dual score matching: the slope of F
    leads from an image with noise to what is under it, and how F changes with the scale ties it to
    the largest one, where it is -log of a normal density. ``sample`` and ``complete`` go from noise
    down the scales; what they say of images is asked at the smallest one, a fiftieth of the pixels'
    spread, or at another. With persistent contrastive divergence one energy, low on images and high
    where its own chains go; draws are chains that go on. There are no codes; what is unusual where
    is asked of :class:`MaskedImageModel`.

    References
    ----------
    Guth, Kadkhodaie, Simoncelli, "Learning normalized image densities via dual score matching"
    (2025); Du, Mordatch, "Implicit generation and modeling with energy-based models" (2019);
    Nijkamp, Hill, Han, Zhu, Wu, "On the anatomy of MCMC-based maximum likelihood learning of
    energy-based models" (2020).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from thalweg.estimators import ImageDensity
    >>> images = load_digits().images
    >>> model = ImageDensity(width=8, depth=1, n_steps=20, random_state=0).fit(images)
    >>> model.sample(3, random_state=0).shape, model.energy(images[:2]).shape
    ((3, 8, 8), (2,))
    """

    objective: str = parameter(
        "How the energy is shaped: by the score at every scale of noise, or against points that "
        "chains find.",
        Choice(("dual-score-matching", "persistent-contrastive-divergence")),
        default="dual-score-matching",
        kw_only=False,
    )
    width: int = parameter(
        "Channels of the network where images are half as large as they come.",
        Integer(1, high=65_536),
        default=48,
    )
    depth: int = parameter(
        "Blocks of two convolutions at its smallest size (dual score matching).",
        Integer(1, high=1000),
        default=2,
    )
    n_steps: int = changed(default=4000)
    batch_size: int = changed(default=64)
    learning_rate: float = changed(default=0.001)

    starts_: NDArray[np.float32] | None = learned(
        "Images that chains had come to at the end of contrastive divergence, (1024, pixels).",
        saved=True,
        shape=("any", "n_features_in_"),
        optional=True,
    )

    def fit(self, X: ImagesLike, y: None = None, *, run: Run | None = None) -> Self:
        """Train on whole images: an array (n, height, width[, channels]), a folder, an IDX file;
        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        return super().fit(X, y, run=run)

    def _accept(self, summary: Summary) -> None:
        if summary.hidden:
            place = np.unravel_index(int(np.argmin(summary.visible)), self.shape_)
            raise InputError(
                f"ImageDensity: some images are hidden (NaN) at pixel ({place[0]}, {place[1]}) of "
                f"channel {place[2]}, for one; expected whole images to learn from "
                "(MaskedImageModel takes others)"
            )

    def _drawn(self, generator: torch.Generator) -> Energy:
        if self.objective != "dual-score-matching":
            return NetworkEnergy(
                ImageNetwork(self.shape_, max(1, self.width // 2), generator), STIFFNESS
            )
        network = ConditionalUNet(self.shape_, self.width, self.depth, generator)
        scales = NoisyImages(network, self._largest)
        return Given(scales, torch.full((1, 1), math.log(SMALLEST)))

    @property
    def _largest(self) -> float:
        return max(10.0, SHARE * math.sqrt(self.n_features_in_))

    @staticmethod
    def _of_scales(energy: Energy) -> NoisyImages | None:
        return cast(NoisyImages, energy.energy) if isinstance(energy, Given) else None

    def _begun(self, start: Start, energy: Energy) -> Objective:
        if self._of_scales(energy) is not None:
            field = int(FIELD * max(0, self.n_steps - SLOPE))
            return DualScoreMatching(SMALLEST, self._largest, MIDDLE, POWER, field)
        return chained(start, energy, self.batch_size)

    def _recipe(self, start: Start) -> Recipe:
        # the loss is a sum over pixels
        clip = self.n_features_in_ / 4 if self.objective == "dual-score-matching" else 1.0
        return replace(super()._recipe(start), clip=clip, average=averaging(self.n_steps))

    def _descend(self, start: Start, energy: Energy, *rest: Any) -> Any:
        # what is trained is the energy of all scales; what is asked, the one of the smallest
        return super()._descend(start, self._of_scales(energy) or energy, *rest)

    def _finish(self, start: Start, energy: Energy, objective: Objective) -> None:
        self.starts_ = None
        if isinstance(objective, ContrastiveDivergence):
            assert isinstance(objective.negatives, FromChains)
            assert start.units is not None
            chains = objective.negatives.chains[:CHAINS] * start.units.scale + start.units.shift
            self.starts_ = chains.float().cpu().numpy()

    def energy(self, X: ImagesLike, *, scale: float | None = None) -> NDArray[np.floating]:
        """F of each image, low where it is usual: (n,).

        Hidden (NaN) pixels are as ``complete`` fills them in, which takes as long as that.

        Parameters
        ----------
        X : array, folder or file
        scale : float, optional
            After dual score matching, the scale of noise whose energy is asked, in standard
            deviations of a pixel: the smallest, .02, without it, at which every pixel counts; at 1
            or 2 what an image is as a whole does.
        """
        images = self._read(X)
        energy = self.energy_ if scale is None else self._at(scale)
        return self._as_energies(self._answers(images, lambda y: energy(self._lowest(y))))

    def _at(self, scale: float) -> Energy:
        inside = self._of_scales(self.energy_.energy)
        if inside is None or not SMALLEST <= scale <= self._largest:
            known = "none" if inside is None else f"{SMALLEST} to {self._largest:.3g}"
            raise InputError(f"energy: scale is {scale!r}; expected one that was learned: {known}")
        level = self._like().new_full((1, 1), math.log(scale))
        return Rescaled(Given(inside, level), self.energy_.shift, self.energy_.scale)

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        n_steps: int | None = None,
    ) -> NDArray[np.float32]:
        """Images drawn, (n_samples, height, width[, channels]), in the units of training.

        Parameters
        ----------
        n_samples : int, default 1
        random_state : int or RandomState, optional
        n_steps : int, optional
            Scales that they go down by, 40 without it; after contrastive divergence, steps of the
            chains, 200.
        """
        check_is_fitted(self)
        n = whole_number("sample: n_samples", n_samples)
        if n_steps is not None:
            n_steps = whole_number("sample: n_steps", n_steps, 2)
        check_memory(64 * n * self.n_features_in_, f"sample: {n} images")
        generator = generator_from(random_state, self._like().device)
        blank = self._like().new_full((n, self.n_features_in_), torch.nan)
        parts = [self._filled(part, generator, n_steps) for part in blank.split(self._rows)]
        images = self._ends(torch.cat(parts).cpu().numpy()).astype(np.float32)
        check_answers("ImageDensity", ~np.isfinite(images))
        return images.reshape(n, *(self.shape_[:2] if self.shape_[2] == 1 else self.shape_))

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

        What is filled in is the one of four draws that has the least energy: an image that could
        be, not a mean of several. Visible pixels stay bit for bit what they were.

        Parameters
        ----------
        X : array, folder or file
            NaN pixels are hidden.
        mask : array of bool, optional
            (height, width), (n, height, width) or (n, height, width, channels), True where images
            are hidden besides; needed for images of bytes, which have no NaN.
        draws : int, optional
            m fillings instead, (m, n, height, width[, channels]), drawn given what is visible.
        interval : float, optional
            Two bounds instead, that a hidden pixel lies between with this probability.
        random_state : int or RandomState, optional
            Seed of draws.
        """
        asked = several(draws, interval)
        generator = generator_from(random_state, self._like().device) if asked.asked else None

        def drawn(y: Tensor) -> Tensor:
            assert generator is not None
            found = self._copies(y, asked.fillings, generator, alike=False)
            return found.transpose(0, 1)

        return self._completed(X, mask, asked, self._lowest, drawn)

    def project(self, X: ImagesLike) -> NDArray[Any]:
        """The image of the data manifold that is closest to each, of the shape and type it came in.

        After dual score matching: down the scales without noise, from the scale at which the image
        has the least energy, so that little noise takes a short way. Else down the energy.
        """
        images = self._read(X)
        return images.formed(self._ends(self._ask(images, self._projected)))

    def _projected(self, y: Tensor) -> Tensor:
        y = self._lowest(y)
        energy = self._of_scales(self.energy_.energy)
        if energy is None:
            return questions.project(self.energy_, y)
        found = project_by_scales(energy, self.energy_.into(y), self._scales(STEPS))
        return self.energy_.out(found)

    def _lowest(self, y: Tensor) -> Tensor:
        """Rows with what is hidden filled in, each as if it were alone."""
        if not bool(y.isnan().any()):
            return y
        if self._of_scales(self.energy_.energy) is None:
            return questions.complete(self.energy_, y, starts=self._chains(y)[:256])
        # the same noise for every row
        generator = torch.Generator(y.device).manual_seed(0)
        tried = self._copies(y, TRIED, generator, alike=True)
        value = torch.stack([self.energy_(each) for each in tried])
        return tried[value.argmin(dim=0), torch.arange(len(y), device=y.device)]

    def _copies(self, y: Tensor, count: int, generator: torch.Generator, alike: bool) -> Tensor:
        """Rows with what is hidden drawn so many times: (count, n, d), some rows at a time."""
        if not bool(y.isnan().any()):
            return y.expand(count, *y.shape)
        seed, found = generator.get_state(), []
        for part in y.split(max(1, self._rows // count)):
            if alike:
                generator.set_state(seed)
            filled = self._filled(part.repeat(count, 1), generator, None, count, alike)
            found.append(filled.reshape(count, *part.shape))
        return torch.cat(found, dim=1)

    @property
    def _rows(self) -> int:
        return max(1, PIXELS // self.n_features_in_)

    def _filled(
        self,
        y: Tensor,
        generator: torch.Generator,
        n_steps: int | None = None,
        copies: int = 1,
        alike: bool = False,
    ) -> Tensor:
        """Rows with what is hidden drawn, given what is visible."""
        at, energy = self.energy_.into(y), self._of_scales(self.energy_.energy)
        if energy is None:
            drawn = gone_on(
                self.energy_.energy, at, self.energy_.into(self._chains(y)), generator,
                MORE if n_steps is None else n_steps, copies,
            )  # fmt: skip
        else:
            drawn = questions.draw_by_scales(
                energy, at, self._scales(STEPS if n_steps is None else n_steps), generator,
                rounds=ROUNDS, copies=copies, alike=alike,
            )  # fmt: skip
        return torch.where(y.isnan(), self.energy_.out(drawn), y)

    def _chains(self, y: Tensor) -> Tensor:
        assert self.starts_ is not None
        return torch.from_numpy(self.starts_).to(y)

    def _scales(self, n_steps: int) -> Tensor:
        return questions.scales_between(self._largest, SMALLEST, n_steps)

    def _restore(self, state: dict[str, Tensor]) -> Self:
        if self.objective != "dual-score-matching" and self.starts_ is None:
            raise InputError(
                "ImageDensity: starts_ is missing; expected the images that chains had come to"
            )
        return super()._restore(state)
