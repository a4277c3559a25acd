"""Learning what two views of an item have in common, without collapse."""

from __future__ import annotations

import torch

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.energies import JointEmbedding
from thalweg.objectives.base import Objective, loss_of
from thalweg.objectives.spread import correlation, narrowness
from thalweg.pretext import Corruption


class VarianceCovariance(Objective):
    r"""Two views of each row mapped to one place, while the batch is kept spread out.

    .. math::
        \frac{\lambda}{n m} \sum_i F(x_i, y_i)
        + \sum_{v} \Bigl( \frac{\mu}{m} \sum_j \max(0, 1 - s_j)
        + \frac{\nu}{m} \sum_{j \neq k} C_{jk}^2 \Bigr)

    with s_j the standard deviation of component j of the embeddings over the batch and C their
    covariance. The low energy of pairs alone would be had by mapping everything to one point; the
    other two terms limit the room that has low energy.

    Parameters
    ----------
    corruption : Corruption
        Makes the two views, one draw each. A batch of one row has no spread and teaches nothing.
    invariance, variance, covariance : float, default 25, 25 and 1
        lambda, mu and nu.

    References
    ----------
    Bardes, Ponce, LeCun, "VICReg: variance-invariance-covariance regularization for
    self-supervised learning" (2022), equations 1 to 6.
    """

    def __init__(
        self,
        corruption: Corruption,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
    ) -> None:
        super().__init__()
        self.corruption = corruption
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if not isinstance(energy, JointEmbedding):
            raise InputError(
                f"VarianceCovariance: {type(energy).__name__} does not embed rows; expected a "
                "JointEmbedding"
            )
        if len(batch.y) < 2:
            # what an epoch leaves over: nothing can be said of its spread
            nothing = 0 * energy.embed(batch.y).sum()
            return loss_of(nothing, invariance=nothing, variance=nothing, covariance=nothing)
        one = energy.embed(self.corruption(batch.y, generator).y)
        other = energy.embed(self.corruption(batch.y, generator).y)
        apart = (one - other).square().mean()
        narrow = narrowness(one) + narrowness(other)
        joint = correlation(one) + correlation(other)
        value = self.invariance * apart + self.variance * narrow + self.covariance * joint
        return loss_of(value, invariance=apart, variance=narrow, covariance=joint)
