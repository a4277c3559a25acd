"""The restricted Boltzmann machine as an estimator."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
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
from thalweg.data.rows import binary_columns, first_not_binary
from thalweg.energies import GaussianRestrictedBoltzmann, Rescaled, RestrictedBoltzmann
from thalweg.energies.inside import boltzmann_of
from thalweg.energies.mixed_boltzmann import MixedRestrictedBoltzmann, RescaledMachine
from thalweg.estimators.base.loading import held, units_of
from thalweg.estimators.tables.chains import ChainSampledModel, LikelihoodMixin
from thalweg.estimators.tables.model import CodesMixin
from thalweg.estimators.tables.sparse import TakesSparse
from thalweg.objectives import Objective
from thalweg.objectives.by_name import FOR_BOLTZMANN
from thalweg.objectives.imputed import without_imputation
from thalweg.questions.log_normalizer import annealed_boltzmann
from thalweg.samplers import BlockGibbs, LogZ, Sampler
from thalweg.training import Recipe
from thalweg.training.learn import averaging
from thalweg.training.start import Start, Units

WITH_REAL_UNITS = ("persistent-contrastive-divergence", "contrastive-divergence")


class BernoulliRBM(TakesSparse, LikelihoodMixin, CodesMixin, ChainSampledModel):
    r"""A restricted Boltzmann machine: binary hidden units, summed out of the energy.

    .. math::
        F(y) = -a^T y - \sum_j \log(1 + e^{b_j + (y^T W)_j}), \qquad p(y) = e^{-F(y)} / Z

    Visible units are binary, or real numbers with Gaussian noise (such columns are standardized
    inside), or some of each: E is then the sum of both kinds' terms. Codes are the probabilities of
    the hidden units.

    Hidden (NaN) entries of training rows are drawn given the visible ones, by Gibbs steps that go
    on, so that the likelihood of what is visible is made large. Those of rows that are asked about
    are summed (of real numbers, integrated) out, in the energy and in the codes: exactly where 12
    units of the hidden layer, or 10 hidden bits of a row, are to be listed at most; else by
    annealed importance sampling with random numbers that are always the same. Of bits alone a row
    never has more energy than any filling of it. A sparse matrix of scipy is made dense piece by
    piece.

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
        "Kind of visible units; 'auto' takes binary for each column whose entries are all 0 or 1.",
        Choice(("auto", "binary", "gaussian")),
        default="auto",
    )
    k: int = parameter(
        "Gibbs steps of a chain in each step of training.", Integer(1, high=10_000), default=5
    )
    n_steps: int = changed(default=5000)
    learning_rate: float = changed(default=0.005)

    energy_: RestrictedBoltzmann | RescaledMachine = learned()
    objective_: Objective = learned("As it was after training. Not saved.")

    _imputes = True

    def _units(self, rows: Rows, summary: Summary) -> Units | None:
        """Bits are as they are; None where there are bits alone."""
        bits = self._bits(rows)
        if bits.all():
            return None
        if self.objective not in WITH_REAL_UNITS:
            other = "gaussian" if not bits.any() else "gaussian in part"
            raise InputError(
                f"BernoulliRBM: objective={self.objective!r} is for binary units, and these are "
                f"{other}; expected one of {WITH_REAL_UNITS}, or X of 0 and 1"
            )
        units = super()._units(rows, summary)
        assert units is not None
        binary = torch.from_numpy(bits)
        return units._replace(
            shift=units.shift.masked_fill(binary, 0), scale=units.scale.masked_fill(binary, 1)
        )

    def _bits(self, rows: Rows) -> NDArray[np.bool_]:
        """Which visible units are binary: (d,)."""
        if self.visible == "gaussian":
            return np.zeros(rows.n_columns, bool)
        if self.visible == "binary":
            self._refuse_not_binary(
                rows, "for visible='binary' (visible='gaussian' takes any number)"
            )
        return binary_columns(rows)

    def _refuse_not_binary(self, rows: Rows, why: str) -> None:
        other = first_not_binary(rows)
        if other is not None:
            row, column, value = other
            raise InputError(
                f"BernoulliRBM: row {row}, column {self._name_of(column)} is {value:g}; expected 0 "
                f"or 1 {why}"
            )

    def _is_scaled(self) -> bool:
        # bits, and the indicators of words, stay what they are; the machine has units for others
        return False

    def _units_before(self, rows: Rows) -> Units | None:
        if isinstance(self.energy_, RestrictedBoltzmann):
            self._refuse_not_binary(rows, "as all rows before were")
        return super()._units_before(rows)

    def _initial(self, start: Start) -> Energy:
        self._keep(start)
        d, generator = start.source.n_columns, start.seeds.model
        bits = torch.from_numpy(self._bits(cast(Rows, start.source)))
        if not bool(bits.any()):
            return self._energy(d, generator)
        # visible biases at the rate of each bit: the hidden units have only the rest to say
        rate = torch.from_numpy(start.source.summary().mean).clamp(0.001, 0.999).float()
        hidden = torch.zeros(self.n_components)
        if start.units is None:
            return RestrictedBoltzmann(self._weights(d, generator), torch.logit(rate), hidden)
        weights = torch.where(bits, 1, 10)[:, None] * self._weights(d, generator)
        bias = torch.where(bits, torch.logit(rate), 0)
        return MixedRestrictedBoltzmann(weights, bias, hidden, torch.zeros(d), bits)

    def _energy(self, d: int, generator: torch.Generator) -> GaussianRestrictedBoltzmann:
        weights, hidden = 10 * self._weights(d, generator), torch.zeros(self.n_components)
        return GaussianRestrictedBoltzmann(weights, torch.zeros(d), hidden, torch.zeros(d))

    def _weights(self, d: int, generator: torch.Generator) -> Tensor:
        return 0.01 * torch.randn(d, self.n_components, generator=generator)

    def _in_units(self, energy: Energy, units: Units | None) -> Energy:
        if units is None:
            return energy
        assert isinstance(energy, GaussianRestrictedBoltzmann)
        return RescaledMachine(energy, units.shift, units.scale)

    def _objective(self, sample: Tensor) -> Objective:
        return FOR_BOLTZMANN[self.objective](self.k, self.batch_size)

    def _recipe(self, start: Start) -> Recipe:
        return replace(super()._recipe(start), average=averaging(self.n_steps))

    def _finish(self, start: Start, energy: Energy, objective: Objective) -> None:
        self.objective_ = without_imputation(objective)

    def _chain(self) -> Sampler | None:
        # the default is for real numbers
        return BlockGibbs() if self.energy_.space != "real" else None

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

    def _blank(self, state: dict[str, Tensor]) -> RestrictedBoltzmann | RescaledMachine:
        d, k = self._width, self.n_components
        binary = "weights" in state
        lengths = {"weights": (d, k), "visible_bias": (d,), "hidden_bias": (k,)}
        prefix = "" if binary else "energy."
        w, a, b = (held(state, prefix + name, *shape) for name, shape in lengths.items())
        if binary:
            return RestrictedBoltzmann(w, a, b)
        log_sigma = held(state, "energy.log_sigma", d)
        machine = GaussianRestrictedBoltzmann(w, a, b, log_sigma)
        if "energy.bits" in state:
            bits = held(state, "energy.bits", d)
            machine = MixedRestrictedBoltzmann(w, a, b, log_sigma, bits)
        units = units_of(state, d)
        return RescaledMachine(machine, units.shift, units.scale)
