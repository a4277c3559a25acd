"""Autoencoders that bring back what was spoiled."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Batch, Choice, Constraint, Device, Energy, InputError, Levels
from thalweg.energies import MaskedPrediction, Perceptron, Reconstruction, Rescaled
from thalweg.estimators.autoencoder import SHARED, Autoencoder
from thalweg.estimators.base import EnergyEstimator
from thalweg.estimators.chains import ChainSamplesMixin
from thalweg.estimators.networks import fit_rows, seeds, units, usual_errors
from thalweg.latents import Encoder, Flat, FreeEnergy
from thalweg.objectives import Denoising, Objective
from thalweg.pretext import AddedNoise, Corruption, Masked, MaskingNoise, SaltAndPepper
from thalweg.training import Hardware, Run

DETAIL = 3.0
FEW = 8


class DenoisingAutoencoder(ChainSamplesMixin, Autoencoder):
    r"""A denoising autoencoder: spoiled rows are mapped back to what they were.

    .. math::
        F(y) = \|y - g(f(y))\|^2, \quad \text{trained on} \quad \|y - g(f(\tilde y))\|^2

    The energy is low on the data and grows about quadratically with the distance from them, as far
    as the noise reaches; :math:`g(f(y)) - y` points back. Noise keeps the code from passing
    everything through, so codes may be wider than rows. NaN entries are hidden. ``sample`` walks in
    exp(-F / 2 s^2) with s the error that is left per entry after denoising.

    Parameters
    ----------
    n_components : int, default 64
        Size of z.
    corruption : {"gaussian", "masking", "salt-and-pepper"}, default "gaussian"
        Noise added to all entries; some entries set to 0 (the mean); some set to two standard
        deviations up or down.
    noise : float or sequence of float, default 0.3
        Standard deviation of Gaussian noise, in those of the columns; of several, each row has one
        at random. For the others the share of entries, below 1, one number.
    hidden : sequence of int, default (128,)
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    n_steps : int, default 3000
    batch_size : int, default 128
    learning_rate : float, default 0.002
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : Rescaled
    beta_ : float
        1 / 2 s^2, the inverse temperature of ``sample``.
    history_ : History
        Loss of every step. Not saved.
    starts_ : array
        Training rows that chains and completions start from.

    References
    ----------
    Vincent, Larochelle, Bengio, Manzagol (2008); Alain and Bengio, "What regularized auto-encoders
    learn from the data-generating distribution" (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import DenoisingAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(300, 1)) * [[1.0, 2.0]]
    >>> model = DenoisingAutoencoder(8, n_steps=300, random_state=0).fit(X)
    >>> bool(model.energy([[1.0, 2.0]])[0] < model.energy([[1.0, -2.0]])[0])
    True
    """

    parameters: ClassVar[dict[str, Constraint]] = SHARED | {
        "corruption": Choice(("gaussian", "masking", "salt-and-pepper")),
        "noise": Levels(),
    }

    def __init__(
        self,
        n_components: int = 64,
        *,
        corruption: str = "gaussian",
        noise: float | tuple[float, ...] = 0.3,
        hidden: tuple[int, ...] = (128,),
        n_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_components, hidden, n_steps, batch_size, learning_rate, random_state, device, verbose
        )
        self.corruption = corruption
        self.noise = noise

    def fit(self, X: Any, y: None = None, *, run: Run | None = None) -> Self:
        super().fit(X, run=run)
        error = float(np.mean([float(m["error"]) for m in self.history_.metrics[-100:]]))
        self.beta_ = 0.5 / max(error, 1e-6)
        self.energy_.beta = self.beta_
        return self

    def _corruption(self) -> Corruption:
        noise = self.noise
        if self.corruption == "gaussian":
            return AddedNoise(noise)
        if not isinstance(noise, (int, float)) or not noise < 1:
            raise InputError(
                f"DenoisingAutoencoder: noise must be one share below 1 for "
                f"corruption={self.corruption!r}, got {noise!r}"
            )
        kind = MaskingNoise if self.corruption == "masking" else SaltAndPepper
        return kind(float(noise))

    def _model(self, d: int, generator: torch.Generator) -> FreeEnergy:
        k = self.n_components
        network = Perceptron((d, *self.hidden, k), generator=generator, detail=DETAIL)
        decoder = self._decoder(d, generator)
        return FreeEnergy(Reconstruction(decoder, Flat(k)), Encoder(network))

    def _objective(self) -> Objective:
        return Denoising(self._corruption())

    def _facts(self) -> dict[str, Any]:
        return {"beta_": self.beta_}

    def _restore(self, state: dict[str, Tensor], tensors: dict[str, Tensor]) -> Self:
        super()._restore(state, tensors)
        self.energy_.beta = self.beta_
        return self


class MaskedAutoencoder(ChainSamplesMixin, EnergyEstimator):
    r"""A masked autoencoder for tables: every part of a row predicted from any others.

    .. math::
        F(y) = \sum_k \sum_{j \in S_k}
        \frac{(y_j - r_j(y_{\setminus S_k}))^2}{2 \sigma_j^2}, \quad \text{trained on} \quad
        \sum_{j \text{ hidden}} (y_j - r_j(y_{\text{visible}}))^2

    Trained with random entries hidden, few or many; the energy holds each of up to 16 sets of
    columns against what the others say of it, in units of the error that is usual there. NaN
    entries are hidden. There are no codes: what the network makes of a row depends on what it sees.

    Parameters
    ----------
    hidden : sequence of int, default (256, 256)
        Widths of the network's hidden layers.
    fraction : float or pair of float, default (0.1, 0.9)
        Share of entries hidden in training, or the range that it is drawn from, row by row.
    n_steps : int, default 4000
    batch_size : int, default 128
    learning_rate : float, default 0.002
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : Rescaled
    history_ : History
        Loss of every step. Not saved.
    starts_ : array
        Training rows that chains and completions start from.

    References
    ----------
    He, Chen, Xie, Li, Dollar, Girshick, "Masked autoencoders are scalable vision learners" (2022);
    Du et al., "ReMasker" (2024), for tables.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import MaskedAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(300, 1)) * [[1.0, 2.0]]
    >>> model = MaskedAutoencoder(n_steps=400, random_state=0).fit(X)
    >>> bool(abs(model.complete([[1.0, np.nan]])[0, 1] - 2) < 0.5)
    True
    """

    parameters: ClassVar[dict[str, Constraint]] = {
        **{k: v for k, v in SHARED.items() if k != "n_components"},
        "fraction": Levels(high=1.0),
    }

    def __init__(
        self,
        hidden: tuple[int, ...] = (256, 256),
        *,
        fraction: float | tuple[float, float] = (0.1, 0.9),
        n_steps: int = 4000,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.hidden = hidden
        self.fraction = fraction
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: None = None, *, run: Run | None = None) -> Self:
        """Train on the rows of X (n, n_features); NaN entries are hidden.

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        rows, summary = self._begin(X)
        if rows.n_columns < 2:
            raise InputError(
                "MaskedAutoencoder: X has 1 feature(s); expected at least 2, for each is predicted "
                "from the others"
            )
        hardware = Hardware(str(Device.resolve(self.device)))
        device = hardware.device
        found = seeds(self.random_state, hardware)
        shift, scale = (each.to(device) for each in units(summary))
        energy = self._network(rows.n_columns, found.model).to(device)
        self._keep(rows, found.model)
        self.starts_ = np.where(np.isnan(self.starts_), summary.mean, self.starts_).astype(
            rows.dtype
        )

        def take(index: Any) -> Batch:
            return Batch(((torch.from_numpy(rows.take(index)).to(shift) - shift) / scale).float())

        objective = Denoising(Masked(self.fraction))
        self.history_ = fit_rows(self, energy, objective, rows, take, hardware, found, run)
        energy.sigma = usual_errors(energy, rows, take)
        self.energy_ = Rescaled(energy, shift, scale).to(rows.torch_dtype).eval()
        return self

    def _fillings(self) -> Tensor:
        # few: the network's own filling is the best of them almost always
        return super()._fillings()[:FEW]

    def _network(self, d: int, generator: torch.Generator) -> MaskedPrediction:
        network = Perceptron((2 * d, *self.hidden, d), generator=generator)
        return MaskedPrediction(network, d)

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        energy: Energy = self._network(len(state["shift"]), torch.Generator())
        rescaled = Rescaled(energy, state["shift"], state["scale"])
        return rescaled.to(state["shift"].dtype).eval()
