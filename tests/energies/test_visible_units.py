"""Hidden units of Boltzmann machines summed out, held to listing and to a lattice."""

import math

import pytest
import torch

from thalweg.energies import GaussianRestrictedBoltzmann, RestrictedBoltzmann, every_state
from thalweg.energies import visible_units as module
from thalweg.energies.mixed_boltzmann import MixedRestrictedBoltzmann, RescaledMachine
from thalweg.questions import complete
from thalweg.questions.log_normalizer import annealed_boltzmann
from thalweg.samplers import BlockGibbs

DOUBLE = torch.float64
D, K = 6, 5


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def normal(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=DOUBLE)


@pytest.fixture
def binary(generator):
    return RestrictedBoltzmann(normal(generator, D, K), normal(generator, D), normal(generator, K))


@pytest.fixture
def mixed(generator):
    parts = [normal(generator, D, K), normal(generator, D), normal(generator, K)]
    bits = torch.tensor([True, False, True, False, True, True])
    return MixedRestrictedBoltzmann(*parts, 0.2 * normal(generator, D), bits)


@pytest.fixture
def holed(generator):
    """Rows of bits, some of which are hidden; one row hides all, one none."""
    y = (torch.rand(20, D, generator=generator) < 0.5).double()
    hidden = torch.rand(20, D, generator=generator) < 0.4
    hidden[0], hidden[1] = True, False
    return torch.where(hidden, torch.nan, y)


def listed(energy, row):
    """F, the mean of the bits and of the hidden units, over all fillings of a row of bits."""
    states = every_state(D)
    states = states[((states == row) | row.isnan()).all(dim=1)]
    share = torch.softmax(-energy(states), dim=0)
    return -torch.logsumexp(-energy(states), dim=0), share @ states, share @ energy.codes(states)


@pytest.mark.parametrize("way", ["hidden units", "bits", "annealing"])
def test_a_row_of_bits_has_the_sum_over_its_fillings(binary, holed, way, monkeypatch):
    if way != "hidden units":
        monkeypatch.setattr(module, "LISTED", 2)
    if way == "annealing":
        monkeypatch.setattr(module, "LISTED_BITS", 0)
    exact = {"atol": 1e-9, "rtol": 0.0} if way != "annealing" else {"atol": 0.1, "rtol": 0.0}
    view = binary.restricted(~holed.isnan())
    energy, mean, codes = (torch.stack(each) for each in zip(*(listed(binary, row)
                           for row in holed), strict=True))  # fmt: skip
    torch.testing.assert_close(view(holed), energy, **exact)
    loose = {"atol": 3 * exact["atol"], "rtol": 0.0}
    torch.testing.assert_close(view.codes(holed), codes, **loose)
    gone = holed.isnan()
    torch.testing.assert_close(view.expect(holed)[gone], mean[gone], **loose)


def test_of_bits_no_filling_has_less_energy_than_the_row(binary, holed):
    energy = binary.restricted(~holed.isnan())(holed)
    filled = complete(binary, holed, starts=torch.zeros(1, D, dtype=DOUBLE))
    assert torch.equal(filled[~holed.isnan()], holed[~holed.isnan()])
    assert (energy <= binary(filled) + 1e-9).all()


def test_annealing_is_the_same_for_a_row_whatever_stands_beside_it(binary, holed, monkeypatch):
    monkeypatch.setattr(module, "LISTED", 0)
    monkeypatch.setattr(module, "LISTED_BITS", 0)
    together = binary.restricted(~holed.isnan())(holed)
    monkeypatch.setattr(module, "NUMBERS", 3 * module.RUNS * (D + K))
    torch.testing.assert_close(binary.restricted(~holed.isnan())(holed), together)
    for i in (0, 7):
        row = holed[i : i + 1]
        torch.testing.assert_close(binary.restricted(~row.isnan())(row), together[i : i + 1])


@pytest.mark.parametrize("way", ["hidden units", "annealing"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_hidden_real_units_are_integrated_out_in_the_units_of_rows(mixed, way, scale, monkeypatch):
    if way == "annealing":
        monkeypatch.setattr(module, "LISTED", 2)
    shift = torch.where(mixed.bits, 0.0, 2.0).double()
    machine = RescaledMachine(mixed, shift, torch.where(mixed.bits, 1.0, scale).double())
    rows = every_state(D)[::5].clone()
    rows[:, 3] = 0.7
    rows[:, [0, 1]] = torch.nan
    grid = torch.linspace(-15, 15, 1501, dtype=DOUBLE) * scale + 2
    expected = []
    for row in rows:
        points = row.repeat(2, len(grid), 1)
        points[..., 1], points[1, :, 0] = grid, 1
        points[0, :, 0] = 0
        heights = machine(points.reshape(-1, D))
        expected.append(-torch.logsumexp(-heights, dim=0) - math.log(grid[1] - grid[0]))
    found = machine.restricted(~rows.isnan())(rows)
    atol = 1e-9 if way == "hidden units" else 0.25
    torch.testing.assert_close(found, torch.stack(expected), atol=atol, rtol=0.0)


def test_a_mixed_machine_is_what_summing_over_its_hidden_units_says(mixed, generator):
    y = torch.where(mixed.bits, (normal(generator, 30, D) > 0).double(), normal(generator, 30, D))
    sigma, a = mixed.log_sigma.exp(), mixed.visible_bias
    total = torch.zeros(30, dtype=DOUBLE)
    for h in every_state(K):
        real = (y - a).square() / (2 * sigma**2) - y * (mixed.weights @ h) / sigma**2
        bits = -y * (a + mixed.weights @ h)
        total += torch.exp(-torch.where(mixed.bits, bits, real).sum(1) + mixed.hidden_bias @ h)
    torch.testing.assert_close(mixed(y), -total.log())
    value, grad = mixed.value_and_gradient(y)
    at = y.clone().requires_grad_()
    (expected,) = torch.autograd.grad(mixed(at).sum(), at)
    torch.testing.assert_close(grad, expected)
    torch.testing.assert_close(value, mixed(y).detach())


def test_a_machine_of_real_units_alone_is_the_gaussian_one(mixed, generator):
    parts = [mixed.weights, mixed.visible_bias, mixed.hidden_bias, mixed.log_sigma]
    none = MixedRestrictedBoltzmann(*parts, torch.zeros(D, dtype=torch.bool))
    plain = GaussianRestrictedBoltzmann(*parts)
    y = normal(generator, 9, D)
    torch.testing.assert_close(none(y), plain(y))
    torch.testing.assert_close(none.log_normalizer(), plain.log_normalizer())
    assert torch.equal(none.decode(plain.codes(y)), plain.decode(plain.codes(y)))


def test_gibbs_draws_of_a_mixed_machine_have_its_means_and_annealing_its_log_z(mixed, generator):
    weight = torch.softmax(every_state(K) @ mixed.hidden_bias
                           + mixed.summed(every_state(K) @ mixed.weights.T).sum(1), 0)  # fmt: skip
    mean = (weight @ mixed.mean_of(every_state(K) @ mixed.weights.T)).detach()
    sampler = BlockGibbs()
    state = sampler.init(mixed, torch.zeros(4000, D, dtype=DOUBLE))
    for _ in range(150):
        state, _ = sampler.step(mixed, state, generator)
    error = state.y.std(dim=0) / math.sqrt(4000)
    assert ((state.y.mean(dim=0) - mean).abs() < 4.5 * error).all()
    assert set(state.y[:, mixed.bits].unique().tolist()) == {0.0, 1.0}
    found = annealed_boltzmann(mixed, state.y, generator, 300, 200)
    assert (
        abs(found.value - float(mixed.log_normalizer().detach())) < 5 * found.standard_error + 1e-3
    )


def test_units_are_drawn_by_their_quantiles(mixed):
    u = ((torch.arange(20_000, dtype=DOUBLE) + 0.5) / 20_000)[:, None].expand(-1, D)
    m = torch.linspace(-1, 1, D, dtype=DOUBLE).expand(20_000, -1)
    drawn = mixed.draw_units(m, u)
    torch.testing.assert_close(drawn.mean(dim=0), mixed.mean_of(m)[0], atol=1e-3, rtol=0)
    sd = drawn[:, ~mixed.bits].std(dim=0)
    torch.testing.assert_close(sd, mixed.log_sigma.exp()[~mixed.bits], atol=1e-2, rtol=0)
