"""Parts of a batch, one after the other, make the step of the whole."""

import pytest
import torch

from thalweg.core import Batch
from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.objectives import Objective
from thalweg.objectives.base import loss_of, mean_of
from thalweg.training import gradient_step


class Low(Objective):
    """The mean energy of the rows: no chance in it."""

    def forward(self, energy, batch, generator):
        value = mean_of(energy(batch.y), batch)
        return loss_of(value, twice=2 * value.detach())


def _after(count: int):
    energy = NetworkEnergy(Perceptron((3, 8, 1), generator=torch.Generator().manual_seed(0)))
    y = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    step = gradient_step(energy, Low(), torch.optim.SGD(energy.parameters(), 0.1), accumulate=count)
    loss = step(Batch(y), torch.Generator())
    return energy, loss


@pytest.mark.parametrize("count", [2, 3, 10, 99])
def test_parts_add_up(count):
    whole, loss = _after(1)
    parts, other = _after(count)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(loss.value.detach(), other.value)
    torch.testing.assert_close(loss.metrics["twice"], other.metrics["twice"])
