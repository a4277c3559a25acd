"""Two views in one place, the batch spread out."""

import numpy as np
import pytest
import torch

from thalweg.core import Batch, Energy, InputError
from thalweg.energies import Inpainter, JointEmbedding
from thalweg.objectives import VarianceCovariance
from thalweg.pretext import AddedNoise, Corrupted, Corruption


class Asis(Inpainter):
    """Entries stand for themselves."""

    def forward(self, shown):
        return self.represent(shown)

    def represent(self, shown):
        return shown[:, : shown.shape[1] // 2]


class Views(Corruption):
    """Two fixed views, by turns."""

    def __init__(self, *views):
        self.views, self.at = views, 0

    def __call__(self, y, generator):
        self.at += 1
        return Corrupted(
            self.views[self.at % len(self.views)], torch.ones_like(y, dtype=torch.bool)
        )


@pytest.fixture
def energy():
    return JointEmbedding(Asis((2, 2, 1)), torch.nn.Identity())


def test_the_loss_is_that_of_its_formula(energy):
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 30, 4)) * [0.3, 1.0, 2.0, 0.7]
    views = Views(torch.from_numpy(one), torch.from_numpy(other))
    loss = VarianceCovariance(views, 3.0, 5.0, 7.0)(
        energy, Batch(views.views[0]), torch.Generator()
    )
    expected = 3 * np.mean((one - other) ** 2)
    for z in (one, other):
        covariance = np.cov(z.T)
        spread = np.sqrt(np.diag(covariance) + 1e-4)
        expected += 5 * np.maximum(0, 1 - spread).mean()
        expected += 7 * (np.square(covariance).sum() - np.square(np.diag(covariance)).sum()) / 4
    assert float(loss.value) == pytest.approx(expected)


def test_every_term_teaches():
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    for weights in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):

        def value(weight, weights=weights):
            projector = torch.nn.Linear(4, 3, bias=False).double()
            objective = VarianceCovariance(Views(one, other), *weights)
            model = JointEmbedding(Asis((2, 2, 1)), projector)
            model.embed = lambda y: torch.func.functional_call(
                projector, {"weight": weight}, (model.network.represent_whole(y),)
            )
            return objective(model, Batch(one), torch.Generator()).value

        weight = 0.3 * torch.randn(3, 4, generator=generator, dtype=torch.float64)
        assert torch.autograd.gradcheck(value, (weight.requires_grad_(),))


def test_the_energy_is_the_squared_distance(energy):
    y, x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(energy(y, x), (y - x).square().sum(dim=1))


def test_what_it_cannot_use_is_named(energy):
    class Other(Energy):
        def forward(self, y, x=None):
            return y.sum(dim=1)

    objective = VarianceCovariance(AddedNoise(0.1))
    with pytest.raises(InputError, match="Other does not embed rows"):
        objective(Other(), Batch(torch.ones(3, 4)), torch.Generator())
    assert float(objective(energy, Batch(torch.ones(1, 4)), torch.Generator()).value) == 0
    with pytest.raises(InputError, match="no x was given"):
        energy(torch.ones(3, 4))
