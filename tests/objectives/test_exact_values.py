"""Losses whose value has a closed form, for rows that count differently and at any temperature."""

import math

import pytest
import torch
from bowl import DOUBLE, WEIGHT, Bowl, Y, energy_of, loss, mean
from torch.nn.functional import softplus

from thalweg.core import Batch, Energy
from thalweg.energies import Normal
from thalweg.objectives import (
    ConditionalNoiseContrastive,
    ContrastiveDivergence,
    Denoising,
    DenoisingScoreMatching,
    Drawn,
    DualScoreMatching,
    FromData,
    FromNoise,
    Hinge,
    InfoNCE,
    Lattice,
    MaximumLikelihood,
    NoiseContrastive,
    PseudoLikelihood,
    PushDown,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.pretext import Corrupted, Corruption
from thalweg.samplers import Langevin

NOISE = Normal(torch.tensor([0.5, 0.0], dtype=DOUBLE), 2 * torch.eye(2, dtype=DOUBLE))


def log_density(y):
    return -NOISE(y) - math.log(2 * math.pi * 2)


def test_push_down_weighs_rows():
    assert loss(PushDown(), Bowl())[0] == pytest.approx(mean(energy_of(Y)))


@pytest.mark.parametrize("d", [1, 3, 6])
def test_dual_score_matching_is_its_formula(d):
    energy = Bowl(c=1.3)
    y = torch.randn(5, d, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    weight = torch.tensor([1.0, 2.0, 0.0, 0.3, 1.0], dtype=DOUBLE)
    found = DualScoreMatching(0.1, 2.0)(
        energy, Batch(y, weight=weight), torch.Generator().manual_seed(0)
    )
    (noisy, scale), *_ = energy.asked
    sigma = scale.detach().exp()
    # one scale in each of five equal parts of the range
    place = (scale.detach()[:, 0] - math.log(0.1)) / math.log(2.0 / 0.1) * 5
    assert place.floor().tolist() == [0, 1, 2, 3, 4]
    e = (noisy - y) / sigma
    space = 0.5 * (e - sigma * 0.7 * noisy).square().sum(dim=1)
    along = (d - e.square().sum(dim=1) - 1.3).square() / (2 * d)
    for name, each in (("space", space), ("scale", along)):
        expected = float((weight * each).sum() / weight.sum())
        assert float(found.metrics[name]) == pytest.approx(expected)
    total = (weight * (space + along)).sum() / weight.sum()
    torch.testing.assert_close(found.value.detach(), total)


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_score_matching_weighs_rows(beta):
    energy, k = Bowl(beta=beta), 0.7 * beta
    exact = mean(0.5 * k**2 * Y.square().sum(dim=1)) - 2 * k
    assert loss(ScoreMatching(), energy)[0] == pytest.approx(exact)
    # along a direction v: k^2 (v y)^2 / 2 - k |v|^2
    directions = []
    energy.along = lambda y, v, x=None: (directions.append(v), Energy.along(energy, y, v, x))[1]
    found = loss(SlicedScoreMatching(4), energy)[0]
    (v,) = directions
    each = 0.5 * k**2 * (v * Y).sum(dim=2).square() - k * v.square().sum(dim=2)
    assert found == pytest.approx(mean(each.mean(dim=0)))


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_denoising_score_matching_is_its_formula(beta):
    energy = Bowl(beta=beta)
    found = loss(DenoisingScoreMatching(0.3), energy)[0]
    noisy = energy.asked[0][0]
    e = (noisy - Y) / 0.3
    each = 0.5 * (e - 0.3 * beta * 0.7 * noisy).square().sum(dim=1)
    assert found == pytest.approx(mean(each), rel=1e-6)


def test_contrastive_divergence_weighs_rows_and_pulls_to_zero():
    chains = FromData(Langevin(1e-9, noise=0.0), 1, kick=0.5)
    energy = Bowl()
    value, metrics = loss(ContrastiveDivergence(chains, 0.3), energy)
    both = energy_of(energy.asked[-1][0])
    data, other = both[:3], both[3:]
    torch.testing.assert_close(data, energy_of(Y))
    assert (other != data).all()
    squares = mean(data.square()) + float(other.square().mean())
    assert value == pytest.approx(mean(data) - float(other.mean()) + 0.3 * squares)
    assert metrics["gap"] == pytest.approx(float(other.mean()) - mean(data))
    assert metrics["energy"] == pytest.approx(mean(data))


def test_a_margin_weighs_rows():
    energy = Bowl()
    value = loss(Hinge(FromNoise(NOISE), 2.0), energy)[0]
    other = energy_of(energy.asked[0][0][3:])
    assert value == pytest.approx(mean((2 + energy_of(Y) - other).clamp_min(0)))


@pytest.mark.parametrize("beta", [1.0, 2.5])
@pytest.mark.parametrize("ratio", [1, 4])
def test_noise_contrastive_is_its_formula(beta, ratio):
    objective, energy = NoiseContrastive(NOISE, ratio), Bowl(beta=beta)
    objective.log_z.data.fill_(0.8)
    value, metrics = loss(objective, energy)
    noise = energy.asked[0][0][3:]
    assert len(noise) == 3 * ratio

    def odds(y):
        return -beta * energy_of(y) - 0.8 - log_density(y) - math.log(ratio)

    expected = mean(softplus(-odds(Y))) + ratio * float(softplus(odds(noise)).mean())
    assert value == pytest.approx(expected)
    right = 0.5 * ((odds(Y) > 0).float().mean() + (odds(noise) < 0).float().mean())
    assert metrics["told_apart"] == pytest.approx(float(right))


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_conditional_noise_contrastive_is_its_formula(beta):
    energy = Bowl(beta=beta)
    value = loss(ConditionalNoiseContrastive(0.3), energy)[0]
    noisy = energy.asked[0][0][3:]
    assert value == pytest.approx(mean(softplus(beta * (energy_of(Y) - energy_of(noisy)))))


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_one_among_noise_is_its_formula(beta):
    energy = Bowl(beta=beta)
    value = loss(InfoNCE(NOISE, 6), energy)[0]
    noise = energy.asked[0][0][3:]
    assert len(noise) == 6
    own = -beta * energy_of(Y) - log_density(Y)
    others = -beta * energy_of(noise) - log_density(noise)
    every = torch.cat([own[:, None], others.expand(3, 6)], dim=1)
    assert value == pytest.approx(mean(torch.logsumexp(every, dim=1) - own), rel=1e-6)


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_one_among_the_rows_of_a_batch_is_its_formula(beta):
    class Pair(Energy):
        def forward(self, y, x=None):
            return (y - 2 * x).square().sum(dim=1)

    energy = Pair()
    energy.beta = beta
    x = torch.tensor([[0.1, 0.0], [0.3, 1.0], [-1.0, 0.2]], dtype=DOUBLE)
    value = loss(InfoNCE(), energy, Batch(Y, x, WEIGHT))[0]
    # row i is given x_i; the classes are the y of all rows
    every = -beta * torch.cdist(2 * x, Y).square()
    assert value == pytest.approx(mean(torch.logsumexp(every, dim=1) - every.diagonal()))


@pytest.mark.parametrize("n", [1, 9])
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_draws_of_the_model_itself_give_its_log_z_whatever_their_number(n, beta):
    # proportional to exp(-beta a |y|^2 / 2)
    own = Normal(torch.zeros(2, dtype=DOUBLE), torch.eye(2, dtype=DOUBLE) / (0.7 * beta))
    value, metrics = loss(MaximumLikelihood(Drawn(own, n)), Bowl(beta=beta))
    log_z = math.log(2 * math.pi / (0.7 * beta))
    assert metrics["log_z"] == pytest.approx(log_z)
    assert value == pytest.approx(mean(beta * energy_of(Y)) + log_z)


def test_a_lattice_is_the_midpoints_of_cells_around_the_data():
    lattice = Lattice(4, margin=0.5, shifted=False)
    lattice.begin(torch.tensor([[0.0, 10.0], [2.0, 14.0]], dtype=DOUBLE))
    points, log_weight = lattice(Y, torch.Generator())
    # from -1 to 3 and from 8 to 16
    first, second = [-0.5, 0.5, 1.5, 2.5], [9.0, 11.0, 13.0, 15.0]
    expected = torch.tensor([[a, b] for a in first for b in second], dtype=DOUBLE)
    torch.testing.assert_close(points, expected)
    torch.testing.assert_close(log_weight.exp(), torch.full((16,), 2.0, dtype=DOUBLE))


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_flips_know_the_temperature(beta):
    class Bits(Energy):
        space = "binary"

        def forward(self, y, x=None):
            return y @ torch.tensor([1.0, -0.6], dtype=DOUBLE)

    energy = Bits()
    energy.beta = beta
    rows = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]], dtype=DOUBLE)
    # what a flip changes: the energy of a bit that was 0 less that of a 1, or the other way
    change = (2 * rows - 1) * torch.tensor([1.0, -0.6], dtype=DOUBLE)
    expected = mean(softplus(beta * change).sum(dim=1))
    found = loss(PseudoLikelihood(), energy, Batch(rows, weight=WEIGHT))[0]
    assert found == pytest.approx(expected)


class Taken(Corruption):
    """The first entry is hidden and asked for; of the last row nothing is asked."""

    def __call__(self, y, generator):
        asked = torch.zeros_like(y, dtype=torch.bool)
        asked[:-1, 0] = True
        return Corrupted(torch.where(asked, math.nan, y), asked)


def test_denoising_costs_what_is_asked_for():
    class Says(Energy):
        def forward(self, y, x=None):
            return y.sum(dim=1)

        def reconstruct(self, y, x=None):
            return torch.full_like(y, 0.5)

    expected = mean(torch.tensor([0.1**2, 1.5**2, 0.0], dtype=DOUBLE))
    assert loss(Denoising(Taken()), Says())[0] == pytest.approx(expected)
