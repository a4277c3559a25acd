"""Learning to predict what is hidden where it is embedded, without collapse."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.energies import EmbeddedPrediction
from thalweg.objectives.base import Objective, loss_of
from thalweg.objectives.relaxed import RelaxedPushDown
from thalweg.objectives.spread import Spread
from thalweg.pretext import Hiding, Shaped


class JointPrediction(Objective):
    r"""The embedding of what is hidden, predicted from that of what is visible and a code.

    .. math::
        \frac{\lambda}{m} \min_z \| s_y - g(s_x, z) \|^2 + S(s_x) + S(s_y) + S(s)

    with s_x, s_y and s the embeddings of the visible part, of the hidden part and of the whole of
    each row, and S what keeps those of a batch apart (:class:`Spread`): without it one point would
    do for all. The same place is hidden in all rows of a batch: were it another in each, embeddings
    that say where, and nothing of what, would be apart and predicted. Rows of which nothing visible
    was hidden, or everything, are left out. At first all codes learn together
    (:class:`RelaxedPushDown`).

    Parameters
    ----------
    hiding : Hiding, or Shaped around one
        What is hidden.
    spread : Spread
        S.
    prediction : float, default 25
        lambda.
    share, over
        Of :class:`RelaxedPushDown`.

    References
    ----------
    LeCun, "A path towards autonomous machine intelligence" (2022), section 4.4; Assran, Duval,
    Misra, Bojanowski, Vincent, Rabbat, LeCun, Ballas, "Self-supervised learning from images with a
    joint-embedding predictive architecture" (2023).
    """

    def __init__(
        self,
        hiding: Hiding | Shaped,
        spread: Spread,
        prediction: float = 25.0,
        share: float = 0.01,
        over: int = 0,
    ) -> None:
        super().__init__()
        self.hiding, self.spread, self.prediction = hiding, spread, prediction
        self.push_down = RelaxedPushDown(share, over)

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if not isinstance(energy, EmbeddedPrediction):
            raise InputError(
                f"JointPrediction: {type(energy).__name__} does not predict embeddings; expected "
                "an EmbeddedPrediction"
            )
        given, hidden, whole = self.parts(batch.y, generator)
        if len(given) < 2:
            # what an epoch leaves over: nothing can be said of its spread
            nothing = 0 * energy.embed(batch.y).sum()
            return loss_of(nothing, prediction=nothing, spread=nothing)
        found = energy.embed(torch.cat([given, hidden, whole]))
        s_x, s_y, _ = parts = found.chunk(3)
        apart = self.push_down(energy.prediction, Batch(s_y, s_x), generator).value / s_y.shape[1]
        spread = torch.stack([self.spread(part, generator) for part in parts]).sum()
        return loss_of(self.prediction * apart + spread, prediction=apart, spread=spread)

    def parts(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The visible and the hidden part of rows, each with NaN for the other, and both."""
        asked = self.hiding(torch.zeros_like(y[:1]), generator).asked & ~y.isnan()
        some = asked.any(dim=1) & (~asked & ~y.isnan()).any(dim=1)
        given, hidden = (torch.where(part, torch.nan, y)[some] for part in (asked, ~asked))
        return given, hidden, y[some]
