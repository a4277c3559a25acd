"""Score matching, held to closed forms, and fast derivatives held to autograd's."""

import math

import pytest
import torch

from thalweg.core import Batch, Energy, InputError
from thalweg.energies import NetworkEnergy, NoiseConditional, Normal, Perceptron
from thalweg.objectives import (
    DenoisingScoreMatching,
    DualScoreMatching,
    ScoreMatching,
    SlicedScoreMatching,
)

DOUBLE = torch.float64


class Parabola(Energy):
    """A normal density whose precision is learned."""

    def __init__(self, precision):
        super().__init__()
        self.precision = torch.nn.Parameter(torch.tensor(precision, dtype=DOUBLE))

    def forward(self, y, x=None):
        return 0.5 * self.precision * y.square().sum(dim=1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def y(generator):
    return 2 * torch.randn(4000, 3, generator=generator, dtype=DOUBLE)


def test_exact_is_the_closed_form(generator, y):
    energy = Parabola(0.7)
    value = ScoreMatching()(energy, Batch(y), generator).value
    expected = 0.5 * 0.49 * y.square().sum(dim=1).mean() - 0.7 * 3
    torch.testing.assert_close(value.detach(), expected)
    (slope,) = torch.autograd.grad(value, energy.precision)
    torch.testing.assert_close(slope, 0.7 * y.square().sum(dim=1).mean() - 3)


def test_beta_scales_the_score(generator, y):
    energy, cold = Parabola(1.4), Parabola(0.7)
    cold.beta = 2.0
    for objective in (ScoreMatching(), DenoisingScoreMatching(0.3), SlicedScoreMatching()):
        values = [
            objective(e, Batch(y), torch.Generator().manual_seed(1)).value for e in (energy, cold)
        ]
        torch.testing.assert_close(*values)


def test_sliced_is_exact_on_average(generator, y):
    energy = NetworkEnergy(Perceptron((3, 8, 1), generator=generator), 0.3).double()
    exact = float(ScoreMatching()(energy, Batch(y[:200]), generator).value.detach())
    many = [
        float(SlicedScoreMatching(4)(energy, Batch(y[:200]), generator).value.detach())
        for _ in range(200)
    ]
    spread = torch.tensor(many).std() / math.sqrt(200)
    assert abs(sum(many) / 200 - exact) < 4 * float(spread)


def test_denoising_is_lowest_at_the_blurred_precision(generator):
    y = 2 * torch.randn(200_000, 1, generator=generator, dtype=DOUBLE)
    sigma = 1.5
    energy = Parabola(1 / (4 + sigma**2))
    loss = DenoisingScoreMatching(sigma)(energy, Batch(y), generator)
    (slope,) = torch.autograd.grad(loss.value, energy.precision)
    # its derivative at the optimum is 0, to the error of the mean
    noisy = 4 + sigma**2
    error = sigma**2 * 3 * math.sqrt(noisy) / math.sqrt(len(y)) * 2
    assert abs(float(slope)) < 5 * error
    wrong = DenoisingScoreMatching(sigma)(Parabola(0.25), Batch(y), generator)
    assert float(wrong.value.detach()) > float(loss.value.detach())


def test_along_and_slope_by_hand_are_autograds(generator):
    energy = NetworkEnergy(Perceptron((3, 9, 7, 1), generator=generator), 0.4).double()
    y = torch.randn(6, 3, generator=generator, dtype=DOUBLE)
    v = torch.randn(2, 6, 3, generator=generator, dtype=DOUBLE)

    def learned(parts):
        energy.zero_grad()
        sum((part.square() + part).sum() for part in parts).backward()
        return [p.grad.clone() if p.grad is not None else None for p in energy.parameters()]

    for mine, theirs in (
        (lambda: energy.along(y, v), lambda: Energy.along(energy, y, v)),
        (lambda: [energy.slope(y)], lambda: [Energy.slope(energy, y)]),
    ):
        for one, other in zip(mine(), theirs(), strict=True):
            torch.testing.assert_close(one, other)
        for one, other in zip(learned(mine()), learned(theirs()), strict=True):
            if one is None or other is None:
                assert one is None or not one.any()
                assert other is None or not other.any()
            else:
                torch.testing.assert_close(one, other)


def test_slopes_of_a_noise_conditional_energy_are_autograds(generator):
    energy = NoiseConditional(Perceptron((4, 9, 1), generator=generator)).double()
    y = torch.randn(6, 3, generator=generator, dtype=DOUBLE)
    x = torch.randn(6, 1, generator=generator, dtype=DOUBLE)
    for one, other in zip(energy.slopes(y, x), Energy.slopes(energy, y, x), strict=True):
        torch.testing.assert_close(one, other)
    value, grad = energy.value_and_gradient(y, x)
    torch.testing.assert_close(value, energy(y, x).detach())
    torch.testing.assert_close(grad, energy.slopes(y, x)[0].detach())


class Blurred(Energy):
    """The exact energy of normal rows of variance v with noise: the optimum of dual matching."""

    def __init__(self, variance):
        super().__init__()
        self.variance = torch.nn.Parameter(torch.tensor(variance, dtype=DOUBLE))

    def forward(self, y, x=None):
        wide = self.variance + (2 * x[:, 0]).exp()
        return 0.5 * y.square().sum(dim=1) / wide + 0.5 * y.shape[1] * wide.log()


def test_dual_is_lowest_at_the_true_energy(generator):
    y = 0.8 * torch.randn(100_000, 2, generator=generator, dtype=DOUBLE)
    objective = DualScoreMatching(0.1, 3.0)

    def at(variance):
        same = torch.Generator().manual_seed(5)
        return float(objective(Blurred(variance), Batch(y), same).value.detach())

    true = at(0.64)
    assert true < at(0.5)
    assert true < at(0.8)
    # the part along the scale alone tells the variance too
    one = Blurred(0.64)
    loss = objective(one, Batch(y), torch.Generator().manual_seed(5))
    (slope,) = torch.autograd.grad(loss.value, one.variance)
    (steep,) = torch.autograd.grad(
        objective(off := Blurred(0.5), Batch(y), torch.Generator().manual_seed(5)).value,
        off.variance,
    )
    assert abs(float(slope)) < 0.05 * abs(float(steep))


def test_bad_settings_are_named(generator):
    with pytest.raises(InputError, match="noise must be at least 0, got -1"):
        ScoreMatching(-1)
    with pytest.raises(InputError, match="n_directions must be at least 1, got 0"):
        SlicedScoreMatching(0)
    with pytest.raises(InputError, match="DenoisingScoreMatching: sigma must be a number above 0"):
        DenoisingScoreMatching(0.0)
    with pytest.raises(InputError, match="scales from 2 to 1; expected the smallest"):
        DualScoreMatching(2, 1)
    flat = Normal(torch.zeros(2), torch.eye(2))
    assert ScoreMatching()(flat, Batch(torch.ones(3, 2)), generator).value.isfinite()
