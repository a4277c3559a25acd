"""Generative latent optimization as an energy."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from thalweg.core import (
    Choice,
    Constraint,
    Device,
    InputError,
    Integer,
    Real,
    Seed,
    Sizes,
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
from thalweg.estimators.base import CodesMixin, EnergyEstimator, SamplesMixin
from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.networks import units
from thalweg.latents import Ball, Descent, FreeEnergy
from thalweg.training import adam, train
from thalweg.training.latent_codes import latent_codes_step, numbered_batches
from thalweg.training.principal import spectrum
from thalweg.training.progress import progress_bar


class GLO(CodesMixin, SamplesMixin, EnergyEstimator):
    r"""Generative latent optimization: a decoder, and one learned code in a ball for each row.

    .. math::
        E(y, z) = C(y, g(z)), \quad \|z\| \le 1, \qquad F(y) = \min_z E(y, z)

    The ball limits what the decoder can produce. Training learns the codes of the training rows
    with the decoder; codes of new rows are found by descent from several starts. NaN entries are
    hidden. Samples are what codes drawn from the ball decode to.

    Parameters
    ----------
    n_components : int, default 16
        Size of z.
    cost : {"squared", "laplacian"}, default "squared"
        C: the squared error, or for images the absolute difference at every scale, of which
        columns are then taken in their own units.
    image_shape : sequence of int, optional
        For laplacian: (height, width) or (height, width, channels) of a row.
    hidden : sequence of int, default (128,)
        Widths of the decoder's hidden layers.
    n_starts : int, default 4
        Starts of the descent for new rows: the origin and centers of the training codes.
    descent_iter : int, default 300
        Most steps of that descent.
    n_steps : int, default 3000
        Gradient steps, one batch each.
    batch_size : int, default 128
    learning_rate : float, default 0.002
        Of Adam, at its highest, for the decoder.
    code_learning_rate : float, default 0.01
        The same for the codes.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0
        Above 0, a progress bar on standard error.

    Attributes
    ----------
    energy_ : Rescaled
    codes_ : array (n, n_components)
        The learned codes of the training rows.
    history_ : History
        Loss of every step. Not saved.

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

    energy_: Rescaled
    parameters: ClassVar[dict[str, Constraint]] = {
        "n_components": Integer(1),
        "cost": Choice(("squared", "laplacian")),
        "image_shape": Sizes(none=True),
        "hidden": Sizes(),
        "n_starts": Integer(1),
        "descent_iter": Integer(1),
        "n_steps": Integer(1),
        "batch_size": Integer(1),
        "learning_rate": Real(0, above=True),
        "code_learning_rate": Real(0, above=True),
        "random_state": Seed(),
        "device": Device(),
        "verbose": Integer(0),
    }

    def __init__(
        self,
        n_components: int = 16,
        *,
        cost: str = "squared",
        image_shape: tuple[int, ...] | None = None,
        hidden: tuple[int, ...] = (128,),
        n_starts: int = 4,
        descent_iter: int = 300,
        n_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        code_learning_rate: float = 0.01,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.cost = cost
        self.image_shape = image_shape
        self.hidden = hidden
        self.n_starts = n_starts
        self.descent_iter = descent_iter
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.code_learning_rate = code_learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: None = None) -> Self:
        """Learn decoder and codes from the rows of X (n, n_features); NaN entries are hidden."""
        rows, summary = self._begin(X)
        seed = check_random_state(self.random_state).randint(0, 2**31 - 1)
        generator = torch.Generator().manual_seed(int(seed))
        device = Device.resolve(self.device)
        shift, scale = (each.to(device) for each in self._units(summary))
        codes = nn.Parameter(self._first_codes(rows, summary, generator).to(device))
        decoder = Perceptron((self.n_components, *self.hidden, rows.n_columns), generator=generator)
        inner = self._energy_at(decoder, None, rows.n_columns).to(device)
        optimizer, schedule = adam(
            [
                {"params": list(decoder.parameters()), "lr": self.learning_rate},
                {"params": [codes], "lr": self.code_learning_rate},
            ],
            self.n_steps,
        )
        with progress_bar("GLO", self.n_steps, self.verbose > 0) as progress:
            self.history_ = train(
                latent_codes_step(inner, codes, optimizer, schedule),
                numbered_batches(rows, shift, scale, self.batch_size, self.n_steps, generator),
                generator,
                progress=progress,
            )
        learned = codes.detach().cpu()
        starts = self._descent_starts(learned, int(seed))
        inner = self._energy_at(decoder, starts, rows.n_columns)
        kind = rows.torch_dtype
        self.energy_ = Rescaled(inner, shift, scale).to(device=device, dtype=kind).eval()
        self.codes_ = learned.to(kind).numpy()
        return self

    def _units(self, summary: Summary) -> tuple[Tensor, Tensor]:
        shift, scale = units(summary)
        if self.cost == "squared":
            return shift, scale
        # edges between pixels mean something only where all pixels have one unit
        size = math.sqrt(float(summary.variance.mean())) or 1.0
        return shift, torch.full_like(scale, size)

    def _first_codes(self, rows: Rows, summary: Summary, generator: torch.Generator) -> Tensor:
        """PCA codes, brought into the ball, and small noise where there are too few of them."""
        found = spectrum(rows, summary)
        k = min(self.n_components, len(found.directions))
        noise = torch.randn(len(rows), self.n_components, generator=generator)
        codes = 0.01 * noise
        at = 0
        for _, chunk in rows.chunks():
            projected = np.nan_to_num(chunk - summary.mean) @ found.directions[:k].T
            codes[at : at + len(chunk), :k] += torch.from_numpy(projected).float()
            at += len(chunk)
        largest = codes[:, :k].norm(dim=1).max().clamp_min(1e-12)
        return Ball(self.n_components).nearest(codes / largest)

    def _descent_starts(self, codes: Tensor, seed: int) -> Tensor:
        starts = torch.zeros(self.n_starts, self.n_components)
        distinct = len(np.unique(codes.numpy(), axis=0))
        centers = min(self.n_starts - 1, distinct)
        if centers > 0:
            clusters = KMeans(centers, random_state=seed, max_iter=20).fit(codes.numpy())
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

    def _energy_at(self, decoder: nn.Module, starts: Tensor | None, d: int) -> FreeEnergy:
        energy = Reconstruction(decoder, Ball(self.n_components), self._cost(d))
        return FreeEnergy(energy, Descent(self.n_starts, self.descent_iter, starts=starts))

    @property
    def _n_features_out(self) -> int:
        return self.n_components

    def _tensors(self) -> dict[str, Tensor]:
        return {"codes_": torch.from_numpy(self.codes_)}

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        d = len(state["shift"])
        decoder = Perceptron((self.n_components, *self.hidden, d), generator=torch.Generator())
        inner = self._energy_at(decoder, state["energy.solver.starts"], d)
        kind = state["shift"].dtype
        return Rescaled(inner, state["shift"], state["scale"]).to(kind).eval()
