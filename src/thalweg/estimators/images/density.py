"""A density of images: an energy that paints."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

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
from thalweg.energies import ConditionalUNet, ImageNetwork, NetworkEnergy, NoisyImages
from thalweg.estimators.base.model import ScoresMixin
from thalweg.estimators.base.several import several
from thalweg.estimators.base.training import MixedPrecision
from thalweg.estimators.images.reading import ImageEstimator
from thalweg.objectives import ContrastiveDivergence, DualScoreMatching, FromChains, Objective
from thalweg.objectives.imputed import Held
from thalweg.objectives.negatives import Pace, walk
from thalweg.questions.blocks import check_answers
from thalweg.samplers import Langevin
from thalweg.training import Recipe
from thalweg.training.learn import averaging
from thalweg.training.start import Start

SMALLEST = 0.02
"""Scale of noise, in standard deviations of a pixel, at which images are as they are"""

SHARE = 0.7
"""The largest scale, of the square root of the number of pixels: no image is told from another"""

STEPS, ROUNDS = 40, 5
"""Scales that draws go down by, and times that each is gone through where something is given"""

TRIED = 4
"""Draws of which one fills in what is hidden"""

NEAR = 16
"""Chains, the ones most like what is visible, of which one goes on where something is hidden"""

ROWS = 256
"""Images drawn at a time"""

CHAIN = Langevin(0.1, noise=0.05)
"""Of contrastive divergence: the slope weighs more than the noise"""

MOVES, MORE, CHAINS = 20, 200, 1024
"""Its steps in each step of training and of a draw, and how many chains there are"""

STIFFNESS, BOUND = 0.01, 0.01
"""Parabola around all images, and what keeps energies near 0"""


class ImageDensity(ScoresMixin, MixedPrecision, ImageEstimator):
    r"""A network as the energy of a density of images of one size.

    .. math::
        p(y) = e^{-F(y)} / Z

    By default one energy F(y, s) for every scale of noise, by dual score matching: the slope of F
    leads from an image with noise to what is under it, and F is normalized, -log of a density of
    pixels. ``sample`` and ``complete`` go from noise down the scales. With persistent contrastive
    divergence one energy, low on images and high where its own chains go; draws are chains that go
    on.

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
        "Channels of the network at its largest size.", Integer(1, high=65_536), default=48
    )
    depth: int = parameter(
        "Blocks of two convolutions at its smallest size (dual score matching).",
        Integer(1, high=1000),
        default=2,
    )
    n_steps: int = changed(default=4000)
    batch_size: int = changed(default=128)
    learning_rate: float = changed(default=0.002)

    starts_: NDArray[np.float32] | None = learned(
        "Images that chains had come to at the end of contrastive divergence, (1024, pixels).",
        saved=True,
        shape=("any", "n_features_in_"),
        optional=True,
    )

    @property
    def _by_scale(self) -> bool:
        return self.objective == "dual-score-matching"

    @property
    def _largest(self) -> float:
        return max(10.0, SHARE * math.sqrt(self.n_features_in_))

    def _accept(self, summary: Summary) -> None:
        if summary.hidden:
            raise InputError(
                "ImageDensity: some pixels are hidden (NaN); expected whole images to learn from "
                "(MaskedImageModel takes others)"
            )

    def _drawn(self, generator: torch.Generator) -> Energy:
        if not self._by_scale:
            network = ImageNetwork(self.shape_, self.width, generator)
            return NetworkEnergy(network, STIFFNESS)
        scales = NoisyImages(ConditionalUNet(self.shape_, self.width, self.depth, generator))
        return Given(scales, torch.full((1, 1), math.log(SMALLEST)))

    def _begun(self, start: Start, energy: Energy) -> Objective:
        if self._by_scale:
            return DualScoreMatching(SMALLEST, self._largest)
        chains = FromChains(CHAIN, MOVES, max(CHAINS, self.batch_size), reseeded=0.05)
        made = ContrastiveDivergence(chains, BOUND).to(start.device)
        order = torch.randperm(len(start.source), generator=torch.Generator().manual_seed(0))
        made.begin(energy, start.batch(order[:CHAINS].numpy()).y, start.seeds.noise)
        return made

    def _recipe(self, start: Start) -> Recipe:
        clip = float(self.n_features_in_ if self._by_scale else 1)
        return replace(super()._recipe(start), clip=clip, average=averaging(self.n_steps))

    def _descend(self, start: Start, energy: Energy, *rest: Any) -> Any:
        # what is trained is the energy of all scales; what is asked, the one of the smallest
        return super()._descend(start, self._of_all(energy) if self._by_scale else energy, *rest)

    @staticmethod
    def _of_all(energy: Energy) -> NoisyImages:
        return cast(NoisyImages, cast(Given, energy).energy)

    def _finish(self, start: Start, energy: Energy, objective: Objective) -> None:
        self.starts_ = None
        if isinstance(objective, ContrastiveDivergence):
            assert isinstance(objective.negatives, FromChains)
            assert start.units is not None
            chains = objective.negatives.chains[:CHAINS] * start.units.scale + start.units.shift
            self.starts_ = chains.float().cpu().numpy()

    def energy(self, X: ImagesLike) -> NDArray[np.floating]:
        """F of each image, low where it is usual: (n,); of hidden (NaN) pixels as they are filled.

        After dual score matching -log of the density of the pixels, blurred by a hundredth of their
        spread.
        """
        images = self._read(X)
        return self._as_energies(self._answers(images, lambda y: self.energy_(self._lowest(y))))

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
        drawn = torch.cat([self._filled(part, generator, n_steps) for part in blank.split(ROWS)])
        images = self._ends(drawn.cpu().numpy()).astype(np.float32)
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
        images = self._covered(X, mask)
        if not asked.asked:
            return images.painted(self._ask(images, self._lowest))
        generator = generator_from(random_state, self._like().device)
        count = asked.fillings
        check_memory(16 * count * len(images) * images.n_columns, f"complete: {count} fillings")
        drawn = self._ask(images, lambda y: self._several(y, count, generator).transpose(0, 1))
        if asked.interval is not None:
            lower, upper = asked.bounds(drawn)
            return images.painted(lower), images.painted(upper)
        return np.stack([images.painted(drawn[:, i]) for i in range(count)])

    def project(self, X: ImagesLike) -> NDArray[Any]:
        """The image of the data manifold that is closest to each, of the shape and type it came in.

        After dual score matching: down the scales without noise, from the scale at which the image
        has the least energy, so that little noise takes a short way. Else down the energy.
        """
        images = self._read(X)
        return images.formed(self._ask(images, self._projected))

    def _projected(self, y: Tensor) -> Tensor:
        y = self._filled(y, torch.Generator(y.device).manual_seed(0))
        if not self._by_scale:
            return questions.project(self.energy_, y)
        energy, at = self._of_all(self.energy_.energy), self.energy_.into(y)
        scales = self._scales(STEPS)
        value = torch.stack(
            [energy(at, at.new_full((1, 1), math.log(float(each)))) for each in scales]
        )
        found, first = torch.empty_like(at), value.argmin(dim=0).clamp(max=STEPS - 2)
        for i in first.unique():
            rows = (first == i).nonzero()[:, 0]
            found[rows] = questions.draw_by_scales(
                energy, torch.full_like(at[rows], torch.nan), scales[int(i) :],
                torch.Generator(y.device), freedom=0.0, start=at[rows],
            )  # fmt: skip
        return self.energy_.out(found)

    def _lowest(self, y: Tensor) -> Tensor:
        """Rows with what is hidden filled in: of several draws the one of least energy."""
        if not bool(y.isnan().any()):
            return y
        generator = torch.Generator(y.device).manual_seed(0)
        tried = self._several(y, TRIED, generator)
        value = torch.stack([self.energy_(each) for each in tried])
        return tried[value.argmin(dim=0), torch.arange(len(y), device=y.device)]

    def _several(self, y: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """(count, n, d), some of them at a time."""
        parts = y.repeat(count, 1).split(ROWS)
        return torch.cat([self._filled(part, generator) for part in parts]).reshape(count, *y.shape)

    def _filled(self, y: Tensor, generator: torch.Generator, n_steps: int | None = None) -> Tensor:
        """Rows with what is hidden drawn, given what is visible."""
        hidden = y.isnan()
        if not bool(hidden.any()):
            return y
        at = self.energy_.into(y)
        if self._by_scale:
            scales = self._scales(STEPS if n_steps is None else n_steps)
            drawn = questions.draw_by_scales(
                self._of_all(self.energy_.energy), at, scales, generator, rounds=ROUNDS
            )
            return torch.where(hidden, self.energy_.out(drawn), y)
        return torch.where(hidden, self.energy_.out(self._by_chains(at, generator, n_steps)), y)

    def _by_chains(self, y: Tensor, generator: torch.Generator, n_steps: int | None) -> Tensor:
        """Chains that training left off go on, over what is hidden; in the energy's units."""
        assert self.starts_ is not None
        hidden = y.isnan()
        starts = self.energy_.into(torch.from_numpy(self.starts_).to(y))
        # those of the nearest ones that are like what is visible
        seen, given = (~hidden).to(y), torch.where(hidden, 0, y)
        apart = seen @ starts.square().T - 2 * given @ starts.T
        near = apart.topk(min(NEAR, len(starts)), largest=False).indices
        if bool(hidden.all()):
            near = torch.arange(len(starts), device=y.device).expand(len(y), -1)
        place = torch.randint(
            near.shape[1], (len(y), 1), generator=generator, device=generator.device
        )
        begin = starts[near.gather(1, place.to(y.device))[:, 0]]
        held = Held(self.energy_.energy, torch.where(hidden, begin, y), hidden)
        moves = MORE if n_steps is None else n_steps
        return held.whole(walk(Pace(CHAIN), held, held.y, moves, generator)[0])

    def _scales(self, n_steps: int) -> Tensor:
        return questions.scales_between(self._largest, SMALLEST, n_steps)

    def _ends(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values between black and white, where it is known what that is."""
        return values if self.white_ is None else np.clip(values, 0, self.white_)
