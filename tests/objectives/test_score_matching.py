"""Score matching, held to closed forms, and fast derivatives held to autograd's."""

import math

import pytest
import torch

from thalweg.core import Batch, Energy, InputError
from thalweg.energies import (
    ConditionalUNet,
    NetworkEnergy,
    NoiseConditional,
    NoisyImages,
    Normal,
    Perceptron,
)
from thalweg.objectives import (
    DenoisingScoreMatching,
    DualScoreMatching,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.samplers.noise import normal

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


def test_scales_are_about_the_middle(generator):
    y, low, high = torch.zeros(40_000, 2, dtype=DOUBLE), math.log(0.02), math.log(20.0)
    even = DualScoreMatching(0.02, 20.0).scales(y, generator)[:, 0]
    assert float(even.min()) >= low
    assert float(even.max()) <= high
    expected = torch.linspace(low, high, 5, dtype=DOUBLE)
    torch.testing.assert_close(even.quantile(torch.linspace(0, 1, 5, dtype=DOUBLE)), expected,
                               rtol=0, atol=1e-3)  # fmt: skip
    near = DualScoreMatching(0.02, 20.0, middle=1.6).scales(y, generator)[:, 0]
    assert float(near.min()) >= low
    assert float(near.max()) <= high
    within = (near > math.log(1.6) - 1) & (near < math.log(1.6) + 1)
    # erf(1 / sqrt 2) of 65%, and of 35% the share of the range
    known = 0.65 * math.erf(0.5**0.5) + 0.35 * 2 / (high - low)
    assert float(within.double().mean()) == pytest.approx(known, abs=1e-3)


def test_larger_scales_weigh_more(generator):
    y, energy = 0.8 * torch.randn(3, 2, generator=generator, dtype=DOUBLE), Blurred(0.5)

    def at(power):
        objective = DualScoreMatching(0.5, 30.0, power=power)
        return objective(energy, Batch(y), torch.Generator().manual_seed(7)).value

    same = torch.Generator().manual_seed(7)
    scales = DualScoreMatching(0.5, 30.0).scales(y, same)
    noise = normal(y, same)
    weight = (1 + (2 * scales[:, 0]).exp()).clamp(max=65).sqrt()
    assert float(weight.max()) > 8
    by_y, by_scale = energy.slopes(y + scales.exp() * noise, scales)
    square = noise.square().sum(dim=1)
    each = 0.5 * (noise - scales.exp() * by_y).square().sum(dim=1)
    each = each + 0.25 * (2 - square - by_scale[:, 0]).square()
    torch.testing.assert_close(at(0.5), (weight * each).sum() / weight.sum())
    torch.testing.assert_close(at(0.0), each.mean())
    # of rows that count alone the weight of their scale falls out
    alone = torch.tensor([0.0, 1.0, 0.0], dtype=DOUBLE)
    found = DualScoreMatching(0.5, 30.0, power=1.0)(
        energy, Batch(y, weight=alone), torch.Generator().manual_seed(7)
    )
    torch.testing.assert_close(found.value, each[1])


def test_a_field_is_trained_before_its_slope(generator):
    network = ConditionalUNet((4, 4, 1), width=2, depth=1, generator=generator)
    energy, y = NoisyImages(network).double(), torch.randn(4, 16, dtype=DOUBLE)
    objective = DualScoreMatching(0.1, 10.0, by_field=1)
    first = objective(energy, Batch(y), torch.Generator().manual_seed(1))
    second = objective(energy, Batch(y), torch.Generator().manual_seed(1))
    plain = DualScoreMatching(0.1, 10.0)(energy, Batch(y), torch.Generator().manual_seed(1))
    same = torch.Generator().manual_seed(1)
    scales, noise = objective.scales(y, same), normal(y, same)
    clean = energy.field(y + scales.exp() * noise, scales)
    known = 0.5 * ((clean - y) / scales.exp()).square().sum(dim=1).mean()
    torch.testing.assert_close(first.value, known)
    assert float(first.metrics["scale"]) == 0
    # all parameters have gradients from the first step on
    first.value.backward()
    assert all(each.grad is not None for each in energy.parameters())
    assert float(second.value.detach()) == float(plain.value.detach())
    with pytest.raises(InputError, match="Blurred has no field; expected NoisyImages"):
        DualScoreMatching(by_field=3)(Blurred(1.0), Batch(y), generator)


def test_bad_settings_are_named(generator):
    with pytest.raises(InputError, match=r"middle is 7; expected a scale from 0\.1 to 3"):
        DualScoreMatching(0.1, 3, middle=7)
    with pytest.raises(InputError, match="power must be from 0 to 1, got 2"):
        DualScoreMatching(power=2)
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
