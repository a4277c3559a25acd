"""Many predictions for one x: a conditional energy with a latent variable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thalweg import questions
from thalweg.core import (
    Choice,
    Energy,
    InputError,
    Integer,
    Sizes,
    as_array,
    changed,
    generator_from,
    learned,
    parameter,
    visible_energy,
    whole_number,
)
from thalweg.data import Rows
from thalweg.energies import Branches, Perceptron, Rescaled
from thalweg.energies.conditional import (
    MOST_CONTINUOUS,
    box_energy,
    branches_energy,
    covering_codes,
)
from thalweg.energies.inside import free_energy_of, reconstruction_of
from thalweg.estimators.base.explanation import Explanation
from thalweg.estimators.base.loading import units_of
from thalweg.estimators.base.scikit_learn import RegressorMixin
from thalweg.estimators.base.training import GradientModel
from thalweg.estimators.regression.pairs import PairsMixin
from thalweg.estimators.tables.kmeans import KMeans
from thalweg.latents import FreeEnergy
from thalweg.objectives import Objective, PushDown
from thalweg.questions.blocks import check_answers, in_blocks
from thalweg.training import Recipe, Run
from thalweg.training.start import Start, Units, column_units

LOOKED_AT = 2000
"""Rows by which starts are compared."""


class LatentRegressor(RegressorMixin, PairsMixin, GradientModel):
    r"""Regression with a latent variable: not the average of what may happen, but the ways it may.

    .. math::
        E(x, y, z) = \frac{\|y - g(z, x)\|^2}{2\sigma^2} + d \log(\sigma\sqrt{2\pi}), \qquad
        F(x, y) = -\log \sum_z e^{-E(x, y, z)}

    As z varies over its set, g(z, x) runs through the predictions for one x. z is one of
    ``n_components`` branches, or a point of a box of up to 3 dimensions, over a grid of which the
    sum goes. Training lowers the mean F of the data; sigma is learned. NaN entries of Y are hidden.
    Columns are standardized inside, and F is in those units.

    Raises
    ------
    InputError
        If a continuous z has more than 3 dimensions, X has NaN, or a bad parameter or entry.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "A tutorial on energy-based learning" (2006), section 2;
    Bishop, "Mixture density networks" (1994) for the discrete case.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import LatentRegressor
    >>> random = np.random.default_rng(0)
    >>> x = random.uniform(-1, 1, size=(500, 1))
    >>> y = random.choice([-1, 1], size=500) * (2 + x[:, 0])
    >>> model = LatentRegressor(n_steps=500, random_state=0).fit(x, y)
    >>> both, energies = model.predict_all([[0.0]])
    >>> np.sort(both[0]).round(1)
    array([-2.,  2.])
    """

    latent: str = parameter(
        "Kind of z: branches, or points of a box.",
        Choice(("discrete", "continuous")),
        default="discrete",
    )
    n_components: int = parameter(
        "Branches, or dimensions of z (at most 3).", Integer(1, high=100_000), default=2
    )
    hidden: tuple[int, ...] = parameter(
        "Widths of the hidden layers.", Sizes(high=1_000_000), default=(64, 64)
    )
    n_init: int = parameter(
        "Trainings from different starts for a tenth of the steps, of which the best goes on.",
        Integer(1, high=10_000),
        default=3,
    )
    batch_size: int = changed(default=256)
    learning_rate: float = changed(default=0.005)

    about: ClassVar[str] = "pairs"

    energy_: Rescaled = learned("F(x, y); ``energy_(y, x)``.")
    n_targets_: int = learned(
        "Columns of Y; 0 where it was one-dimensional.", saved=True, constraint=Integer(0)
    )

    def fit(self, X: Any, y: Any, *, run: Run | None = None) -> Self:
        """Learn from rows X (n, n_features) and what happened, Y (n,) or (n, n_targets).

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`); the first short
        trainings, of which the best goes on, are not kept.
        """
        self.check_parameters()
        if self.latent == "continuous" and self.n_components > MOST_CONTINUOUS:
            raise InputError(
                f"LatentRegressor: n_components={self.n_components} dimensions of a continuous z; "
                f"expected at most {MOST_CONTINUOUS}, for a grid has to cover them"
            )
        rows = self._given(X, reset=True)
        targets = self._targets(y, len(rows))
        self.n_targets_ = 0 if as_array("Y", y).ndim == 1 else targets.n_columns
        known = np.flatnonzero(~np.isnan(targets.values).all(axis=1))
        if not len(known):
            raise InputError("Y: no entry is visible (all NaN); expected at least one number")
        # a row of which nothing is known to have happened teaches nothing
        rows, targets = Rows(rows.take(known)), Rows(targets.take(known))
        x_units, y_units = column_units(rows.summary()), column_units(targets.summary("Y"))
        shift = torch.cat([x_units.shift, y_units.shift])
        scale = torch.cat([x_units.scale, y_units.scale])
        both = Rows(np.hstack([rows.values, targets.values]))
        energy = self._fitted(both, Units(shift, scale, rows.n_columns), run)
        self.energy_ = energy.to(rows.torch_dtype).eval()
        return self

    def _initial(self, start: Start) -> FreeEnergy:
        """The best of several starts, each after a short training."""
        given, seed = self.n_features_in_, start.seeds.model.initial_seed()
        best, chosen_energy = float("inf"), None
        for attempt in range(seed, seed + self.n_init):
            generator = torch.Generator().manual_seed(attempt)
            order = torch.Generator().manual_seed(attempt + 1)
            chosen = torch.randperm(len(start.source), generator=generator)[:LOOKED_AT]
            sample = start.batch(chosen.numpy())
            energy = self._energy(given, start.source.n_columns - given, generator)
            _spread_branches(energy, sample.y, attempt)
            energy = energy.to(start.device)
            if self.n_init > 1:
                short = replace(start, seeds=start.seeds._replace(order=order))
                recipe = Recipe(max(1, self.n_steps // 10), self.learning_rate)
                self._descend(short, energy, PushDown(), recipe)
            with torch.no_grad():
                value = float(visible_energy(energy, sample.y)(sample.y, sample.x).mean())
            if chosen_energy is None or value < best:
                best, chosen_energy = value, energy
        assert chosen_energy is not None
        return chosen_energy

    def _begun(self, start: Start, energy: Energy) -> Objective:
        return PushDown()

    @torch.no_grad()
    def energy(self, X: Any, Y: Any) -> NDArray[np.floating]:
        """F(x, y) of each pair of rows, low where y may follow from x: (n,)."""

        def question(x: Tensor, y: Tensor) -> Tensor:
            value: Tensor = visible_energy(self.energy_, y)(y, x)
            return value

        return self._as_energies(in_blocks(question, *self._asked(X, Y)).cpu().numpy())

    def explain(self, X: Any, Y: Any, usual: bool = True) -> Explanation:
        r"""Which targets the energy of each pair is there for, and what is usual in their place.

        .. math::
            s_j(x, y) = F(x, y) - F(x, y_{\setminus j})

        Parameters
        ----------
        X : array (n, n_features)
        Y : array (n,) or (n, n_targets)
            A hidden (NaN) target explains nothing: 0.
        usual : bool, default True
            Whether to say what is expected of each target, given x and the others.

        Returns
        -------
        Explanation
            ``contribution`` (n, n_targets), ``usual`` in the shape of Y.
        """
        x, y = self._asked(X, Y)
        energy = self.energy_
        contribution = in_blocks(lambda x, y: questions.explain(energy, y, x), x, y)

        def expected(x: Tensor, y: Tensor) -> Tensor:
            return questions.usual(y, lambda part: questions.expect(energy, part, x))

        found = self._shaped(in_blocks(expected, x, y)) if usual else None
        names = [f"y{j}" for j in range(y.shape[1])]
        return Explanation(contribution.cpu().numpy(), found, names)

    @torch.no_grad()
    def infer(self, X: Any, Y: Any) -> NDArray[np.floating]:
        """z that explains what happened, the one of least E(x, y, z): (n, n_components)."""

        def question(x: Tensor, y: Tensor) -> Tensor:
            return _known(visible_energy(self.energy_, y).codes(y, x))

        return np.asarray(in_blocks(question, *self._asked(X, Y)).cpu().numpy())

    @torch.no_grad()
    def predict_all(
        self, X: Any, n: int | None = None
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """The predictions as z varies, and their energies F(x, y), the lowest first.

        Parameters
        ----------
        X : array (rows, n_features)
        n : int, optional
            How many for each row: of all branches those of least energy, or for a continuous z
            points spread over its box (the grid of training if not given).

        Returns
        -------
        predictions : array (rows, n) or (rows, n, n_targets)
        energies : array (rows, n)
        """
        x = torch.tensor(self._given(X).values).to(self._like())
        n = None if n is None else whole_number("predict_all: n", n)
        if n is not None and self.latent == "discrete" and n > self.n_components:
            raise InputError(
                f"predict_all: n={n} is more than the {self.n_components} branches; expected at "
                "most that (n_components)"
            )
        z = covering_codes(free_energy_of(self.energy_), self._like(), n)

        def question(part: Tensor) -> Tensor:
            predictions = questions.predict(self.energy_, part, z, n)
            return torch.cat([predictions.y, predictions.energy[..., None]], dim=2)

        both = in_blocks(question, x)
        return self._shaped(both[..., :-1]), np.asarray(both[..., -1].cpu().numpy())

    def predict(self, X: Any) -> NDArray[np.floating]:
        """One prediction for each row, that of least energy: (n,) or (n, n_targets)."""
        return self.predict_all(X)[0][:, 0]

    @torch.no_grad()
    def complete(self, X: Any, Y: Any) -> NDArray[np.floating]:
        """A copy of Y with every NaN filled so that F(x, y) is low; the rest is as it was."""
        x, y = self._asked(X, Y)
        starts = torch.from_numpy(np.asarray(self.predict_all(X)[0])).to(y)
        starts = starts.reshape(len(y), -1, y.shape[1])

        def question(x: Tensor, y: Tensor, starts: Tensor) -> Tensor:
            filled, best = y.clone(), torch.full_like(y[:, 0], torch.inf)
            for start in starts.unbind(dim=1):
                tried = torch.where(y.isnan(), start, y)
                value = self.energy_(tried, x)
                filled = torch.where((value < best)[:, None], tried, filled)
                best = torch.minimum(best, value)
            return questions.descend(self.energy_, filled, x, free=y.isnan())

        down = in_blocks(question, x, y, starts)
        given = self._targets(Y, len(y)).values
        result = np.where(np.isnan(given), down.cpu().numpy(), given)
        return result[:, 0] if self.n_targets_ == 0 else result

    @torch.no_grad()
    def project(self, X: Any, Y: Any) -> NDArray[np.floating]:
        """The closest y that may follow from x: y brought down F(x, .)."""

        def question(x: Tensor, y: Tensor) -> Tensor:
            return questions.project(self.energy_, y, x)

        return self._shaped(in_blocks(question, *self._asked(X, Y)))

    @torch.no_grad()
    def sample(
        self, X: Any, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[np.floating]:
        """For each row of X one draw from p(y | x), proportional to exp(-F)."""
        x = torch.tensor(self._given(X).values).to(self._like())
        generator = generator_from(random_state)
        inner = reconstruction_of(self.energy_)
        z = _known(inner.latent.draw(len(x), generator))
        middle = _known(self.energy_.decode(z, x)) / self.energy_.scale
        drawn = _known(inner.cost.draw(middle, 1.0, generator))
        result = self._shaped(drawn * self.energy_.scale)
        check_answers(type(self).__name__, ~np.isfinite(result))
        return result

    def _energy(self, wide: int, d: int, generator: torch.Generator) -> FreeEnergy:
        make = branches_energy if self.latent == "discrete" else box_energy
        return make(self.n_components, wide, d, tuple(self.hidden), generator)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the entries of z."""
        return np.array([f"latentregressor{i}" for i in range(self.n_components)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        given, d = self.n_features_in_, max(1, self.n_targets_)
        units = units_of(state, d, given)
        energy = self._energy(given, d, torch.Generator())
        return units.around(energy).to(units.shift.dtype)


def _known(y: Tensor | None) -> Tensor:
    assert y is not None
    return y


@torch.no_grad()
def _spread_branches(energy: FreeEnergy, y: Tensor, seed: int) -> None:
    """Let branches begin at different places: at the centers of clusters of what happened."""
    decoder = reconstruction_of(energy).decoder
    if not isinstance(decoder, Branches) or decoder.k == 1:
        return
    try:
        clusters = KMeans(decoder.k, random_state=seed, device=str(y.device)).fit(
            y.nan_to_num().cpu().numpy()
        )
    except InputError:
        return  # fewer distinct targets than branches: some branches will coincide
    centers = torch.from_numpy(clusters.cluster_centers_)
    assert isinstance(decoder.network, Perceptron)
    last = decoder.network.layers[-1]
    assert isinstance(last, nn.Linear)
    last.bias.copy_(centers.reshape(-1))
