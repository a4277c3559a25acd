"""A network as an energy, trained by any of the contrastive objectives or by score matching."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from thalweg.core import (
    Batch,
    Choice,
    Constraint,
    Device,
    Either,
    Energy,
    Given,
    InputError,
    Integer,
    OneOf,
    Real,
    Seed,
    Sizes,
    generator_from,
)
from thalweg.energies import (
    ImageNetwork,
    NetworkEnergy,
    NoiseConditional,
    Normal,
    Perceptron,
    Rescaled,
)
from thalweg.estimators.base import EnergyEstimator
from thalweg.estimators.chains import ChainSamplesMixin
from thalweg.estimators.networks import averaging, fit_rows, seeds, units
from thalweg.estimators.recipes import (
    LOG_SMALLEST,
    MOVES,
    OBJECTIVES,
    SAMPLERS,
    Ingredients,
)
from thalweg.objectives import DualScoreMatching, Lattice, Objective
from thalweg.samplers import HMC, LogZ, Sampler, annealed_importance
from thalweg.training import Hardware, Run

STIFFNESS = 0.1
"""Of the parabola that makes exp(-F) integrable; in units of standardized rows"""

DETAIL = 8.0
CLIP = 1.0
"""The default recipe: wide first layer, averaged parameters, bounded gradients."""

MOST_SUMMED = 2
LADDER, CHAINS = 200, 128


class EnergyDensity(ChainSamplesMixin, EnergyEstimator):
    r"""A network as the energy of a density, shaped by an objective of one's choice.

    .. math::
        p(y) = e^{-F(y)} / Z, \qquad F(y) = f(y) + \tfrac{k}{2} \|y\|^2

    Columns are standardized inside. By default the parameters end at their moving average and
    gradients are clipped, which is part of the recipe that lets every objective train unattended.
    Rows have to be complete; ``complete`` fills hidden entries. There are no codes.

    Parameters
    ----------
    objective : str or Objective, default "conditional-noise-contrastive"
        "maximum-likelihood", "contrastive-divergence", "persistent-contrastive-divergence",
        "noise-contrastive", "conditional-noise-contrastive", "info-nce", "hinge", "log",
        "square-square", "square-exponential", "score-matching", "sliced-score-matching",
        "denoising-score-matching", "dual-score-matching"; or an objective for standardized rows.
    sampler : str or Sampler, default "hmc"
        Of objectives with chains: "hmc", "mala", "langevin", "random-walk", or a sampler.
    hidden : sequence of int, default (128, 128, 128)
        Widths of the hidden layers.
    image_shape : sequence of int, optional
        (height, width) or (height, width, channels) of rows that are images; the network then
        has convolutions.
    n_steps : int, default 2000
        Gradient steps, one batch each.
    batch_size : int, default 256
    learning_rate : float, default 0.002
        Of Adam, at its highest.
    precision : {"no", "bf16", "fp16"}, default "no"
        Mixed precision.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0
        Above 0, a progress bar on standard error with the monitors.

    Attributes
    ----------
    energy_ : Rescaled
    objective_ : Objective
        As it was after training (log Z of noise contrastive estimation, chains). Not saved.
    history_ : History
        Loss and monitors of every step. Not saved.
    starts_ : array
        Training rows that chains and completions start from.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "A tutorial on energy-based learning" (2006); Song,
    Kingma, "How to train your energy-based models" (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import EnergyDensity
    >>> angle = np.random.default_rng(0).uniform(0, 6.3, 500)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> model = EnergyDensity(n_steps=150, hidden=(32, 32), random_state=0).fit(X)
    >>> bool(model.energy([[1.0, 0.0]])[0] < model.energy([[0.0, 0.0]])[0])
    True
    """

    parameters: ClassVar[dict[str, Constraint]] = {
        "objective": Either(Choice(tuple(OBJECTIVES)), OneOf(Objective)),
        "sampler": Either(Choice(tuple(SAMPLERS)), OneOf(Sampler)),
        "hidden": Sizes(),
        "image_shape": Sizes(none=True),
        "n_steps": Integer(1),
        "batch_size": Integer(1),
        "learning_rate": Real(0, above=True),
        "precision": Choice(("no", "bf16", "fp16")),
        "random_state": Seed(),
        "device": Device(),
        "verbose": Integer(0),
    }
    _hidden_in_fit = False
    _hidden_in_questions = False

    def __init__(
        self,
        objective: str | Objective = "conditional-noise-contrastive",
        *,
        sampler: str | Sampler = "hmc",
        hidden: tuple[int, ...] = (128, 128, 128),
        image_shape: tuple[int, ...] | None = None,
        n_steps: int = 2000,
        batch_size: int = 256,
        learning_rate: float = 0.002,
        precision: str = "no",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.objective = objective
        self.sampler = sampler
        self.hidden = hidden
        self.image_shape = image_shape
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.precision = precision
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: None = None, *, run: Run | None = None) -> Self:
        """Train on the rows of X (n, n_features), complete ones.

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        rows, summary = self._begin(X)
        hardware = Hardware(str(Device.resolve(self.device)), self.precision)
        device = hardware.device
        found = seeds(self.random_state, hardware)
        shift, scale = (each.to(device) for each in units(summary))
        energy = self._network(rows.n_columns, found.model).to(device)
        self._keep(rows, found.model)

        def take(index: Any) -> Batch:
            return Batch(((torch.from_numpy(rows.take(index)).to(shift) - shift) / scale).float())

        some = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:4096]
        sample = take(some.numpy()).y
        objective = self._made(sample).to(device)
        objective.begin(energy, sample, found.noise)
        self.history_ = fit_rows(
            self, energy, objective, rows, take, hardware, found, run,
            clip=CLIP, average=averaging(self.n_steps), precision=self.precision,
        )  # fmt: skip
        self.objective_ = objective
        self.energy_ = self._wrapped(energy, shift, scale).to(rows.torch_dtype).eval()
        return self

    def _made(self, sample: Tensor) -> Objective:
        if isinstance(self.objective, DualScoreMatching):
            raise InputError(
                "EnergyDensity: objective is a DualScoreMatching, and the energy has to know its "
                "scales; expected the word 'dual-score-matching'"
            )
        if isinstance(self.objective, Objective):
            # what it learns and remembers belongs to this fit
            return copy.deepcopy(self.objective)
        word = self.sampler if isinstance(self.sampler, str) else ""
        sampler = SAMPLERS[word]() if word else self.sampler
        assert isinstance(sampler, Sampler)
        made = Ingredients(sample, sampler, MOVES.get(word, 10), self.batch_size)
        return OBJECTIVES[self.objective](made)

    @property
    def _by_scale(self) -> bool:
        return self.objective == "dual-score-matching"

    def _network(self, d: int, generator: torch.Generator) -> Energy:
        if self.image_shape is not None:
            if math.prod(self.image_shape) != d or self._by_scale:
                raise InputError(
                    f"EnergyDensity: image_shape={self.image_shape!r} with {d} columns and "
                    f"objective={self.objective!r}; expected a shape with that product, and an "
                    "objective other than 'dual-score-matching'"
                )
            network: nn.Module = ImageNetwork(tuple(self.image_shape), generator=generator)
            return NetworkEnergy(network, STIFFNESS)
        sizes = (d + self._by_scale, *self.hidden, 1)
        network = Perceptron(sizes, generator=generator, detail=DETAIL)
        if self._by_scale:
            return NoiseConditional(network)
        return NetworkEnergy(network, STIFFNESS)

    def _wrapped(self, energy: Energy, shift: Tensor, scale: Tensor) -> Rescaled:
        if self._by_scale:
            energy = Given(energy, torch.full((1, 1), LOG_SMALLEST, device=shift.device))
        return Rescaled(energy, shift, scale)

    def log_normalizer(self, random_state: int | np.random.RandomState | None = 0) -> LogZ:
        """log Z of exp(-F) over rows in their own units, with its standard error.

        By a lattice of 512 points a side up to two columns, else by annealed importance sampling
        from a normal density as wide as the training rows.
        """
        start = self._fillings().double()
        generator = generator_from(random_state, start.device)
        energy = copy.deepcopy(self.energy_).double()
        if start.shape[1] <= MOST_SUMMED:
            lattice = Lattice(512 if start.shape[1] == 2 else 8192, 0.5, shifted=False)
            lattice.begin(start)
            points, log_weight = lattice(start, generator)
            with torch.no_grad():
                terms = log_weight - torch.cat([energy(part) for part in points.split(16384)])
            return LogZ(float(torch.logsumexp(terms, dim=0)), 0.0, terms)
        centered = start - start.mean(dim=0)
        covariance = centered.T @ centered / len(start)
        size = covariance.diagonal().mean()
        covariance += 1e-3 * size * torch.eye(len(covariance)).to(start)
        base = Normal(start.mean(dim=0), covariance)
        sampler = HMC(0.1 * float(size.sqrt()), n_steps=5)
        return annealed_importance(energy, base, sampler, LADDER, CHAINS, generator)

    def score(self, X: Any, y: None = None) -> float:
        """The mean log-likelihood of the rows, -F - log Z."""
        return float(self.score_samples(X).mean(dtype=np.float64)) - self.log_normalizer().value

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        energy = self._network(len(state["shift"]), torch.Generator())
        wrapped = self._wrapped(energy, state["shift"], state["scale"])
        return wrapped.to(state["shift"].dtype).eval()
