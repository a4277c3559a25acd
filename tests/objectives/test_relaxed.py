"""The best code, and a little of all others."""

import numpy as np
import pytest
import torch

from thalweg.core import Batch, InputError
from thalweg.energies import Affine, GaussianNoise, Normal, Reconstruction
from thalweg.latents import Exhaustive, FreeEnergy, Gaussian, GaussianEncoder, OneHot
from thalweg.objectives import RelaxedPushDown, VariationalBound

POINTS = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 5.0]])


@pytest.fixture
def energy():
    return FreeEnergy(Reconstruction(Affine(POINTS), OneHot(3)), Exhaustive())


@pytest.fixture
def y():
    return torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))


def test_it_is_the_minimum_and_a_share_of_the_mean(energy, y):
    every = (y - POINTS[:, None]).square().sum(dim=2)
    for share in (0.0, 0.3):
        found = RelaxedPushDown(share)(energy, Batch(y), torch.Generator().manual_seed(1)).value
        expected = (1 - share) * every.amin(dim=0).mean() + share * every.mean()
        # one code for each row is drawn: its spread over rows and codes
        error = share * float(every.std()) / np.sqrt(len(y))
        assert abs(float(found.detach()) - float(expected)) <= 5 * error + 1e-4


def test_it_begins_with_all_and_comes_down(energy):
    y = torch.zeros(1, 2)
    objective = RelaxedPushDown(0.1, over=4)
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(7):
        # the best code costs nothing here
        shares.append(float(objective(energy, Batch(y), generator).value.detach()))
    of = {0.0, 9.0, 25.0}
    for value, share in zip(shares, (1.0, 0.75, 0.5, 0.25, 0.1, 0.1, 0.1), strict=True):
        assert min(abs(value - share * each) for each in of) < 1e-4
    assert max(shares[:4]) > max(shares[4:])
    again = RelaxedPushDown(0.1, over=4)
    again.load_state_dict(objective.state_dict())
    assert int(again.steps) == 7


def test_what_it_cannot_use_is_named():
    with pytest.raises(InputError, match="share must be at least 0 and below 1, got 1"):
        RelaxedPushDown(1.0)
    with pytest.raises(InputError, match="no list of codes"):
        RelaxedPushDown()(Normal(torch.zeros(2)), Batch(torch.ones(1, 2)), torch.Generator())


def test_a_variational_bound_is_given_x():
    class Both(torch.nn.Module):
        """An encoder: of rows of one number the mean is y, the log deviation x."""

        def forward(self, one, other):
            return torch.cat([one, other], dim=1)

    class Sum(torch.nn.Module):
        """A decoder: z + x."""

        def forward(self, one, other):
            return one + other

    cost = GaussianNoise(1.0)
    energy = FreeEnergy(Reconstruction(Sum(), Gaussian(1), cost), GaussianEncoder(Both(), 1))
    y, x = torch.tensor([[0.5]]).expand(50_000, -1), torch.tensor([[-1.0]]).expand(50_000, -1)
    found = VariationalBound()(energy, Batch(y, x), torch.Generator().manual_seed(0)).value
    spread = np.exp(-1.0)
    # E of (y - z - x)^2 / 2, where z is normal about y, and the divergence from the prior
    expected = 0.5 * (spread**2 + 1.0) + np.log(2 * np.pi) / 2
    expected += 0.5 * (spread**2 + 0.25 - 1) + 1.0
    assert abs(float(found.detach()) - expected) < 5 * (spread + spread**2) / np.sqrt(50_000)
