"""The restricted Boltzmann machine as an estimator."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from thalweg.core import (
    Choice,
    Energy,
    InputError,
    Integer,
    changed,
    generator_from,
    learned,
    parameter,
)
from thalweg.data import Rows, Summary
from thalweg.data.rows import first_not_binary
from thalweg.energies import GaussianRestrictedBoltzmann, Rescaled, RestrictedBoltzmann
from thalweg.energies.inside import boltzmann_of
from thalweg.estimators.base.loading import held, units_of
from thalweg.estimators.tables.chains import ChainSampledModel, LikelihoodMixin
from thalweg.estimators.tables.model import CodesMixin
from thalweg.estimators.tables.sparse import TakesSparse
from thalweg.objectives import Objective
from thalweg.objectives.by_name import FOR_BOLTZMANN
from thalweg.questions.log_normalizer import annealed_boltzmann
from thalweg.samplers import BlockGibbs, LogZ, Sampler
from thalweg.training import Recipe
from thalweg.training.fit import averaging
from thalweg.training.start import Start, Units

WITH_REAL_UNITS = ("persistent-contrastive-divergence", "contrastive-divergence")


class BernoulliRBM(TakesSparse, LikelihoodMixin, CodesMixin, ChainSampledModel):
    r"""A restricted Boltzmann machine: binary hidden units, summed out of the energy.

    .. math::
        F(y) = -a^T y - \sum_j \log(1 + e^{b_j + (y^T W)_j}), \qquad p(y) = e^{-F(y)} / Z

    Visible units are binary, or real numbers with Gaussian noise (then columns are standardized
    inside). Codes are the probabilities of the hidden units. Rows have to be complete; ``complete``
    fills hidden entries. A sparse matrix of scipy is made dense piece by piece.

    References
    ----------
    Smolensky (1986); Hinton (2002); Tieleman (2008); Salakhutdinov and Murray (2008) for log Z.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import BernoulliRBM
    >>> bit = np.random.default_rng(0).integers(0, 2, (300, 1))
    >>> X = np.repeat(bit, 4, axis=1).astype(float)
    >>> model = BernoulliRBM(2, n_steps=300, learning_rate=0.05, random_state=0).fit(X)
    >>> model.complete([[1.0, 1.0, 1.0, np.nan]])
    array([[1., 1., 1., 1.]])
    """

    n_components: int = parameter(
        "Hidden units.", Integer(1, high=1_000_000), default=64, kw_only=False
    )
    objective: str = parameter(
        "How it learns. All but the two kinds of contrastive divergence are for binary units; "
        "maximum likelihood lists all states, of 20 columns at most.",
        Choice(tuple(FOR_BOLTZMANN)),
        default="persistent-contrastive-divergence",
    )
    visible: str = parameter(
        "Kind of visible units; 'auto' takes binary where all entries are 0 or 1.",
        Choice(("auto", "binary", "gaussian")),
        default="auto",
    )
    k: int = parameter(
        "Gibbs steps of a chain in each step of training.", Integer(1, high=10_000), default=5
    )
    n_steps: int = changed(default=5000)
    learning_rate: float = changed(default=0.005)

    energy_: RestrictedBoltzmann | Rescaled = learned()
    objective_: Objective = learned("As it was after training. Not saved.")

    _hidden_in_fit = False
    _hidden_in_questions = False

    def _units(self, rows: Rows, summary: Summary) -> Units | None:
        """Binary units are as they are."""
        if self._is_binary(rows):
            return None
        if self.objective not in WITH_REAL_UNITS:
            raise InputError(
                f"BernoulliRBM: objective={self.objective!r} is for binary units, and these are "
                f"gaussian; expected one of {WITH_REAL_UNITS}, or X of 0 and 1"
            )
        return super()._units(rows, summary)

    def _is_binary(self, rows: Rows) -> bool:
        if self.visible == "gaussian":
            return False
        if self.visible == "binary":
            self._refuse_not_binary(
                rows, "for visible='binary' (visible='gaussian' takes any number)"
            )
        return first_not_binary(rows) is None

    def _refuse_not_binary(self, rows: Rows, why: str) -> None:
        other = first_not_binary(rows)
        if other is not None:
            row, column, value = other
            raise InputError(
                f"BernoulliRBM: row {row}, column {self._name_of(column)} is {value:g}; expected 0 "
                f"or 1 {why}"
            )

    def _units_before(self, rows: Rows) -> Units | None:
        if isinstance(self.energy_, RestrictedBoltzmann):
            self._refuse_not_binary(rows, "as all rows before were")
        return super()._units_before(rows)

    def _initial(self, start: Start) -> Energy:
        self._keep(start)
        d, generator = start.source.n_columns, start.seeds.model
        if start.units is not None:
            return self._energy(d, generator)
        # visible biases at the rate of each bit: the hidden units have only the rest to say
        rate = torch.from_numpy(start.source.summary().mean).clamp(0.001, 0.999).float()
        hidden = torch.zeros(self.n_components)
        return RestrictedBoltzmann(self._weights(d, generator), torch.logit(rate), hidden)

    def _energy(self, d: int, generator: torch.Generator) -> GaussianRestrictedBoltzmann:
        weights, hidden = 10 * self._weights(d, generator), torch.zeros(self.n_components)
        return GaussianRestrictedBoltzmann(weights, torch.zeros(d), hidden, torch.zeros(d))

    def _weights(self, d: int, generator: torch.Generator) -> Tensor:
        return 0.01 * torch.randn(d, self.n_components, generator=generator)

    def _objective(self, sample: Tensor) -> Objective:
        return FOR_BOLTZMANN[self.objective](self.k, self.batch_size)

    def _recipe(self, start: Start) -> Recipe:
        return replace(super()._recipe(start), average=averaging(self.n_steps))

    def _finish(self, start: Start, energy: Energy, objective: Objective) -> None:
        self.objective_ = objective

    def _chain(self) -> Sampler | None:
        # units of the energy inside do not matter to a binary machine
        return BlockGibbs() if isinstance(self.energy_, RestrictedBoltzmann) else None

    def log_normalizer(
        self,
        random_state: int | np.random.RandomState | None = 0,
        *,
        exact: bool | None = None,
        n_steps: int = 2000,
        n_runs: int = 256,
    ) -> LogZ:
        """log Z of exp(-F), with its standard error.

        Parameters
        ----------
        random_state : int, RandomState or None, default 0
        exact : bool, optional
            Whether to list the states of the smaller layer; by default where it has 20 units at
            most. Else by annealed importance sampling.
        n_steps, n_runs : int, default 2000 and 256
            Temperatures, and runs, of annealed importance sampling.
        """
        machine = copy.deepcopy(boltzmann_of(self.energy_)).double()
        with torch.no_grad():
            known = machine.log_normalizer() if exact is None or exact else None
        if known is not None:
            log_z = LogZ(float(known), 0.0, known.reshape(1))
        elif exact:
            raise InputError(
                f"BernoulliRBM: {self.n_components} hidden units and {self.n_features_in_} visible "
                "ones; expected 20 or fewer of one of them for exact=True"
            )
        else:
            generator = generator_from(random_state, machine.weights.device)
            rows = torch.from_numpy(self.starts_)
            log_z = annealed_boltzmann(machine, rows, generator, n_steps, n_runs)
        # in the units of the rows
        shift = 0.0
        if isinstance(self.energy_, Rescaled):
            shift = float(self.energy_.scale.double().log().sum())
        return LogZ(log_z.value + shift, log_z.standard_error, log_z.log_weight)

    @property
    def _n_features_out(self) -> int:
        return self.n_components

    def _blank(self, state: dict[str, Tensor]) -> RestrictedBoltzmann | Rescaled:
        d, k = self.n_features_in_, self.n_components
        binary = "weights" in state
        lengths = {"weights": (d, k), "visible_bias": (d,), "hidden_bias": (k,)}
        inside = {} if binary else {"log_sigma": (d,)}
        parts = [
            held(state, name if binary else f"energy.{name}", *shape)
            for name, shape in {**lengths, **inside}.items()
        ]
        if binary:
            return RestrictedBoltzmann(*parts)
        return units_of(state, d).around(GaussianRestrictedBoltzmann(*parts))
