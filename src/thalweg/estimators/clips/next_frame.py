"""What comes next in a clip, with a latent variable for what nobody can know."""

from __future__ import annotations

import os
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import (
    Choice,
    Either,
    Energy,
    InputError,
    Integer,
    Nothing,
    Sizes,
    Switch,
    changed,
    check_memory,
    generator_from,
    learned,
    parameter,
    whole_number,
)
from thalweg.data import ClipsLike, Windows, as_clips, pixel_units
from thalweg.energies import (
    ClipShape,
    FrameNetwork,
    FramePrediction,
    FrameRecognition,
    GaussianNoise,
    Rescaled,
)
from thalweg.energies.by_place import ByPlace
from thalweg.energies.frame_prior import FramePrior
from thalweg.estimators.base.calibration import CalibratedMixin
from thalweg.estimators.base.loading import frame_size, units_of
from thalweg.estimators.base.several import several
from thalweg.estimators.base.training import GradientModel
from thalweg.estimators.clips.explaining import ExplainsClips
from thalweg.estimators.clips.model import ClipsMixin
from thalweg.latents import Exhaustive, FreeEnergy, Gaussian, GaussianEncoder, OneHot, OneHots
from thalweg.objectives import Objective, PushDown, RelaxedPushDown, VariationalBound
from thalweg.questions.blocks import in_blocks
from thalweg.questions.futures import decoded, draw_codes, futures, states, usual_codes
from thalweg.training import Run
from thalweg.training.start import Start, Units

SIGMA = 0.3
"""Where the noise's deviation starts, in pixels' own: so small that z is worth its price."""


WAYS = 16
"""Parts of the prior of a continuous z"""

APART = 0.25
"""Share of the steps after which codes are on their own."""


class NextFrame(ExplainsClips, CalibratedMixin, ClipsMixin, GradientModel):
    r"""The next frame of a clip: one blurred guess, or the several sharp ones that may come.

    .. math::
        E(x, y, z) = \frac{\|y - g(f(x), z)\|^2}{2\sigma^2}
        + d \log(\sigma\sqrt{2\pi}) + R(z \mid x), \qquad
        F(x, y) = \min_z E(x, y, z)

    x is the last few frames, y what follows. With ``latent=None`` there is no z: least squares,
    whose guess is the mean of what may come. A discrete z is one of ``n_components`` codes, found
    by trying all, with R = -log of how usual each is after x. A continuous z has a mixture of
    normal densities for its prior, which x settles, and an encoder of limited capacity that names
    it from x and y (a variational bound is trained, and F is E at the encoder's z). Frames are made
    by moving parts of the last one, and what no motion explains is added.

    References
    ----------
    Mathieu, Couprie, LeCun, "Deep multi-scale video prediction beyond mean square error" (2016),
    for the blur; Henaff, Zhao, LeCun, "Prediction under uncertainty with error-encoding networks"
    (2017), for the latent variable; Denton and Fergus, "Stochastic video generation with a learned
    prior" (2018), for the encoder.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from thalweg.data import turning_digits
    >>> from thalweg.estimators import NextFrame
    >>> digits = (15 * load_digits().images).astype("uint8")
    >>> clips = turning_digits(digits, 40, torch.Generator().manual_seed(0), size=16).frames
    >>> model = NextFrame(n_components=3, width=16, n_steps=20, random_state=0).fit(clips)
    >>> model.predict(clips[:2, :4]).shape, model.predict_all(clips[:2, :4], 3, steps=2).shape
    ((2, 1, 16, 16), (2, 3, 2, 16, 16))
    """

    latent: str | None = parameter(
        "Kind of z; None is least squares, without one.",
        Either(Choice(("discrete", "continuous")), Nothing()),
        default="discrete",
        kw_only=False,
    )
    n_components: int = parameter(
        "Codes, or dimensions of z.", Integer(1, high=100_000), default=16
    )
    places: int = parameter(
        "Parts of a frame, so many a side, each of which has a discrete code of its own: things "
        "that go different ways are then told apart.",
        Integer(1, high=1024),
        default=1,
    )
    context: int = parameter(
        "Frames that are given, of at least 8 x 8 pixels.", Integer(1, high=10_000), default=4
    )
    horizon: int = parameter(
        "Frames that are predicted at once.", Integer(1, high=10_000), default=1
    )
    width: int = parameter("Channels of the state.", Integer(2, high=65_536), default=48)
    reach: int = parameter(
        "Longest motion from frame to frame, in pixels.", Integer(0, high=256), default=4
    )
    n_steps: int = changed(default=2000, constraint=Integer(0))
    batch_size: int = changed(default=64)
    learning_rate: float = changed(default=0.005)

    about: ClassVar[str] = "clips"

    energy_: Rescaled = learned("F(x, y); ``energy_(y, x)``.")
    shape_: tuple[int, int, int] = learned(
        "(height, width, channels) of a frame.", saved=True, constraint=Sizes(length=3)
    )
    grey_: bool = learned(
        "Whether clips came without a dimension for channels.", saved=True, constraint=Switch()
    )

    def fit(
        self, X: ClipsLike | str | os.PathLike[str], y: None = None, *, run: Run | None = None
    ) -> Self:
        """Learn from clips (n, time, height, width[, channels]), or a list of single ones.

        A path is of a ``.npy`` file of them, or of a video. Every run of ``context + horizon``
        frames teaches. ``run`` says where checkpoints and logs go
        (:class:`thalweg.training.Run`).
        """
        self.check_parameters()
        rows = Windows(as_clips(X), self.context + self.horizon)
        summary = rows.summary("clips")
        self.shape_ = rows.shape
        self.grey_ = rows.grey
        self.n_features_in_ = int(np.prod(self.shape_))
        height, width, channels = self.shape_
        pixels = pixel_units(summary, (rows.length * height, width, channels))
        units = Units(*pixels, self.context * self.n_features_in_)
        self.energy_ = self._fitted(rows, units, run).eval()
        return self

    def _initial(self, start: Start) -> FreeEnergy:
        return self._energy(start.seeds.model)

    @torch.no_grad()
    def energy(self, X: ClipsLike, Y: ClipsLike | None = None) -> NDArray[np.floating]:
        """F of what follows, Y (n, horizon, ...), given X (n, context, ...): (n,).

        Without Y it is that of the last frames of X, given those before.
        """

        def question(x: Tensor, y: Tensor) -> Tensor:
            value: Tensor = self.energy_(y, x)
            return value

        return self._as_energies(in_blocks(question, *self._pair(X, Y)).cpu().numpy())

    @torch.no_grad()
    def infer(self, X: ClipsLike, Y: ClipsLike | None = None) -> NDArray[np.floating]:
        """z that explains what happened: (n, n_components), (n, 1) without a latent variable; with
        several places the codes of all of them, one after the other.

        Of codes the one of least E, of a continuous z the encoder's.
        X and Y are as those of ``energy``.
        """

        def question(x: Tensor, y: Tensor) -> Tensor:
            codes = self.energy_.codes(y, x)
            assert codes is not None
            return codes

        return np.asarray(in_blocks(question, *self._pair(X, Y)).cpu().numpy())

    @torch.no_grad()
    def reconstruct(self, X: ClipsLike, Y: ClipsLike) -> NDArray[np.floating]:
        """What follows X as the inferred z has it: how near the model can come, knowing Y."""
        x = self._given(X)
        z = torch.from_numpy(self.infer(X, Y)).to(x)
        return self._frames(decoded(self.energy_, z, x), (len(x), self.horizon))

    def predict(
        self,
        X: ClipsLike,
        steps: int | None = None,
        *,
        draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[np.floating]:
        """The frames that follow X (n, context, ...), of least energy: (n, steps, height, width).

        Parameters
        ----------
        X : array (n, context, height, width[, channels])
        steps : int, optional
            The horizon if not given. Beyond it predictions are taken for what happened.
        draws : int, optional
            m futures of each instead, (m, n, steps, ...): z is drawn from exp(-R(z | x)), for
            every frame anew; the noise of single pixels is not.
        random_state : int, RandomState or None, default None
            Of draws.
        """
        asked = several(draws, owner="predict")
        x = self._given(X)
        if not asked.asked:
            return self._rolled(x, usual_codes(self.energy_, x, 1), steps, None)[:, 0]
        generator = generator_from(random_state)
        each = (steps or self.horizon) * self.n_features_in_ + x.shape[1]
        check_memory(16 * len(x) * asked.fillings * each, f"predict: {asked.fillings} futures")
        again = x.repeat_interleave(asked.fillings, dim=0)
        z = draw_codes(self.energy_, again, generator).reshape(len(x), asked.fillings, -1)
        return np.ascontiguousarray(self._rolled(x, z, steps, generator).swapaxes(0, 1))

    def predict_all(
        self,
        X: ClipsLike,
        n: int,
        steps: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> NDArray[np.floating]:
        """n different futures of each: (rows, n, steps, height, width).

        They begin with the n codes of least R, the most usual first; of a continuous z, and of
        several places, with the most usual one and draws from exp(-R). Further on, z is drawn anew
        for every frame.

        Parameters
        ----------
        X : array (rows, context, height, width[, channels])
        n : int
            At most ``n_components`` where z is one code; 1 without a z.
        steps : int, optional
            The horizon if not given.
        random_state : int, RandomState or None, default 0
            Of the draws.
        """
        x = self._given(X)
        most = 1 if self.latent is None else self.n_components if self._ranked else None
        n = whole_number("predict_all: n", n)
        if most is not None and n > most:
            raise InputError(
                f"predict_all: n={n} futures; expected 1 to {most}"
                + (" (n_components)" if self.latent else " without a latent variable")
            )
        generator = generator_from(random_state)
        z = usual_codes(self.energy_, x, n)
        if not self._ranked:
            again = x.repeat_interleave(n, dim=0)
            drawn = draw_codes(self.energy_, again, generator).reshape(z.shape)
            z = torch.cat([z[:, :1], drawn[:, 1:]], dim=1)
        return self._rolled(x, z, steps, generator)

    @torch.no_grad()
    def transform(self, X: ClipsLike) -> NDArray[np.floating]:
        """f(x), the state that predictions are made from: (n, channels of it, laid flat)."""
        return np.asarray(states(self.energy_, self._given(X)).cpu().numpy())

    @property
    def _ranked(self) -> bool:
        """Whether z has a list, by how usual its values are."""
        return self.latent != "continuous" and self.places == 1

    def _begun(self, start: Start, energy: Energy) -> Objective:
        if self.latent is None:
            return PushDown()
        if self.latent == "continuous":
            return VariationalBound()
        return RelaxedPushDown(over=int(APART * self.n_steps))

    def _rolled(
        self, x: Tensor, z: Tensor, steps: int | None, generator: torch.Generator | None
    ) -> NDArray[np.floating]:
        """Futures that begin with codes z (rows, n, k): (rows, n, steps, ...)."""
        steps = self.horizon if steps is None else whole_number("steps", steps)
        every = futures(self.energy_, x, z, -(-steps // self.horizon), generator)
        return self._frames(every, (*z.shape[:2], -1))[:, :, :steps]

    def _energy(self, generator: torch.Generator, learned_prior: bool = True) -> FreeEnergy:
        height, width, channels = self.shape_
        shape = ClipShape(height, width, channels, self.context, self.horizon)
        codes = 1 if self.latent is None else self.n_components
        apart = self.latent == "discrete" and self.places > 1
        places = (self.places, self.places) if apart else (1, 1)
        network = FrameNetwork(shape, codes, self.width, self.reach, generator, places)
        if apart:
            every = OneHots(codes, self.places**2)
            return FreeEnergy(FramePrediction(network, every, GaussianNoise(SIGMA)), ByPlace())
        if self.latent == "continuous":
            prior = FramePrior(shape, codes, WAYS, self.width, generator) if learned_prior else None
            energy = FramePrediction(network, Gaussian(codes), GaussianNoise(SIGMA), prior)
            recognition = FrameRecognition(shape, 2 * codes, self.width, generator)
            return FreeEnergy(energy, GaussianEncoder(recognition, codes))
        return FreeEnergy(
            FramePrediction(network, OneHot(codes), GaussianNoise(SIGMA)), Exhaustive()
        )

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        d = frame_size(self.shape_, self.n_features_in_)
        units = units_of(state, self.horizon * d, self.context * d)
        # in version 0.1.0 the prior of a continuous z was a normal one
        learned_prior = any(".prior." in name for name in state)
        return units.around(self._energy(torch.Generator(), learned_prior))
