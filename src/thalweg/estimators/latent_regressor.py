"""Many predictions for one x: a conditional energy with a latent variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg import questions
from thalweg.core import (
    Batch,
    Choice,
    Constraint,
    Device,
    InputError,
    Integer,
    Real,
    Seed,
    Sizes,
    generator_from,
    seen_through,
)
from thalweg.data import Rows, Shuffled
from thalweg.energies import Rescaled
from thalweg.estimators.base import FittedModel
from thalweg.estimators.branches import (
    GRID,
    MOST_CONTINUOUS,
    box_energy,
    branches_energy,
    spread_branches,
)
from thalweg.estimators.networks import run_facts, units
from thalweg.estimators.pairs import PairsMixin, in_blocks
from thalweg.estimators.parts import reconstruction_of
from thalweg.latents import FreeEnergy, Quadrature
from thalweg.objectives import PushDown
from thalweg.training import History, Recipe, Run, fit


class LatentRegressor(RegressorMixin, PairsMixin, FittedModel):
    r"""Regression with a latent variable: not the average of what may happen, but the ways it may.

    .. math::
        E(x, y, z) = \frac{\|y - g(z, x)\|^2}{2\sigma^2} + d \log(\sigma\sqrt{2\pi}), \qquad
        F(x, y) = -\log \sum_z e^{-E(x, y, z)}

    As z varies over its set, g(z, x) runs through the predictions for one x. z is one of
    ``n_components`` branches, or a point of a box of up to 3 dimensions, over a grid of which the
    sum goes. Training lowers the mean F of the data; sigma is learned. NaN entries of Y are hidden.
    Columns are standardized inside, and F is in those units.

    Parameters
    ----------
    latent : {"discrete", "continuous"}, default "discrete"
    n_components : int, default 2
        Branches, or dimensions of z (at most 3).
    hidden : sequence of int, default (64, 64)
        Widths of the hidden layers.
    n_init : int, default 3
        Trainings from different starts for a tenth of the steps, of which the best goes on.
    n_steps : int, default 3000
        Gradient steps, one batch each.
    batch_size : int, default 256
    learning_rate : float, default 0.005
        Of Adam, at its highest.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0
        Above 0, a progress bar on standard error.

    Attributes
    ----------
    energy_ : Rescaled
        F(x, y); ``energy_(y, x)``.
    n_targets_ : int
        Columns of Y.
    history_ : History
        Loss of every step. Not saved.

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

    energy_: Rescaled
    parameters: ClassVar[dict[str, Constraint]] = {
        "latent": Choice(("discrete", "continuous")),
        "n_components": Integer(1),
        "hidden": Sizes(),
        "n_init": Integer(1),
        "n_steps": Integer(1),
        "batch_size": Integer(1),
        "learning_rate": Real(0, above=True),
        "random_state": Seed(),
        "device": Device(),
        "verbose": Integer(0),
    }

    def __init__(
        self,
        *,
        latent: str = "discrete",
        n_components: int = 2,
        hidden: tuple[int, ...] = (64, 64),
        n_init: int = 3,
        n_steps: int = 3000,
        batch_size: int = 256,
        learning_rate: float = 0.005,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.latent = latent
        self.n_components = n_components
        self.hidden = hidden
        self.n_init = n_init
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any, *, run: Run | None = None) -> Self:
        """Learn from rows X (n, n_features) and what happened, Y (n,) or (n, n_targets).

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`); the first short
        trainings, of which the best goes on, are not kept.
        """
        self._check_parameters()
        if self.latent == "continuous" and self.n_components > MOST_CONTINUOUS:
            raise InputError(
                f"LatentRegressor: n_components={self.n_components} dimensions of a continuous z; "
                f"expected at most {MOST_CONTINUOUS}, for a grid has to cover them"
            )
        rows = self._given(X, reset=True)
        targets = self._targets(y, len(rows))
        self.n_targets_ = 0 if np.asarray(y).ndim == 1 else targets.n_columns
        known = np.flatnonzero(~np.isnan(targets.values).all(axis=1))
        if not len(known):
            raise InputError("Y: no entry is visible (all NaN); expected at least one number")
        # a row of which nothing is known to have happened teaches nothing
        rows, targets = Rows(rows.take(known)), Rows(targets.take(known))
        seed = check_random_state(self.random_state).randint(0, 2**31 - 1)
        device = Device.resolve(self.device)
        x_shift, x_scale = (each.to(device) for each in units(rows.summary()))
        shift, scale = (each.to(device) for each in units(targets.summary("Y")))

        def take(index: Any) -> Batch:
            x = torch.from_numpy(rows.take(index)).to(shift)
            values = torch.from_numpy(targets.take(index)).to(shift)
            return Batch(((values - shift) / scale).float(), ((x - x_shift) / x_scale).float())

        best, found = float("inf"), None
        trial = max(1, self.n_steps // 10)
        for attempt in range(self.n_init):
            generator = torch.Generator().manual_seed(int(seed) + attempt)
            some = torch.randperm(len(rows), generator=generator)[:2000].numpy()
            sample = take(some)
            energy = self._model(rows.n_columns, targets.n_columns, generator)
            spread_branches(energy, sample.y, int(seed) + attempt)
            energy = energy.to(device)
            steps = trial if self.n_init > 1 else 0
            if steps:
                self._train(energy, rows, steps, generator, take, "start")
            with torch.no_grad():
                view = seen_through(energy, sample.y)
                value = float(view(sample.y, sample.x).mean())
            if found is None or value < best:
                best, found = value, energy
        assert found is not None
        generator = torch.Generator().manual_seed(int(seed))
        self.history_ = self._train(
            found, rows, self.n_steps, generator, take, "LatentRegressor", run
        )
        kind = rows.torch_dtype
        self.energy_ = Rescaled(found, shift, scale, x_shift, x_scale).to(kind).eval()
        return self

    def _train(
        self, energy: FreeEnergy, rows: Rows, steps: int, generator: torch.Generator,
        take: Callable[[Any], Batch], title: str, run: Run | None = None,
    ) -> History:  # fmt: skip
        order = torch.Generator().manual_seed(generator.initial_seed() + 1)
        return fit(
            energy,
            PushDown(),
            take,
            Shuffled(len(rows), self.batch_size, steps, order),
            Recipe(steps, self.learning_rate, facts=run_facts(self, rows)),
            generator,
            title=title,
            run=run,
            verbose=self.verbose > 0,
        )

    @torch.no_grad()
    def energy(self, X: Any, Y: Any) -> NDArray[np.floating]:
        """F(x, y) of each pair of rows, low where y may follow from x: (n,)."""

        def question(x: Tensor, y: Tensor) -> Tensor:
            value: Tensor = seen_through(self.energy_, y)(y, x)
            return value

        return np.asarray(in_blocks(question, *self._asked(X, Y)).cpu().numpy())

    @torch.no_grad()
    def infer(self, X: Any, Y: Any) -> NDArray[np.floating]:
        """z that explains what happened, the one of least E(x, y, z): (n, n_components)."""

        def question(x: Tensor, y: Tensor) -> Tensor:
            return _known(seen_through(self.energy_, y).codes(y, x))

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
        x = torch.tensor(self._given(X).values).to(self._parameter())
        z = self._spread_codes(n)
        most = len(z) if n is None else n
        d = max(1, self.n_targets_)

        def question(part: Tensor) -> Tensor:
            every = torch.stack(
                [_known(self.energy_.decode(each.expand(len(part), -1), part)) for each in z]
            )
            values = torch.stack([self.energy_(each, part) for each in every])
            order = values.argsort(dim=0, stable=True)[:most]
            chosen = torch.gather(every, 0, order[..., None].expand(-1, -1, d))
            both = torch.cat([chosen, torch.gather(values, 0, order)[..., None]], dim=2)
            return both.transpose(0, 1)

        both = in_blocks(question, x)
        return self._shaped(both[..., :d]), np.asarray(both[..., d].cpu().numpy())

    def _spread_codes(self, n: int | None) -> Tensor:
        space = reconstruction_of(self.energy_).latent
        if n is not None and (not isinstance(n, (int, np.integer)) or n < 1):
            raise InputError(f"predict_all: n must be a whole number of at least 1, got {n!r}")
        members = space.members()
        if members is not None:
            if n is not None and n > len(members):
                raise InputError(
                    f"predict_all: n={n} is more than the {len(members)} branches; expected at "
                    "most that (n_components)"
                )
            return members.to(self._parameter())
        k = self.n_components
        side = GRID[k] if n is None else max(1, round(n ** (1 / k) + 0.499))
        grid = Quadrature(side).solve(reconstruction_of(self.energy_), self._parameter()[:1])
        z = grid.z[:, 0].to(self._parameter())
        return z if n is None or n >= len(z) else z[torch.linspace(0, len(z) - 1, n).long()]

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
        given = np.asarray(Y, dtype=np.float64).reshape(len(y), -1)
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
        x = torch.tensor(self._given(X).values).to(self._parameter())
        generator = generator_from(random_state)
        inner = reconstruction_of(self.energy_)
        z = _known(inner.latent.draw(len(x), generator))
        middle = _known(self.energy_.decode(z, x)) / self.energy_.scale
        drawn = _known(inner.cost.draw(middle, 1.0, generator))
        return self._shaped(drawn * self.energy_.scale)

    def _model(self, wide: int, d: int, generator: torch.Generator) -> FreeEnergy:
        make = branches_energy if self.latent == "discrete" else box_energy
        return make(self.n_components, wide, d, tuple(self.hidden), generator)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the entries of z."""
        return np.array([f"latentregressor{i}" for i in range(self.n_components)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _facts(self) -> dict[str, Any]:
        return {"n_targets_": int(self.n_targets_)}

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        d, wide = len(state["shift"]), len(state["x_shift"])
        energy = self._model(wide, d, torch.Generator())
        names = ("shift", "scale", "x_shift", "x_scale")
        rescaled = Rescaled(energy, *(state[name] for name in names))
        return rescaled.to(state["shift"].dtype).eval()


def _known(y: Tensor | None) -> Tensor:
    assert y is not None
    return y
