"""Contrastive objectives: their formulas, where their optimum is, and what chains remember."""

import math

import pytest
import torch

from thalweg.core import Batch, Energy, InputError
from thalweg.energies import (
    Bernoulli,
    Ising,
    NetworkEnergy,
    Normal,
    NormalMixture,
    Perceptron,
    RestrictedBoltzmann,
    every_state,
)
from thalweg.objectives import (
    ConditionalNoiseContrastive,
    ContrastiveDivergence,
    FromBatch,
    FromChains,
    FromData,
    FromNoise,
    Hinge,
    InfoNCE,
    LogLoss,
    MinimumProbabilityFlow,
    NoiseContrastive,
    PseudoLikelihood,
    RatioMatching,
    SquareExponential,
    SquareSquare,
)
from thalweg.samplers import HMC, MALA, BlockGibbs, Langevin, RandomWalk

DOUBLE = torch.float64


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def y(generator):
    return torch.randn(64, 2, generator=generator)


def network(generator):
    return NetworkEnergy(Perceptron((2, 16, 1), generator=generator), 0.5)


def machine(generator, d=6, k=3, kind=DOUBLE):
    return RestrictedBoltzmann(
        torch.randn(d, k, generator=generator, dtype=kind),
        torch.randn(d, generator=generator, dtype=kind),
        torch.randn(k, generator=generator, dtype=kind),
    )


SAMPLERS = [Langevin(0.01), MALA(0.01), HMC(0.1, n_steps=3), RandomWalk(0.1)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_the_gradient_is_that_of_data_minus_where_chains_are(sampler, generator, y):
    energy = network(generator)
    negatives = FromChains(sampler, 3, size=64, reseeded=0.0)
    negatives.begin(energy, y, generator)
    loss = ContrastiveDivergence(negatives)(energy, Batch(y), generator)
    loss.value.backward()
    found = [p.grad.clone() for p in energy.parameters()]
    energy.zero_grad()
    # all 64 chains were moved: they are the negatives
    (energy(y).mean() - energy(negatives.chains).mean()).backward()
    for one, other in zip(found, (p.grad for p in energy.parameters()), strict=True):
        torch.testing.assert_close(one, other)
    assert float(loss.metrics["gap"]) == pytest.approx(-float(loss.value.detach()), abs=1e-6)


def test_the_deterministic_form_ends_below_where_it_was_kicked_to(generator, y):
    energy = network(generator)
    down = FromData(Langevin(0.01, noise=0.0), 20, kick=0.5)
    found = down(energy, Batch(y), torch.Generator().manual_seed(3))
    once = FromData(Langevin(1e-9, noise=0.0), 1, kick=0.5)
    start = once(energy, Batch(y), torch.Generator().manual_seed(3))
    assert (energy(found.y) < energy(start.y) + 1e-5).all()
    assert not found.y.requires_grad


def test_regularization_keeps_energies_near_zero(generator, y):
    energy = network(generator)
    chains = FromData(Langevin(1e-12, noise=0.0), 1)
    value = ContrastiveDivergence(chains, 0.3)(energy, Batch(y), generator).value
    expected = 0.3 * 2 * energy(y).square().mean()
    torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-4)


def test_chains_go_on_and_a_checkpoint_has_them(generator, y):
    energy = network(generator)
    negatives = FromChains(MALA(0.01), 2, size=100, reseeded=0.25)
    negatives.begin(energy, y, generator)
    before = negatives.chains.clone()
    found = negatives(energy, Batch(y), generator)
    moved = (negatives.chains != before).any(dim=1)
    assert 40 <= int(moved.sum()) <= 64
    assert 0 < float(found.metrics["reseeded"]) < 0.6
    again = FromChains(MALA(0.01), 2, size=100, reseeded=0.25)
    again.begin(energy, y, torch.Generator().manual_seed(9))
    again.load_state_dict(negatives.state_dict())
    one = negatives(energy, Batch(y), torch.Generator().manual_seed(4)).y
    other = again(energy, Batch(y), torch.Generator().manual_seed(4)).y
    assert torch.equal(one, other)


def test_the_pace_follows_the_energy(generator, y):
    steep = NormalMixture(torch.zeros(1, 2), 0.01)
    negatives = FromChains(MALA(0.5), 2, size=64, reseeded=0.0, kick=0.0)
    rows = 0.01 * y
    negatives.begin(steep, rows, generator)
    first = float(negatives(steep, Batch(rows), generator).metrics["acceptance"])
    for _ in range(400):
        found = negatives(steep, Batch(rows), generator)
    assert first < 0.05
    assert 0.4 < float(found.metrics["acceptance"]) < 0.75


def test_gibbs_chains_of_a_machine_come_to_its_density(generator):
    energy = machine(generator)
    y = (torch.rand(2000, 6, generator=generator) < 0.5).double()
    negatives = FromChains(BlockGibbs(), 200, size=2000, reseeded=0.0)
    found = negatives(energy, Batch(y), generator).y
    share = torch.softmax(-energy(every_state(6)), dim=0).detach()
    mean = share @ every_state(6)
    error = (mean * (1 - mean) / 2000).sqrt()
    assert ((found.mean(dim=0) - mean).abs() < 4.5 * error).all()


PAIRS = {
    Hinge: lambda f, g: max(0.0, 0.7 + f - g),
    LogLoss: lambda f, g: 0.7 * math.log1p(math.exp((f - g) / 0.7)),
    SquareSquare: lambda f, g: f**2 + max(0.0, 0.7 - g) ** 2,
    SquareExponential: lambda f, g: f**2 + 0.7 * math.exp(-g),
}


@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_margin_losses_are_their_formulas(kind, generator, y):
    energy = network(generator)
    noise = FromNoise(Normal(torch.zeros(2), torch.eye(2)))
    loss = kind(noise, 0.7)(energy, Batch(y), torch.Generator().manual_seed(2))
    other = noise(energy, Batch(y), torch.Generator().manual_seed(2)).y
    with torch.no_grad():
        pairs = zip(energy(y).tolist(), energy(other).tolist(), strict=True)
    expected = sum(PAIRS[kind](f, g) for f, g in pairs) / len(y)
    assert float(loss.value.detach()) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match="margin must be above 0"):
        kind(noise, 0.0)


def trained(energy, objective, batches, generator, rate=0.05):
    parameters = [*energy.parameters(), *objective.parameters()]
    optimizer = torch.optim.Adam([p for p in parameters if p.requires_grad], rate)
    steps = len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: 1 - i / steps)
    for y in batches:
        optimizer.zero_grad()
        objective(energy, Batch(y), generator).value.backward()
        optimizer.step()
        schedule.step()


class Parabola(Energy):
    def __init__(self):
        super().__init__()
        self.log_precision = torch.nn.Parameter(torch.zeros(2, dtype=DOUBLE))

    def forward(self, y, x=None):
        return 0.5 * (y.square() * self.log_precision.exp()).sum(dim=1)


TRUE = torch.tensor([4.0, 0.5], dtype=DOUBLE)


@pytest.mark.parametrize("ratio", [1, 3])
def test_noise_contrastive_finds_precision_and_log_z(ratio, generator):
    noise = Normal(torch.zeros(2, dtype=DOUBLE), torch.eye(2, dtype=DOUBLE))
    energy, objective = Parabola(), NoiseContrastive(noise, ratio)
    batches = torch.randn(600, 1000, 2, generator=generator, dtype=DOUBLE) / TRUE.sqrt()
    trained(energy, objective, batches, generator)
    precision = energy.log_precision.detach().exp()
    torch.testing.assert_close(precision, TRUE, rtol=0.05, atol=0.0)
    exact = math.log(2 * math.pi) - 0.5 * float(TRUE.log().sum())
    assert float(objective.log_z.detach()) == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize(
    "objective",
    [
        ConditionalNoiseContrastive(0.7),
        ConditionalNoiseContrastive((0.2, 1.0)),
        InfoNCE(Normal(torch.zeros(2, dtype=DOUBLE), torch.eye(2, dtype=DOUBLE)), 1000),
    ],
    ids=["one scale", "two scales", "info"],
)
def test_other_noise_contrastive_objectives_find_the_precision(objective, generator):
    energy = Parabola()
    batches = torch.randn(600, 1000, 2, generator=generator, dtype=DOUBLE) / TRUE.sqrt()
    trained(energy, objective, batches, generator)
    precision = energy.log_precision.detach().exp()
    torch.testing.assert_close(precision, TRUE, rtol=0.06, atol=0.0)


class Nearness(Energy):
    """F(x, y): how far y is from a multiple of x."""

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.zeros((), dtype=DOUBLE))

    def forward(self, y, x=None):
        return 2 * (y - self.factor * x).square().sum(dim=1)


@pytest.mark.parametrize("objective", [InfoNCE(), Hinge(FromBatch())], ids=["info", "hinge"])
def test_pairs_are_told_from_other_rows(objective, generator):
    energy = Nearness()
    optimizer = torch.optim.Adam(energy.parameters(), 0.05)
    for _ in range(200):
        x = torch.randn(64, 2, generator=generator, dtype=DOUBLE)
        y = 1.5 * x + 0.3 * torch.randn(64, 2, generator=generator, dtype=DOUBLE)
        optimizer.zero_grad()
        objective(energy, Batch(y, x), generator).value.backward()
        optimizer.step()
    # the other rows have a density of their own, which this energy cannot say
    assert 1.3 < float(energy.factor.detach()) < 1.8
    with pytest.raises(InputError, match="a batch has no x"):
        objective(energy, Batch(y), generator)


FLIPS = {
    PseudoLikelihood: lambda delta: math.log1p(math.exp(delta)),
    RatioMatching: lambda delta: (1 / (1 + math.exp(-delta))) ** 2,
    MinimumProbabilityFlow: lambda delta: math.exp(delta / 2),
}


@pytest.mark.parametrize("kind", FLIPS, ids=lambda kind: kind.__name__)
def test_flips_are_their_formulas_and_lowest_at_the_truth(kind, generator):
    energy = machine(generator)
    rows = (torch.rand(7, 6, generator=generator) < 0.5).double()
    value = float(kind()(energy, Batch(rows), generator).value.detach())
    expected = 0.0
    for row in rows:
        for i in range(6):
            other = row.clone()
            other[i] = 1 - other[i]
            both = energy(torch.stack([row, other])).tolist()
            expected += FLIPS[kind](both[0] - both[1]) / len(rows)
    assert value == pytest.approx(expected, rel=1e-9)
    # over all states, weighted by how probable they are, its gradient at the truth is 0
    states = every_state(6)
    share = torch.softmax(-energy(states), dim=0).detach()
    energy.zero_grad()
    kind()(energy, Batch(states, weight=share), generator).value.backward()
    for parameter in energy.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter), atol=1e-9, rtol=0)
    with pytest.raises(InputError, match="is an energy of real numbers"):
        kind()(Normal(torch.zeros(2), torch.eye(2)), Batch(torch.zeros(1, 2)), generator)


def test_flipped_energies_of_a_machine_are_those_of_any_energy(generator):
    rows = (torch.rand(7, 6, generator=generator) < 0.5).double()
    energy = machine(generator)
    torch.testing.assert_close(energy.flipped(rows), Energy.flipped(energy, rows))
    ising = Ising.grid(2, 3, 0.4, 0.1)
    assert ising.flipped(rows).shape == (7, 6)


def test_bad_settings_are_named(generator, y):
    with pytest.raises(InputError, match=r"FromData: sampler must be a Sampler"):
        FromData("hmc")
    with pytest.raises(InputError, match=r"n_steps is 0 and kick 0\.0"):
        FromData(Langevin(), 0)
    with pytest.raises(InputError, match=r"size is 0 and reseeded 0\.5"):
        FromChains(Langevin(), 1, 0, 0.5)
    with pytest.raises(InputError, match="size is 10 and a batch has 64 rows"):
        FromChains(Langevin(), 1, 10)(network(generator), Batch(y), generator)
    with pytest.raises(InputError, match="x is given, and chains that go on keep none"):
        FromChains(Langevin(), 1)(network(generator), Batch(y, y), generator)
    with pytest.raises(InputError, match="ratio must be at least 1"):
        NoiseContrastive(Bernoulli(torch.zeros(2)), 0)
    with pytest.raises(InputError, match="FromNoise: NetworkEnergy cannot be drawn from"):
        FromNoise(network(generator))
    with pytest.raises(InputError, match="sigma must be a number above 0"):
        ConditionalNoiseContrastive((0.1, -1.0))
    with pytest.raises(InputError, match="k must be at least 1"):
        InfoNCE(None, 0)
    with pytest.raises(InputError, match="regularization must be at least 0"):
        ContrastiveDivergence(FromData(Langevin()), -1)


def test_chains_may_start_at_draws_as_wide_as_the_data(generator):
    y = torch.randn(4000, 3, generator=generator) @ torch.tensor(
        [[1.0, 0.5, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 0.3]]
    ) + torch.tensor([1.0, -2.0, 0.0])
    negatives = FromChains(MALA(0.01), 1, size=8000, start="normal")
    negatives.begin(network(generator), y, generator)
    drawn = negatives.chains
    # five standard errors
    assert bool(((drawn.mean(dim=0) - y.mean(dim=0)).abs() < 5 * y.std(dim=0) / 8000**0.5).all())
    torch.testing.assert_close(drawn.T.cov(), y.T.cov(), atol=0.3, rtol=0.05)
    assert float((drawn[0] - y).abs().sum(dim=1).min()) > 0
    with pytest.raises(InputError, match="start must be one of"):
        FromChains(MALA(0.01), 1, start="elsewhere")


def test_noise_on_the_data_is_seen_by_the_energy(generator):
    energy, y = network(generator), torch.zeros(5000, 2)
    seen = []
    objective = ContrastiveDivergence(FromData(Langevin(1e-12, noise=0.0), 1), noise=0.5)
    energy.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    objective(energy, Batch(y), generator)
    assert abs(float(seen[-1][:5000].std()) - 0.5) < 5 * 0.5 / 20000**0.5
    with pytest.raises(InputError, match="noise must be at least 0"):
        ContrastiveDivergence(FromData(Langevin(), 1), noise=-1.0)
