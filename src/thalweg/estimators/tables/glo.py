"""Generative latent optimization as an energy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import (
    Choice,
    Energy,
    InputError,
    Integer,
    Real,
    Sizes,
    changed,
    learned,
    parameter,
    visible_energy,
)
from thalweg.data import Rows, Summary
from thalweg.energies import (
    Cost,
    LaplacianPyramid,
    Perceptron,
    Reconstruction,
    Rescaled,
    SquaredError,
)
from thalweg.estimators.tables.gradient_model import GradientTableModel
from thalweg.estimators.tables.kmeans import KMeans
from thalweg.estimators.tables.model import CodesMixin, SamplesMixin
from thalweg.latents import Ball, Descent, FreeEnergy
from thalweg.objectives import LatentCodes
from thalweg.training import Recipe
from thalweg.training.principal import principal_codes
from thalweg.training.start import Start, Units


class GLO(CodesMixin, SamplesMixin, GradientTableModel):
    r"""Generative latent optimization: a decoder, and one learned code in a ball for each row.

    .. math::
        E(y, z) = C(y, g(z)), \quad \|z\| \le 1, \qquad F(y) = \min_z E(y, z)

    The ball limits what the decoder can produce. Training learns the codes of the training rows
    with the decoder; codes of new rows are found by descent from several starts. NaN entries are
    hidden. Samples are what codes drawn from the ball decode to.

    Raises
    ------
    InputError
        If ``image_shape`` does not fit the columns, or a bad parameter or entry.

    References
    ----------
    Bojanowski, Joulin, Lopez-Paz, Szlam, "Optimizing the latent space of generative networks",
    ICML 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import GLO
    >>> angle = np.linspace(0, 3, 200)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> model = GLO(1, n_steps=500, random_state=0).fit(X)
    >>> bool(model.energy(X).mean() < model.energy(0.5 * X).mean())
    True
    """

    n_components: int = parameter(
        "Size of z.", Integer(1, high=1_000_000), default=16, kw_only=False
    )
    cost: str = parameter(
        "C: the squared error, or for images the absolute difference at every scale, of which "
        "columns are then taken in their own units.",
        Choice(("squared", "laplacian")),
        default="squared",
    )
    image_shape: tuple[int, ...] | None = parameter(
        "For laplacian: (height, width) or (height, width, channels) of a row.",
        Sizes(none=True, high=1_000_000),
        default=None,
    )
    hidden: tuple[int, ...] = parameter(
        "Widths of the decoder's hidden layers.", Sizes(high=1_000_000), default=(128,)
    )
    n_starts: int = parameter(
        "Starts of the descent for new rows: the origin and centers of the training codes.",
        Integer(1, high=10_000),
        default=4,
    )
    descent_iter: int = parameter(
        "Most steps of that descent.", Integer(1, high=1_000_000), default=300
    )
    learning_rate: float = changed(
        default=0.002, sentence="Of Adam, at its highest, for the decoder."
    )
    code_learning_rate: float = parameter(
        "The same for the codes.", Real(0, above=True), default=0.01
    )

    energy_: Rescaled = learned()
    codes_: NDArray[np.floating] = learned(
        "The learned codes of the training rows, 0 for one with no visible entry: "
        "(n, n_components).",
        saved=True,
        shape=("any", "n_components"),
    )

    def _units(self, rows: Rows, summary: Summary) -> Units | None:
        units = super()._units(rows, summary)
        if self.cost == "squared" or units is None:
            return units
        # edges between pixels mean something only where all pixels have one unit
        size = math.sqrt(float(summary.variance.mean())) or 1.0
        return units._replace(scale=torch.full_like(units.scale, size))

    def _initial(self, start: Start) -> FreeEnergy:
        codes = principal_codes(cast(Rows, start.source), self.n_components, start.seeds.model)
        self.codes_ = Ball(self.n_components).nearest(codes).numpy()
        # one generator for codes, weights and the order of rows
        start.seeds = start.seeds._replace(order=start.seeds.model)
        return self._energy(start.source.n_columns, start.seeds.model)

    def _resumed(self, start: Start) -> Energy:
        energy = super()._resumed(start).to(start.device)
        positions = np.arange(len(start.source))
        found = []
        with torch.no_grad():
            for first in range(0, len(positions), start.source.chunk_rows):
                y = start.batch(positions[first : first + start.source.chunk_rows]).y
                z = visible_energy(energy, y).codes(y)
                assert z is not None
                found.append(z.cpu().numpy())
        self.codes_ = np.concatenate(found)
        return energy

    def _energy(self, d: int, generator: torch.Generator) -> FreeEnergy:
        decoder = Perceptron((self.n_components, *self.hidden, d), generator=generator)
        energy = Reconstruction(decoder, Ball(self.n_components), self._cost(d))
        return FreeEnergy(energy, self._solver(torch.zeros(self.n_starts, self.n_components)))

    def _solver(self, starts: Tensor) -> Descent:
        return Descent(self.n_starts, self.descent_iter, starts=starts)

    def _objective(self, sample: Tensor) -> LatentCodes:
        return LatentCodes(torch.from_numpy(self.codes_))

    def _recipe(self, start: Start) -> Recipe:
        return replace(super()._recipe(start), objective_rate=self.code_learning_rate)

    def _finish(self, start: Start, energy: FreeEnergy, objective: Any) -> None:
        learned = objective.nearest(energy).cpu()
        seed = start.seeds.model.initial_seed()
        energy.solver = self._solver(self._descent_starts(learned, seed)).to(start.device)
        codes = learned.to(start.source.torch_dtype).numpy()
        self.codes_ = cast(Rows, start.source).among_all(codes)

    def _descent_starts(self, codes: Tensor, seed: int) -> Tensor:
        starts = torch.zeros(self.n_starts, self.n_components)
        distinct = len(np.unique(codes.numpy(), axis=0))
        centers = min(self.n_starts - 1, distinct)
        if centers > 0:
            clusters = KMeans(centers, random_state=seed, max_iter=20, device=self.device).fit(
                codes.numpy()
            )
            starts[1 : 1 + centers] = torch.from_numpy(clusters.cluster_centers_)
        return starts

    def _cost(self, d: int) -> Cost:
        if self.cost == "squared":
            return SquaredError()
        shape = self.image_shape
        if shape is None or len(shape) not in (2, 3) or math.prod(shape) != d:
            raise InputError(
                f"GLO: image_shape={shape!r} does not fit {d} columns; expected (height, width) or "
                "(height, width, channels) with that product, for cost='laplacian'"
            )
        return LaplacianPyramid(tuple(shape))

    @property
    def _n_features_out(self) -> int:
        return self.n_components
