"""What autoencoders as energies share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Batch, Constraint, Device, InputError, Integer, Real, Seed, Sizes
from thalweg.energies import Perceptron, Rescaled
from thalweg.estimators.base import CodesMixin, EnergyEstimator
from thalweg.estimators.networks import fit_rows, seeds, units
from thalweg.estimators.parts import reconstruction_of
from thalweg.latents import FreeEnergy
from thalweg.objectives import Objective, VectorQuantization
from thalweg.training import Hardware, Run

SHARED: dict[str, Constraint] = {
    "n_components": Integer(1),
    "hidden": Sizes(),
    "n_steps": Integer(1),
    "batch_size": Integer(1),
    "learning_rate": Real(0, above=True),
    "random_state": Seed(),
    "device": Device(),
    "verbose": Integer(0),
}

STARTS = 128
"""Training rows that ``complete`` may start from."""


class Autoencoder(CodesMixin, EnergyEstimator):
    """What the five share: an encoder f, a decoder g, and F(y) = E(y, f(y))."""

    energy_: Rescaled

    def __init__(
        self,
        n_components: int,
        hidden: tuple[int, ...],
        n_steps: int,
        batch_size: int,
        learning_rate: float,
        random_state: int | np.random.RandomState | None,
        device: str,
        verbose: int,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @abstractmethod
    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        """The energy of standardized rows of d columns, its networks at their start."""

    @abstractmethod
    def _objective(self) -> Objective:
        """What to bring down."""

    def fit(self, X: Any, y: None = None, *, run: Run | None = None) -> Self:
        """Train on the rows of X (n, n_features); NaN entries are hidden.

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        rows, summary = self._begin(X)
        hardware = Hardware(str(Device.resolve(self.device)))
        device = hardware.device
        found = seeds(self.random_state, hardware)
        generator = found.model
        shift, scale = (each.to(device) for each in units(summary))
        energy = self._model(rows.n_columns, generator).to(device)

        def take(index: Any) -> Batch:
            # the mean goes off in double: far from 0 single precision has little left
            return Batch(((torch.from_numpy(rows.take(index)).to(shift) - shift) / scale).float())

        sample = torch.randperm(len(rows), generator=generator)[:1024].numpy()
        objective = self._objective().to(device)
        if hardware.size > 1 and isinstance(objective, VectorQuantization):
            raise InputError(
                f"{type(self).__name__}: {hardware.size} processes, and the entries of a codebook "
                "that come back would differ between them; expected one process"
            )
        objective.begin(energy, take(sample).y, found.noise)
        some = rows.take(sample[:STARTS])
        self.starts_ = np.where(np.isnan(some), summary.mean, some).astype(rows.dtype)
        self.history_ = fit_rows(self, energy, objective, rows, take, hardware, found, run)
        kind = rows.torch_dtype
        self.energy_ = Rescaled(energy, shift, scale).to(kind).eval()
        return self

    def _fillings(self) -> Tensor:
        return torch.from_numpy(self.starts_).to(self._parameter())

    def _tensors(self) -> dict[str, Tensor]:
        return {"starts_": torch.from_numpy(self.starts_)}

    def _net(self, sizes: tuple[int, ...], generator: torch.Generator) -> Perceptron:
        return Perceptron(sizes, generator=generator)

    def _encoder(self, d: int, out: int, generator: torch.Generator) -> Perceptron:
        return self._net((d, *self.hidden, out), generator)

    def _decoder(self, d: int, generator: torch.Generator, code: int | None = None) -> Perceptron:
        size = self.n_components if code is None else code
        return self._net((size, *reversed(self.hidden), d), generator)

    @property
    def _n_features_out(self) -> int:
        return int(reconstruction_of(self.energy_).latent.shape[0])

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        energy = self._model(len(state["shift"]), torch.Generator())
        rescaled = Rescaled(energy, state["shift"], state["scale"])
        return rescaled.to(state["shift"].dtype).eval()
