"""The restricted Boltzmann machine: log Z, likelihood, completion and both kinds of units."""

import itertools
import math

import numpy as np
import pytest
import torch

from thalweg.core import InputError
from thalweg.energies import GaussianRestrictedBoltzmann, RestrictedBoltzmann, every_state
from thalweg.estimators import BernoulliRBM
from thalweg.questions import complete, project
from thalweg.questions.descent import descend_bits
from thalweg.samplers import BlockGibbs

DOUBLE = torch.float64


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def bars(n, seed):
    """Rows of 3 x 3 whose columns or rows are on: 14 patterns."""
    random = np.random.default_rng(seed)
    on = random.integers(0, 2, (n, 3))
    image = np.repeat(on[:, None, :], 3, axis=1)
    flip = random.integers(0, 2, n).astype(bool)
    image[flip] = image[flip].transpose(0, 2, 1)
    return image.reshape(n, 9).astype(float)


@pytest.fixture(scope="module")
def fitted():
    return BernoulliRBM(
        12, n_steps=1500, learning_rate=0.02, batch_size=64, random_state=0
    ).fit(bars(1000, 0))  # fmt: skip


def test_the_likelihood_is_that_of_all_states(fitted):
    states = every_state(9).numpy()
    log_p = fitted.score_samples(states) - fitted.log_normalizer().value
    assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-9)
    test = bars(500, 1)
    mean = np.mean(fitted.score_samples(test)) - fitted.log_normalizer().value
    assert fitted.score(test) == pytest.approx(mean)
    # better than independent bits, below the entropy of the data
    assert -9 * math.log(2) + 1 < fitted.score(test) < -math.log(2) * 3 + 0.1


def test_annealing_gives_log_z_with_an_error_that_holds(fitted):
    exact = fitted.log_normalizer().value
    scores = []
    for seed in range(20):
        found = fitted.log_normalizer(seed, exact=False, n_steps=200, n_runs=100)
        scores.append((found.value - exact) / found.standard_error)
    assert abs(np.mean(scores)) < 1.5
    assert np.mean(np.abs(scores) < 3) >= 0.8


def test_completion_is_a_state_that_no_flip_lowers_and_mostly_the_lowest(fitted):
    rows = bars(40, 2)
    holed = rows.copy()
    holed[:, [0, 4, 7]] = np.nan
    filled = fitted.complete(holed)
    lowest = np.full(len(rows), np.inf)
    for bits in itertools.product([0.0, 1.0], repeat=3):
        tried = rows.copy()
        tried[:, [0, 4, 7]] = bits
        lowest = np.minimum(lowest, fitted.energy(tried))
    np.testing.assert_allclose(fitted.energy(filled), lowest, atol=1e-6)


def test_projection_ends_where_no_flip_lowers(fitted):
    noisy = np.abs(bars(50, 3) - (np.random.default_rng(0).random((50, 9)) < 0.15))
    ends = torch.from_numpy(fitted.project(noisy))
    here = fitted.energy_(ends)
    assert (fitted.energy_.flipped(ends) >= here[:, None] - 1e-4).all()
    assert set(np.unique(ends)) == {0.0, 1.0}


def test_descent_over_bits_moves_only_what_is_free(generator):
    energy = RestrictedBoltzmann(
        torch.randn(8, 4, generator=generator), torch.randn(8, generator=generator),
        torch.randn(4, generator=generator),
    )  # fmt: skip
    y = (torch.rand(30, 8, generator=generator) < 0.5).float()
    free = torch.rand(30, 8, generator=generator) < 0.5
    with torch.no_grad():
        end = descend_bits(energy, y, free=free)
        assert torch.equal(end[~free], y[~free])
        assert (energy(end) <= energy(y)).all()
        assert (energy.flipped(end)[free] >= energy(end)[:, None].expand(-1, 8)[free] - 1e-4).all()
        holed = torch.where(free, torch.nan, y)
        filled = complete(energy, holed, starts=y[:4])
        assert torch.equal(filled[~free], y[~free])
        assert project(energy, y).shape == y.shape


def test_draws_follow_the_density(fitted):
    drawn = fitted.sample(4000, random_state=0)
    states = every_state(9).numpy()
    share = np.exp(fitted.score_samples(states) - fitted.log_normalizer().value)
    mean = share @ states
    error = np.sqrt(mean * (1 - mean) / 4000)
    # 200 Gibbs steps from training rows: nearly, not quite, independent of them
    assert (abs(drawn.mean(axis=0) - mean) < 5 * error + 0.01).all()


def real_machine(generator, d=3, k=4):
    return GaussianRestrictedBoltzmann(
        torch.randn(d, k, generator=generator, dtype=DOUBLE),
        torch.randn(d, generator=generator, dtype=DOUBLE),
        torch.randn(k, generator=generator, dtype=DOUBLE),
        0.3 * torch.randn(d, generator=generator, dtype=DOUBLE),
    )


def test_a_machine_with_real_units_is_the_mixture_that_listing_says(generator):
    energy = real_machine(generator)
    y = torch.randn(50, 3, generator=generator, dtype=DOUBLE)
    sigma = energy.log_sigma.exp()
    total = torch.zeros(50, dtype=DOUBLE)
    weight = torch.zeros((), dtype=DOUBLE)
    for h in every_state(4):
        mean = energy.visible_bias + energy.weights @ h
        rise = ((mean / sigma).square() - (energy.visible_bias / sigma).square()).sum() / 2
        share = torch.exp(energy.hidden_bias @ h + rise)
        density = torch.distributions.Normal(mean, sigma).log_prob(y).sum(dim=1).exp()
        total, weight = total + share * density, weight + share
    log_p = -energy(y) - energy.log_normalizer()
    torch.testing.assert_close(log_p, (total / weight).log())
    value, grad = energy.value_and_gradient(y)
    rows = y.clone().requires_grad_()
    (expected,) = torch.autograd.grad(energy(rows).sum(), rows)
    torch.testing.assert_close(grad, expected)
    torch.testing.assert_close(value, energy(y).detach())


def test_gibbs_keeps_the_mean_of_real_units(generator):
    energy = real_machine(generator, 2, 3)
    states = every_state(3)
    mean = energy.decode(states)
    rise = ((mean.square() - energy.visible_bias.square()) * (-2 * energy.log_sigma).exp()).sum(1)
    share = torch.softmax(states @ energy.hidden_bias + 0.5 * rise, dim=0)
    exact = (share @ mean).detach()
    sampler = BlockGibbs()
    state = sampler.init(energy, torch.zeros(4000, 2, dtype=DOUBLE))
    for _ in range(200):
        state, _ = sampler.step(energy, state, generator)
    error = state.y.std(dim=0) / math.sqrt(4000)
    assert ((state.y.mean(dim=0) - exact).abs() < 4.5 * error).all()


def test_real_rows_are_learned_in_their_own_units():
    random = np.random.default_rng(0)
    wells = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 0.4]])
    X = wells[random.integers(0, 3, 3000)] + random.normal(size=(3000, 2)) * [2.0, 0.03]
    model = BernoulliRBM(6, n_steps=2000, learning_rate=0.01, random_state=1).fit(X)
    assert model.score(X) > float(
        np.mean([-0.5 * 2 * (math.log(2 * math.pi) + 1)]) - np.log(X.std(axis=0)).sum()
    )
    # in the units of the rows exp(-F) / Z is a density
    a, b = np.linspace(-40, 70, 400), np.linspace(-1, 1.5, 400)
    grid = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    mass = np.exp(model.score_samples(grid) - model.log_normalizer().value).sum()
    assert mass * (a[1] - a[0]) * (b[1] - b[0]) == pytest.approx(1.0, abs=1e-3)
    found, by_annealing = model.log_normalizer(), model.log_normalizer(exact=False, n_steps=300)
    assert abs(found.value - by_annealing.value) < 5 * by_annealing.standard_error + 1e-3
    assert (model.energy(wells) < model.energy([[15.0, 0.2], [30.0, 0.4], [-10, -0.2]]).min()).all()


def test_bad_requests_are_named(fitted):
    with pytest.raises(InputError, match="row 1, column 0 is 2; expected 0 or 1"):
        BernoulliRBM(visible="binary").fit([[0.0, 1.0], [2.0, 0.0]])
    with pytest.raises(InputError, match="is for binary units, and these are gaussian"):
        BernoulliRBM(objective="ratio-matching").fit([[0.3, 1.0], [2.0, 0.0]])
    wide = BernoulliRBM(30, n_steps=1, random_state=0).fit(np.eye(30))
    with pytest.raises(InputError, match="expected 20 or fewer of one of them for exact=True"):
        wide.log_normalizer(exact=True)
