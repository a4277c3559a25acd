"""The restricted Boltzmann machine as an estimator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from thalweg.core import (
    Batch,
    Choice,
    Constraint,
    Device,
    InputError,
    Integer,
    Real,
    Seed,
    generator_from,
)
from thalweg.data import Rows, Summary
from thalweg.energies import (
    GaussianRestrictedBoltzmann,
    Rescaled,
    RestrictedBoltzmann,
)
from thalweg.estimators.base import CodesMixin, EnergyEstimator
from thalweg.estimators.chains import ChainSamplesMixin
from thalweg.estimators.networks import averaging, fit_rows, seeds, units
from thalweg.estimators.parts import boltzmann_of
from thalweg.objectives import (
    ContrastiveDivergence,
    EveryState,
    FromChains,
    FromData,
    MaximumLikelihood,
    MinimumProbabilityFlow,
    Objective,
    PseudoLikelihood,
    RatioMatching,
)
from thalweg.samplers import BlockGibbs, LogZ, Sampler, annealed_importance
from thalweg.training import Hardware, Run

OBJECTIVES: dict[str, Callable[[int, int], Objective]] = {
    "persistent-contrastive-divergence": lambda k, n: ContrastiveDivergence(
        FromChains(BlockGibbs(), k, size=max(2048, n), reseeded=0.0, kick=0.0)
    ),
    "contrastive-divergence": lambda k, n: ContrastiveDivergence(FromData(BlockGibbs(), k)),
    "pseudo-likelihood": lambda k, n: PseudoLikelihood(),
    "ratio-matching": lambda k, n: RatioMatching(),
    "minimum-probability-flow": lambda k, n: MinimumProbabilityFlow(),
    "maximum-likelihood": lambda k, n: MaximumLikelihood(EveryState()),
}
WITH_REAL_UNITS = ("persistent-contrastive-divergence", "contrastive-divergence")


class BernoulliRBM(ChainSamplesMixin, CodesMixin, EnergyEstimator):
    r"""A restricted Boltzmann machine: binary hidden units, summed out of the energy.

    .. math::
        F(y) = -a^T y - \sum_j \log(1 + e^{b_j + (y^T W)_j}), \qquad p(y) = e^{-F(y)} / Z

    Visible units are binary, or real numbers with Gaussian noise (then columns are standardized
    inside). Codes are the probabilities of the hidden units. Rows have to be complete; ``complete``
    fills hidden entries.

    Parameters
    ----------
    n_components : int, default 64
        Hidden units.
    objective : str, default "persistent-contrastive-divergence"
        Or "contrastive-divergence"; of binary units also "pseudo-likelihood", "ratio-matching",
        "minimum-probability-flow", "maximum-likelihood" (all states listed, 20 columns at most).
    visible : {"auto", "binary", "gaussian"}, default "auto"
        Kind of visible units; "auto" takes binary where all entries are 0 or 1.
    k : int, default 5
        Gibbs steps of a chain in each step of training.
    n_steps : int, default 5000
        Gradient steps, one batch each.
    batch_size : int, default 128
    learning_rate : float, default 0.005
        Of Adam, at its highest.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0
        Above 0, a progress bar on standard error with the monitors.

    Attributes
    ----------
    energy_ : RestrictedBoltzmann or Rescaled
    objective_ : Objective
        As it was after training. Not saved.
    history_ : History
        Loss and monitors of every step. Not saved.
    starts_ : array
        Training rows that chains and completions start from.

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

    parameters: ClassVar[dict[str, Constraint]] = {
        "n_components": Integer(1),
        "objective": Choice(tuple(OBJECTIVES)),
        "visible": Choice(("auto", "binary", "gaussian")),
        "k": Integer(1),
        "n_steps": Integer(1),
        "batch_size": Integer(1),
        "learning_rate": Real(0, above=True),
        "random_state": Seed(),
        "device": Device(),
        "verbose": Integer(0),
    }
    _hidden_in_fit = False
    _hidden_in_questions = False

    def __init__(
        self,
        n_components: int = 64,
        *,
        objective: str = "persistent-contrastive-divergence",
        visible: str = "auto",
        k: int = 5,
        n_steps: int = 5000,
        batch_size: int = 128,
        learning_rate: float = 0.005,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.objective = objective
        self.visible = visible
        self.k = k
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: None = None, *, run: Run | None = None) -> Self:
        """Train on the rows of X (n, n_features), complete ones.

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        rows, summary = self._begin(X)
        binary = self._is_binary(rows)
        if not binary and self.objective not in WITH_REAL_UNITS:
            raise InputError(
                f"BernoulliRBM: objective={self.objective!r} is for binary units, and these are "
                f"gaussian; expected one of {WITH_REAL_UNITS}, or X of 0 and 1"
            )
        hardware = Hardware(str(Device.resolve(self.device)))
        device = hardware.device
        found = seeds(self.random_state, hardware)
        self._keep(rows, found.model)
        energy = self._start(summary, binary, found.model).to(device)
        shift, scale = (each.to(device) for each in units(summary))

        def take(index: Any) -> Batch:
            part = torch.from_numpy(rows.take(index)).to(shift)
            return Batch((part if binary else (part - shift) / scale).float())

        objective = OBJECTIVES[self.objective](self.k, self.batch_size).to(device)
        some = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:4096]
        objective.begin(energy, take(some.numpy()).y, found.noise)
        self.history_ = fit_rows(
            self, energy, objective, rows, take, hardware, found, run,
            average=averaging(self.n_steps),
        )  # fmt: skip
        self.objective_ = objective
        wrapped = energy if binary else Rescaled(energy, shift, scale)
        self.energy_ = wrapped.to(rows.torch_dtype).eval()
        return self

    def _is_binary(self, rows: Rows) -> bool:
        if self.visible == "gaussian":
            return False
        for start, chunk in rows.chunks():
            other = (chunk != 0) & (chunk != 1)
            if other.any():
                if self.visible == "auto":
                    return False
                row, column = np.argwhere(other)[0]
                raise InputError(
                    f"BernoulliRBM: row {start + row}, column {self._name_of(int(column))} is "
                    f"{chunk[row, column]:g}; expected 0 or 1 for visible='binary' "
                    "(visible='gaussian' takes any number)"
                )
        return True

    def _start(
        self, summary: Summary, binary: bool, generator: torch.Generator
    ) -> RestrictedBoltzmann | GaussianRestrictedBoltzmann:
        d, k = len(summary.mean), self.n_components
        weights = 0.01 * torch.randn(d, k, generator=generator)
        if binary:
            # visible biases at the rate of each bit: the hidden units have only the rest to say
            rate = torch.from_numpy(summary.mean).clamp(0.001, 0.999).float()
            return RestrictedBoltzmann(weights, torch.logit(rate), torch.zeros(k))
        return GaussianRestrictedBoltzmann(
            10 * weights, torch.zeros(d), torch.zeros(k), torch.zeros(d)
        )

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
        log_z = self._log_z(machine, random_state, exact, n_steps, n_runs)
        # in the units of the rows
        shift = 0.0
        if isinstance(self.energy_, Rescaled):
            shift = float(self.energy_.scale.double().log().sum())
        return LogZ(log_z.value + shift, log_z.standard_error, log_z.log_weight)

    @torch.no_grad()
    def _log_z(
        self,
        machine: RestrictedBoltzmann | GaussianRestrictedBoltzmann,
        random_state: int | np.random.RandomState | None,
        exact: bool | None,
        n_steps: int,
        n_runs: int,
    ) -> LogZ:
        if exact is None or exact:
            known = machine.log_normalizer()
            if known is not None:
                return LogZ(float(known), 0.0, known.reshape(1))
            if exact:
                raise InputError(
                    f"BernoulliRBM: {self.n_components} hidden units and {self.n_features_in_} "
                    "visible ones; expected 20 or fewer of one of them for exact=True"
                )
        generator = generator_from(random_state, machine.weights.device)
        if isinstance(machine, RestrictedBoltzmann):
            rate = torch.from_numpy(self.starts_).double().mean(dim=0).clamp(0.01, 0.99)
            base = torch.logit(rate).to(machine.weights)
            return annealed_importance(
                machine, machine.untied(base), BlockGibbs(), n_steps, n_runs, generator,
                path=lambda beta: machine.tempered(beta, base),
            )  # fmt: skip
        return annealed_importance(
            machine, machine.untied(), BlockGibbs(), n_steps, n_runs, generator,
            path=machine.tempered,
        )  # fmt: skip

    def score(self, X: Any, y: None = None) -> float:
        """The mean log-likelihood of the rows, -F - log Z."""
        return float(self.score_samples(X).mean(dtype=np.float64)) - self.log_normalizer().value

    @property
    def _n_features_out(self) -> int:
        return self.n_components

    def _blank(self, state: dict[str, Tensor]) -> RestrictedBoltzmann | Rescaled:
        if "weights" in state:
            return RestrictedBoltzmann(
                state["weights"], state["visible_bias"], state["hidden_bias"]
            )
        names = ("weights", "visible_bias", "hidden_bias", "log_sigma")
        machine = GaussianRestrictedBoltzmann(*(state[f"energy.{name}"] for name in names))
        return Rescaled(machine, state["shift"], state["scale"])
