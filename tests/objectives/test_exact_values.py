"""Losses whose value has a closed form, for rows that count differently and at any temperature."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from thalweg.core import Batch, Energy
from thalweg.energies import (
    Affine,
    GaussianNoise,
    Normal,
    Perceptron,
    Reconstruction,
    Saturating,
)
from thalweg.latents import Codebook, Encoder, Flat, FreeEnergy, Gaussian, GaussianEncoder
from thalweg.objectives import (
    ConditionalNoiseContrastive,
    Contraction,
    ContrastiveDivergence,
    Denoising,
    DenoisingScoreMatching,
    Drawn,
    DualScoreMatching,
    FromBatch,
    FromChains,
    FromData,
    FromNoise,
    Hinge,
    InfoNCE,
    Lattice,
    MaximumLikelihood,
    NoiseContrastive,
    PseudoLikelihood,
    PushDown,
    Saturation,
    ScoreMatching,
    SlicedScoreMatching,
    VariationalBound,
    VectorQuantization,
)
from thalweg.pretext import Corrupted, Corruption
from thalweg.samplers import Langevin

DOUBLE = torch.float64
Y = torch.tensor([[0.4, -1.0], [2.0, 0.5], [-0.3, 0.1]], dtype=DOUBLE)
WEIGHT = torch.tensor([3.0, 0.5, 0.0], dtype=DOUBLE)


class Bowl(Energy):
    """a |y|^2 / 2 + c s, where s, the first of x, is given; it remembers what it was asked."""

    def __init__(self, a=0.7, c=0.0, beta=1.0):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(a, dtype=DOUBLE))
        self.c, self.beta, self.asked = c, beta, []

    def forward(self, y, x=None):
        self.asked.append((y.detach(), x))
        value = 0.5 * self.a * y.square().sum(dim=1)
        return value if x is None else value + self.c * x[:, 0]


def loss(objective, energy, batch=None):
    batch = Batch(Y, weight=WEIGHT) if batch is None else batch
    found = objective(energy, batch, torch.Generator().manual_seed(0))
    return float(found.value.detach()), {k: float(v) for k, v in found.metrics.items()}


def mean(values):
    return float(((WEIGHT * values).sum() / WEIGHT.sum()).detach())


def energy_of(y, a=0.7):
    return 0.5 * a * y.square().sum(dim=1)


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


def test_another_row_of_the_batch_is_another():
    batch = Batch(Y, torch.zeros(3, 2, dtype=DOUBLE))
    seen = set()
    for seed in range(20):
        found = FromBatch()(Bowl(), batch, torch.Generator().manual_seed(seed)).y
        assert (found != Y).any(dim=1).all()
        seen.add(float(found[0, 0]))
    assert seen == {2.0, -0.3}


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


def coder(encode, latent, d=2, k=2):
    generator = torch.Generator().manual_seed(0)
    decoder = Perceptron((k, 4, d), generator=generator)
    return FreeEnergy(Reconstruction(decoder, latent), Encoder(encode)).double()


@pytest.mark.parametrize("probes", [1, 3])
def test_the_contraction_of_a_line_is_exact_with_any_probe(probes):
    # one column: whatever the sign, (v J)^2 is the squared derivative
    encode = Perceptron((1, 4, 1), generator=torch.Generator().manual_seed(1))
    energy = coder(encode, Flat(1), 1, 1)
    rows = Y[:, :1].clone().requires_grad_()
    rebuilt = energy.energy.decode(encode(rows))
    (slope,) = torch.autograd.grad(rebuilt.sum(), rows)
    cost = (rebuilt - rows).square().mean()
    value, metrics = loss(Contraction(0.4, probes), energy, Batch(Y[:, :1]))
    assert metrics["contraction"] == pytest.approx(float(slope.square().mean()))
    assert value == pytest.approx(float(cost.detach()) + 0.4 * float(slope.square().mean()))


def test_hidden_entries_take_no_part_in_saturation():
    encode = Saturating(Perceptron((2, 2), generator=torch.Generator().manual_seed(1)))
    energy = coder(encode, Flat(2))
    holed = Y.clone()
    holed[0, 1] = math.nan
    value, metrics = loss(Saturation(2.0), energy, Batch(holed))
    shown = holed.nan_to_num()
    z = encode(shown)
    error = (energy.energy.decode(z) - shown).square()
    error[0, 1] = 0
    assert metrics["energy"] == pytest.approx(float(error.sum(dim=1).mean().detach()))
    assert metrics["distance"] == pytest.approx(float(encode.distance(shown).mean().detach()))
    assert value == pytest.approx(metrics["energy"] + 2 * metrics["distance"])


def test_the_divergence_from_the_prior_is_that_of_normal_densities():
    class Network(torch.nn.Module):
        def forward(self, y):
            return torch.cat([y, 0.3 * y - 0.4], dim=1)

    energy = Reconstruction(Affine(torch.eye(2)), Gaussian(2), GaussianNoise(0.8))
    model = FreeEnergy(energy, GaussianEncoder(Network(), 2), 1.0).double()
    _, metrics = loss(VariationalBound(), model, Batch(Y))
    q = torch.distributions.Normal(Y, (0.3 * Y - 0.4).exp())
    prior = torch.distributions.Normal(torch.zeros((), dtype=DOUBLE), 1.0)
    expected = torch.distributions.kl_divergence(q, prior).sum(dim=1).mean()
    assert metrics["divergence"] == pytest.approx(float(expected))


def quantized():
    book = Codebook(torch.tensor([[-1.0, -1.0], [1.0, 1.0], [50.0, 50.0]]))
    return book, coder(torch.nn.Linear(2, 2), book)


def test_codes_and_entries_cost_their_distances():
    book, energy = quantized()
    value, metrics = loss(VectorQuantization(0.3), energy, Batch(Y))
    with torch.no_grad():
        codes = energy.solver.network(Y)
        z = book.nearest(codes)
        distance = (codes - z).square().sum(dim=1).mean()
        data = (energy.energy.decode(z) - Y).square().sum(dim=1).mean()
    assert metrics["distance"] == pytest.approx(float(distance))
    assert value == pytest.approx(float(data + 1.3 * distance))


@pytest.mark.parametrize(("until", "last"), [(None, 6), (4, 4), (5, 4), (3, 2)])
def test_entries_that_no_row_uses_come_back_until_the_last_step_for_it(until, last):
    book, energy = quantized()
    objective = VectorQuantization(0.3, revive_every=2, revive_until=until)
    revived = []
    for step in range(1, 7):
        book.entries.data[2] = 50.0
        used = book.entries.data[:2].clone()
        loss(objective, energy, Batch(Y))
        if (book.entries[2] != 50.0).all():
            revived.append(step)
            codes = energy.solver.network(Y)
            assert (codes == book.entries[2]).all(dim=1).any()
        # those in use stay
        codes = energy.solver.network(Y).detach()
        taken = torch.cdist(codes, used).argmin(dim=1).unique()
        torch.testing.assert_close(book.entries.data[taken], used[taken], rtol=0, atol=0)
    assert revived == list(range(2, last + 1, 2))


def test_an_entry_stays_that_any_row_has_used_since_it_was_last_looked_at():
    book = Codebook(torch.tensor([[0.0, 0.0], [50.0, 50.0]]))
    energy = coder(torch.nn.Identity(), book)
    objective = VectorQuantization(revive_every=2)
    stayed = []
    for rows in (Y + 49, Y, Y, Y):
        loss(objective, energy, Batch(rows))
        stayed.append(bool((book.entries[1] == 50.0).all()))
    assert stayed == [True, True, True, False]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_chains_start_anew_as_often_as_asked(share):
    chains = FromChains(Langevin(1e-12, noise=0.0), 1, size=3, reseeded=share, kick=0.0)
    far = torch.full((3, 2), 9.0, dtype=DOUBLE)
    chains.begin(Bowl(), far, torch.Generator().manual_seed(0))
    found = chains(Bowl(), Batch(Y), torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.y, Y if share else far)
    assert float(found.metrics["reseeded"]) == share


def spread(values):
    """How wide the noise of 20,000 rows of two is, and five standard errors of that."""
    size = float(values.square().mean().sqrt())
    return size, 5 * size / math.sqrt(2 * values.numel())


@pytest.mark.parametrize("scale", [0.3, (0.1, 2.0)])
def test_noise_has_the_size_that_was_asked_for(scale):
    rows = torch.zeros(20_000, 2, dtype=DOUBLE)
    energy, wanted = Bowl(), torch.tensor(scale, dtype=DOUBLE).reshape(-1)
    kicked = FromData(Langevin(1e-12, noise=0.0), 1, kick=scale)
    loss(ConditionalNoiseContrastive(scale), energy, Batch(rows))
    loss(DenoisingScoreMatching(scale), energy, Batch(rows))
    noisy = [
        energy.asked[0][0][20_000:],
        energy.asked[1][0],
        kicked(energy, Batch(rows), torch.Generator().manual_seed(0)).y,
    ]
    for each in noisy:
        size, error = spread(each)
        assert abs(size - float(wanted.square().mean().sqrt())) < error * len(wanted)
        # a row has one scale for all of its entries
        both = each.abs().log()
        if len(wanted) > 1:
            assert float(torch.corrcoef(both.T)[0, 1]) > 0.4


def test_score_matching_looks_at_noisy_rows():
    for objective in (ScoreMatching(0.5), SlicedScoreMatching(1, 0.5)):
        energy = Bowl()
        loss(objective, energy, Batch(torch.zeros(20_000, 2, dtype=DOUBLE)))
        size, error = spread(energy.asked[0][0])
        assert abs(size - 0.5) < error


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_chains_go_down_the_energy_at_its_temperature(beta):
    energy = Bowl(beta=beta)
    found = FromData(Langevin(0.1, noise=0.0), 2)(energy, Batch(Y), torch.Generator())
    torch.testing.assert_close(found.y, Y * (1 - 0.1 * beta * 0.7) ** 2)
    assert not found.y.requires_grad
    assert float(found.metrics["acceptance"]) == 1.0


def test_every_chain_has_its_turn_and_as_often_as_any_other():
    chains = FromChains(Langevin(0.1, noise=0.0), 1, size=10, reseeded=0.0, kick=0.0)
    chains.begin(Bowl(), torch.ones(1, 2, dtype=DOUBLE), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for _ in range(400):
        chains(Bowl(), Batch(Y), generator)
    # each step of a chain takes away 7 in 100
    moves = chains.chains[:, 0].log() / math.log(0.93)
    assert float(moves.sum()) == pytest.approx(1200)
    assert (moves - 120).abs().max() < 5 * math.sqrt(400 * 0.3 * 0.7)
