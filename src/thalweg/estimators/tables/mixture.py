"""Gaussian mixtures as energies."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import (
    InputError,
    Integer,
    Real,
    Switch,
    finite_array,
    generator_from,
    learned,
    visible_energy,
)
from thalweg.data import Summary, batches_in_order, steps_of
from thalweg.energies import GaussianComponents, WordBlocks, WordComponents
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.scikit_learn import DensityMixin
from thalweg.estimators.tables.kmeans import KMeans
from thalweg.estimators.tables.learning_on import LearnsOn
from thalweg.estimators.tables.mixture_settings import MixtureSettings
from thalweg.estimators.tables.model import CodesMixin, MeanScoreMixin, SamplesMixin, TableModel
from thalweg.estimators.tables.words import layout_of
from thalweg.latents import Exhaustive, FreeEnergy
from thalweg.training.mixture import (
    build,
    components_of,
    covariances_of,
    moments,
    pooled,
    shaped_covariances,
)
from thalweg.training.mixture_fit import Fit, Settings, fit, sums_of_shares
from thalweg.training.stepwise import StepwiseStep
from thalweg.training.weighted import Weighted
from thalweg.training.word_mixture import (
    WordPrior,
    components_of_shares,
    fit_words,
    pooled_words,
)

STARTS = ("weights_init", "means_init", "precisions_init")


class GaussianMixture(
    LearnsOn, CodesMixin, SamplesMixin, MeanScoreMixin, DensityMixin, MixtureSettings, TableModel
):
    r"""A Gaussian mixture: the free energy over which component a row came from.

    .. math::
        E(y, z) = -\log \pi_z + \tfrac12 (y - \mu_z)^T S_z^{-1} (y - \mu_z)
                  + \tfrac12 \log\det 2\pi S_z, \qquad
        F_\beta(y) = -\tfrac1\beta \log \sum_z e^{-\beta E(y, z)}

    At beta = 1, F is minus the log-likelihood. Drops in for ``sklearn.mixture.GaussianMixture``,
    except that ``score_samples`` takes beta into account, ``sample`` returns rows alone, and
    ``transform`` gives codes (one-hot). NaN entries are hidden: they are integrated out, in
    fitting too, and ``complete`` puts the most probable values in.

    Raises
    ------
    InputError
        If a covariance is singular, there are fewer rows than components, or a bad parameter or
        entry.

    References
    ----------
    Dempster, Laird, Rubin (1977); Ghahramani and Jordan (1994) for hidden entries; Ueda and Nakano,
    "Deterministic annealing EM algorithm", Neural Networks 11 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import GaussianMixture
    >>> X = np.array([[0.0], [2.0], [10.0], [12.0]])
    >>> model = GaussianMixture(2, random_state=0).fit(X)
    >>> np.sort(model.means_[:, 0]).round(3)
    array([ 1., 11.])
    """

    _words_in_units = False

    energy_: FreeEnergy = learned()
    converged_: bool = learned("Whether training ended by itself.", saved=True, constraint=Switch())
    n_iter_: int = learned("Iterations of the last stage.", saved=True, constraint=Integer(0))
    lower_bound_: float = learned(
        "Mean of -F over the rows of the last step (for gradient, a batch).",
        saved=True,
        constraint=Real(-math.inf),
    )

    def fit(self, X: Any, y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to the rows of X (n, n_features); NaN entries are hidden."""
        rows, summary = self._begin(X)
        if self.n_components > len(rows):
            raise InputError(
                f"GaussianMixture: n_components={self.n_components} is more than the "
                f"{len(rows)} rows (n_samples={len(rows)})"
            )
        if self.beta_start is not None and not self.beta_start < self.beta:
            raise InputError(
                f"GaussianMixture: beta_start={self.beta_start} must be below beta={self.beta}"
            )
        weight = self._weight(X, rows, sample_weight)
        self.n_samples_seen_ = float(len(rows) if weight is None else weight.sum())
        if weight is not None:
            # only how they compare counts; sums of tiny ones would be taken for none
            weight = weight / weight.max()
        seed = check_random_state(self.random_state)
        device = self._device
        shift = torch.from_numpy(summary.mean).to(device)
        data = Weighted(rows, weight, shift, summary.hidden)
        settings = Settings(
            self.algorithm, self.covariance_type, self.reg_covar, float(self.beta), self.beta_start,
            self.max_iter, self.tol, self.batch_size, self.learning_rate, self.verbose > 0,
        )  # fmt: skip
        self.converged_, self.n_iter_, bounds, parts = True, 0, [], []
        for _ in range(self.n_pooled):
            start = self._start(data, summary, seed).to(device)
            self.energy_ = FreeEnergy(start, Exhaustive(), float(self.beta))
            generator = generator_from(seed)
            ended = self._train(data, summary, settings, generator)
            self.converged_ &= ended.converged
            self.n_iter_ = max(self.n_iter_, ended.n_iter)
            bounds.append(-ended.loss)
            parts.append(self.energy_.energy)
        self.lower_bound_ = float(np.mean(bounds))
        if len(parts) > 1:
            self.energy_ = FreeEnergy(self._pooled(parts), Exhaustive(), float(self.beta))
        if not self.converged_:
            self._warn_not_converged(self.n_iter_)
        self.energy_ = self.energy_.to(rows.torch_dtype)
        return self

    def partial_fit(self, X: Any, y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn on, by stepwise expectation maximization.

        The first call is ``fit``. Later ones go once through the rows in order, ``batch_size`` at
        a time: every row counts as much as any other, with the responsibilities that it has as
        it comes (Cappe and Moulines, 2009). ``n_iter_`` and ``lower_bound_`` are then those of this
        call.

        Raises
        ------
        InputError
            If mixtures are pooled, for each would need rows of its own.
        """
        if self.n_pooled > 1:
            raise InputError(
                f"GaussianMixture: n_pooled={self.n_pooled}; partial_fit expects n_pooled=1"
            )
        if self._is_new():
            return self.fit(X, sample_weight=sample_weight)
        if layout_of(self._space) is not None:
            raise InputError(
                "GaussianMixture: partial_fit goes on with numbers alone, and this model has "
                "words; expected fit with all rows"
            )
        rows, _ = self._more(X)
        weight = self._weight(X, rows, sample_weight)
        energy = copy.deepcopy(self.energy_).double()
        total = self._kept("n_samples_seen_")
        step = StepwiseStep(energy, self.covariance_type, self.reg_covar, total)
        history = self._iterate(
            step,
            batches_in_order(rows, weight, self.batch_size, components_of(energy).means),
            steps_of(rows, self.batch_size),
        )
        self.n_iter_, self.lower_bound_ = len(history), -history.losses[-1]
        self.n_samples_seen_ = step.total
        self.energy_ = energy.to(self._like())
        return self

    def _train(
        self, data: Weighted, summary: Summary, settings: Settings, generator: torch.Generator
    ) -> Fit:
        if layout_of(self._space) is None:
            return fit(self.energy_, data, summary, settings, generator)
        return fit_words(self.energy_, data, summary, settings, generator, self._word_prior())

    def _pooled(self, parts: list[Any]) -> Any:
        return pooled(parts) if layout_of(self._space) is None else pooled_words(parts)

    def _word_prior(self) -> WordPrior:
        assert self.table_ is not None
        return WordPrior(torch.from_numpy(self.table_.prior))

    def _start(self, data: Weighted, summary: Summary, seed: np.random.RandomState) -> Any:
        n, k = len(data.rows), self.n_components
        if self.init_params == "kmeans":
            share = np.zeros((n, k))
            share[np.arange(n), self._labels(data, seed)] = 1
        else:
            share = seed.random_sample((n, k))
            share /= share.sum(axis=1, keepdims=True)
        layout = layout_of(self._space)
        if layout is not None:
            self._refuse_starts()
            words = WordBlocks(layout, torch.zeros(layout.width, dtype=torch.float64))
            return components_of_shares(
                words, data, share, summary, self.covariance_type, self.reg_covar,
                self._word_prior(),
            )  # fmt: skip
        if all(getattr(self, name) is not None for name in STARTS):
            found = (torch.zeros(k), torch.zeros(k, data.rows.n_columns), torch.zeros(()))
        else:
            sums = sums_of_shares(data, share, summary)
            moved = moments(sums, self.covariance_type, self.reg_covar)
            found = (moved[0].cpu(), moved[1].cpu(), moved[2].cpu())
        start = self._given(*found)
        return build(start[1], start[0], start[2], self.covariance_type)

    def _refuse_starts(self) -> None:
        for name in STARTS:
            if getattr(self, name) is not None:
                raise InputError(f"GaussianMixture: {name} is for numbers alone; expected None")

    def _labels(self, data: Weighted, seed: np.random.RandomState) -> NDArray[np.int32]:
        """K-means clusters, or the rows by turns where there are too few distinct ones."""
        if self.n_components == 1:
            return np.zeros(len(data.rows), np.int32)
        try:
            clusters = KMeans(self.n_components, random_state=seed, device=self.device)
            return clusters.fit(data.rows.values, sample_weight=data.weight).labels_
        except InputError:
            return np.arange(len(data.rows), dtype=np.int32) % self.n_components

    def _given(
        self, weights: Tensor, means: Tensor, covariances: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Those that the user gave in place of the found ones."""
        k, d = means.shape
        owner = "GaussianMixture: "
        if self.weights_init is not None:
            given = finite_array(f"{owner}weights_init", self.weights_init, (k,))
            if not (given > 0).all():
                raise InputError(f"{owner}weights_init must be above 0")
            weights = torch.from_numpy(given) / torch.from_numpy(given).sum()
        if self.means_init is not None:
            means = torch.from_numpy(finite_array(f"{owner}means_init", self.means_init, (k, d)))
        if self.precisions_init is not None:
            shapes = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
            shape = shapes[self.covariance_type]
            given = finite_array(f"{owner}precisions_init", self.precisions_init, shape)
            inverted = covariances_of(torch.from_numpy(given), self.covariance_type)
            if inverted is None:
                raise InputError(f"{owner}precisions_init must be symmetric and positive definite")
            covariances = inverted
        return weights, means, covariances

    def _held(self, columns: int) -> int:
        whole = self.covariance_type in ("full", "tied")
        k = self.n_components * self.n_pooled
        return 3 * k * columns * (columns if whole else 1)

    @property
    def weights_(self) -> NDArray[np.floating]:
        """Shares of the components: (n_components,)."""
        return np.asarray(_weights_of(self.energy_).detach().cpu().numpy())

    @property
    def means_(self) -> NDArray[np.floating]:
        """Means, in the units of the rows, probabilities of words: (n_components, entries)."""
        every = self.energy_.energy.latent.members()
        assert every is not None
        with torch.no_grad():
            decoded = self.energy_.energy.decode(every)
        assert decoded is not None
        return self._space.out(decoded.cpu().numpy())

    @property
    def covariances_(self) -> NDArray[np.floating]:
        """Covariances of the numbers, in the energy's units and scikit-learn's shapes."""
        latent, several = self.energy_.energy, self.n_pooled > 1
        components = latent.numbers if isinstance(latent, WordComponents) else latent
        if not isinstance(components, GaussianComponents):
            raise AttributeError("covariances_: the table has no numbers")
        return shaped_covariances(components, self.covariance_type, several)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The most probable component of each row: (n,)."""
        return np.asarray(self.transform(X).argmax(axis=1))

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """p(z | y), at beta: (n, n_components)."""

        def question(y: Tensor) -> Tensor:
            view = visible_energy(self.energy_, y)
            assert isinstance(view, FreeEnergy)
            return view.responsibilities(y).T

        return self._ask(self._read(X), question)

    @property
    def _n_features_out(self) -> int:
        return self.n_components * self.n_pooled

    def _blank(self, state: dict[str, Tensor]) -> FreeEnergy:
        k, layout = self.n_components * self.n_pooled, layout_of(self._space)
        if layout is None:
            components: Any = self._blank_numbers(state, "energy", k, self._width)
        else:
            d = len(layout.numbers)
            numbers = self._blank_numbers(state, "energy.numbers", k, d) if d else None
            components = WordComponents.blank(layout, numbers, k).to(next(iter(state.values())))
        return FreeEnergy(components, Exhaustive(), float(self.beta))

    def _blank_numbers(
        self, state: dict[str, Tensor], prefix: str, k: int, d: int
    ) -> GaussianComponents:
        means = held(state, f"{prefix}.means", k, d)
        several = self.n_pooled > 1
        if self.covariance_type in ("full", "tied"):
            shared = self.covariance_type == "tied" and not several
            factor = held(state, f"{prefix}.lower", 1 if shared else k, d, d)
            covariances = torch.eye(d).to(means).expand_as(factor)
        else:
            one = self.covariance_type == "spherical" and not several
            covariances = torch.ones_like(
                held(state, f"{prefix}.log_precision", k, 1 if one else d)
            )
        weights = torch.full_like(means[:, 0], 1 / k)
        return build(means, weights, covariances, self.covariance_type)


def _weights_of(energy: FreeEnergy) -> Tensor:
    latent = energy.energy
    assert isinstance(latent, (GaussianComponents, WordComponents))
    return latent.weights
