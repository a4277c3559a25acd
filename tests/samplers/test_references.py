"""Against enumeration, closed-form moments, and ArviZ."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from targets import DOUBLE, Categories, Listed, TemperedGumbel

import thalweg.samplers as library
from thalweg.core import InputError
from thalweg.energies import (
    Bernoulli,
    Gumbel,
    Ising,
    Normal,
    NormalMixture,
    RestrictedBoltzmann,
    TwoWells,
    every_state,
)
from thalweg.questions import sample
from thalweg.samplers import (
    HMC,
    MALA,
    NUTS,
    BlockGibbs,
    Bridge,
    GibbsWithGradients,
    ParallelTempering,
    RandomWalk,
    annealed_importance,
    equal_ladder,
    importance,
    pareto_k,
    rejection,
    reversed_importance,
    run,
    sequential,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def index_of(bits):
    return (bits.long() << torch.arange(bits.shape[-1])).sum(dim=-1)


# discrete densities, listed


@pytest.mark.parametrize(
    "sampler", [BlockGibbs(), GibbsWithGradients()], ids=["block", "gradients"]
)
def test_total_variation_from_a_listed_machine(sampler):
    machine, generator = Listed(6, 4, seed=2), seeded()
    state = sampler.init(machine, torch.zeros(500, 6, dtype=DOUBLE))
    found = run(sampler, machine, state, 400, generator)
    counts = torch.bincount(index_of(found.draws[:, 100:].flatten(0, 1)), minlength=64).double()
    share, truth = counts / counts.sum(), machine.probabilities()
    distance = float(0.5 * (share - truth).abs().sum())
    # for m independent draws the expected distance is below sum_i sqrt(p_i (1 - p_i) / m) / 2;
    # chains of one flip a step are worth the draws of their slowest state
    worth = float(library.ess_mean((index_of(found.draws[:, 100:]) == 0).double()))
    bound = 0.5 * float((truth * (1 - truth) / worth).sqrt().sum())
    assert distance < 2 * bound
    assert distance < 0.02


def test_total_variation_from_a_listed_grid_of_spins():
    grid, generator = Ising.grid(3, 3, 0.4, 0.1), seeded()
    states = every_state(9)
    truth = torch.softmax(-grid(states), dim=0)
    torch.testing.assert_close(grid.log_normalizer(), torch.logsumexp(-grid(states), dim=0))
    start = Bernoulli(torch.zeros(9, dtype=DOUBLE)).draw(1000, generator)
    sampler = GibbsWithGradients()
    found = run(sampler, grid, sampler.init(grid, start), 500, generator)
    drawn = found.draws[:, 100:]
    counts = torch.bincount(index_of(drawn.flatten(0, 1)), minlength=512).double()
    distance = float(0.5 * (counts / counts.sum() - truth).abs().sum())
    worth = float(library.ess_mean(drawn.sum(dim=2)))
    assert distance < 2 * 0.5 * float((truth * (1 - truth) / worth).sqrt().sum())


def test_a_machine_is_what_its_two_layers_say():
    machine = Listed(4, 3)
    y, h = every_state(4), every_state(3)
    joint = (
        (y @ machine.visible_bias)[:, None] + h @ machine.hidden_bias + y @ machine.weights @ h.T
    )
    torch.testing.assert_close(machine(y), -torch.logsumexp(joint, dim=1))
    total = torch.logsumexp(joint.flatten(), dim=0)
    torch.testing.assert_close(machine.log_normalizer(), total)
    turned = RestrictedBoltzmann(machine.weights.T, machine.hidden_bias, machine.visible_bias)
    torch.testing.assert_close(turned.log_normalizer(), total)
    # draws of one layer given the other, against the listed conditional
    generator = seeded()
    hidden = machine.draw_hidden(y[5].expand(20_000, 4), generator).mean(dim=0)
    expected = torch.softmax(joint[5], dim=0) @ h
    assert ((hidden - expected).abs() < 5 * (expected * (1 - expected) / 20_000).sqrt()).all()


def test_log_z_by_annealing_is_within_its_error_bars():
    machine = Listed(8, 10, seed=3, scale=0.7)
    base = torch.zeros(8, dtype=DOUBLE)
    start = machine.untied(base)
    truth, within = float(machine.log_normalizer().detach()), 0
    for seed in range(100):
        found = annealed_importance(
            machine, start, BlockGibbs(), 50, 200, seeded(seed),
            path=lambda beta: machine.tempered(beta, base),
        )  # fmt: skip
        within += abs(found.value - truth) < 2 * found.standard_error
    # 95 of 100 is what is promised; 88 or fewer would happen once in 400 if it were kept
    assert within >= 89


def test_annealing_both_ways_is_a_bracket():
    """From exact draws the two estimates lie on either side of log Z, in expectation."""
    machine = Listed(8, 6, seed=4, scale=1.2)
    base = torch.zeros(8, dtype=DOUBLE)
    start, truth = machine.untied(base), float(machine.log_normalizer().detach())
    path = lambda beta: machine.tempered(beta, base)  # noqa: E731
    up, down = [], []
    for seed in range(200):
        generator = seeded(seed)
        up.append(annealed_importance(machine, start, BlockGibbs(), 5, 3, generator, path).value)
        exact = machine.draw(3, generator)
        down.append(
            reversed_importance(machine, start, BlockGibbs(), 5, exact, generator, path).value
        )
    for values, sign in ((up, -1), (down, 1)):
        bias = np.mean(values) - truth
        assert sign * bias > 3 * np.std(values) / math.sqrt(len(values))


def test_annealing_along_the_geometric_path_of_real_numbers():
    target = Gumbel(3).double()
    start = Normal(torch.zeros(3, dtype=DOUBLE), 4 * torch.eye(3, dtype=DOUBLE))
    found = annealed_importance(target, start, HMC(0.4, n_steps=3), 40, 2000, seeded())
    assert abs(found.value) < 4 * found.standard_error < 0.2
    exact = target.draw(2000, seeded(1))
    back = reversed_importance(target, start, HMC(0.4, n_steps=3), 40, exact, seeded())
    assert abs(back.value) < 4 * back.standard_error < 0.2


def test_gibbs_with_gradients_finds_the_categories():
    energy, generator = Categories(), seeded()
    sampler = GibbsWithGradients(one_hot=True)
    found = run(sampler, energy, sampler.init(energy, energy.draw(2000, generator)), 50, generator)
    codes = found.y.argmax(dim=2)
    counts = torch.bincount(3 * codes[:, 0] + codes[:, 1], minlength=9).double()
    truth = torch.softmax(-energy(energy.states), dim=0)
    assert 0.5 * (counts / counts.sum() - truth).abs().sum() < 0.01
    with pytest.raises(InputError, match=r"chain 1 starts off the set"):
        sampler.init(energy, torch.stack([energy.states[0], torch.ones(2, 3, dtype=DOUBLE)]))


# real densities with known moments


def within(found, mean, sd):
    """Both moments within 5 Monte Carlo standard errors, with 400 effective draws or more."""
    assert float(found.ess_bulk().min()) >= 400
    assert float(found.r_hat().max()) < 1.02
    assert ((found.mean() - mean).abs() < 5 * found.mcse_mean()).all()
    assert ((found.sd() - sd).abs() < 5 * found.mcse_sd()).all()


@pytest.mark.parametrize(
    ("sampler", "draws", "chains"),
    [
        (RandomWalk(), 2000, 64), (MALA(), 600, 64), (HMC(), 300, 64),
        (NUTS(max_doublings=7), 300, 6),
        (ParallelTempering(MALA(), (1.0, 0.5)), 600, 64), (HMC(n_steps=3), 300, 64),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, library.Sampler) else "",
)  # fmt: skip
def test_moments_of_a_skewed_density_after_warm_up(sampler, draws, chains):
    generator = seeded()
    stretch = torch.tensor([0.05, 1.0, 20.0], dtype=DOUBLE)
    inner = Gumbel(3).double()
    energy = lambda y: inner(y / stretch)  # noqa: E731
    start = torch.randn(chains, 3, generator=generator, dtype=DOUBLE)
    length = 200 if isinstance(sampler, NUTS) else 500
    sampler, state = sampler.warm_up(energy, sampler.init(energy, start), length, generator)
    found = run(sampler, energy, state, draws, generator)
    euler = 0.57721566490153286
    within(found, euler * stretch, math.pi / math.sqrt(6) * stretch)
    assert int(found.diverged.sum()) == 0


def test_warm_up_learns_the_metric_and_the_acceptance():
    generator = seeded()
    d = 8
    turn = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=DOUBLE))[0]
    covariance = turn @ torch.diag(torch.logspace(-3, 2, d, dtype=DOUBLE)) @ turn.T
    energy = Normal(torch.zeros(d, dtype=DOUBLE), covariance)
    for sampler, chains, length in ((HMC(), 32, 600), (MALA(), 32, 600), (NUTS(), 8, 200)):
        state = sampler.init(energy, torch.randn(chains, d, generator=generator, dtype=DOUBLE))
        warm, state = sampler.warm_up(energy, state, length, generator)
        eye = torch.eye(d, dtype=DOUBLE)
        sigma = warm.metric.velocity(eye)
        # lengths of directions in its coordinates, whose squares differ by 10^5 without it
        values = torch.linalg.eigvals(torch.linalg.solve(covariance, sigma)).real
        assert values.max() / values.min() < 10
        found = run(warm, energy, state, 100, generator)
        assert abs(float(found.acceptance.mean()) - warm.target) < 0.12


def test_a_lost_chain_is_brought_back():
    """A plateau 1000 above, from which no step leads away."""

    def energy(y):
        near = y.square().sum(dim=1) / 2
        return torch.where(near < 50, near, 1000 + 0.001 * near)

    generator = seeded()
    y = torch.zeros(16, 2, dtype=DOUBLE)
    y[3] = 100
    for sampler in (HMC(), RandomWalk()):
        warm, state = sampler.warm_up(energy, sampler.init(energy, y), 300, generator)
        assert (state.energy < 30).all()
        assert run(warm, energy, state, 200, generator).r_hat().max() < 1.2


def test_tempering_crosses_a_barrier_that_plain_chains_do_not():
    wells, generator = TwoWells(16.0), seeded()
    start = torch.full((32, 1), -1.0, dtype=DOUBLE)
    share = {}
    for sampler in (MALA(), ParallelTempering(MALA(), (1.0, 0.5, 0.25, 0.12, 0.06, 0.03))):
        warm, state = sampler.warm_up(wells, sampler.init(wells, start), 500, generator)
        found = run(warm, wells, state, 1500, generator)
        share[type(sampler)] = (found.draws > 0).double()
    # long steps early in a warm-up may take a chain across, and then it stays there
    assert (share[MALA].diff(dim=1) == 0).all()
    assert float(share[MALA].mean()) < 0.2
    right = share[ParallelTempering]
    assert abs(float(right.mean()) - 0.5) < 5 * float(library.mcse_mean(right))
    assert float(library.ess_mean(right)) > 400


def test_the_ladder_is_adapted_to_equal_rates():
    d, generator = 20, seeded()
    energy = Normal(torch.zeros(d, dtype=DOUBLE))
    sampler = ParallelTempering(HMC(), (1.0, 0.9, 0.8, 0.7, 0.1))
    state = sampler.init(energy, torch.randn(64, d, generator=generator, dtype=DOUBLE))

    def rates(sampler, state):
        total = torch.zeros(4, dtype=DOUBLE)
        for _ in range(200):
            state, _ = sampler.move(energy, state, generator)
            state, rate = sampler.swap(state, generator)
            total += rate.mean(dim=0) / 200
        return total

    assert rates(sampler, state).min() < 0.01
    warm, state = sampler.warm_up(energy, state, 800, generator)
    found = rates(warm, state)
    assert found.min() > 0.15
    assert found.max() - found.min() < 0.1
    assert warm.betas[0] == 1.0
    assert warm.betas[-1] == 0.1
    # hot rungs take longer steps
    assert (warm.inner.step_size.diff() > 0).all()


def test_a_ladder_with_equal_rates_stays():
    betas = (1.0, 0.5, 0.25)
    assert equal_ladder(betas, torch.tensor([0.3, 0.3])) == pytest.approx(betas)
    moved = equal_ladder(betas, torch.tensor([0.6, 0.1]))
    assert moved[1] > 0.5


# Monte Carlo


def test_importance_sampling_has_its_mean_and_log_z():
    target = Gumbel(2).double()
    wide = Normal(torch.zeros(2, dtype=DOUBLE), 9 * torch.eye(2, dtype=DOUBLE))
    found = importance(target, wide, 40_000, seeded())
    error = (1 / found.effective_size) ** 0.5
    assert abs(found.log_z) < 5 * error
    assert ((found.mean() - 0.5772).abs() < 5 * 1.29 * error).all()
    again = found.resample(20_000, seeded(1))
    assert scipy.stats.kstest(again[:, 0], scipy.stats.gumbel_r.cdf).pvalue > 1e-4
    assert found.pareto_k < 0.7


def test_weights_with_a_heavy_tail_are_warned_of():
    # the tail of the weights has shape 1 - 0.4 / 4
    narrow, wide = (
        Normal(torch.zeros(1, dtype=DOUBLE), s * torch.eye(1, dtype=DOUBLE)) for s in (0.4, 4.0)
    )
    with pytest.warns(RuntimeWarning, match=r"Pareto k is .* above 0.7"):
        found = importance(wide, narrow, 20_000, seeded())
    assert found.pareto_k == pytest.approx(0.9, abs=0.15)


def test_importance_refuses_what_is_not_a_number():
    target = lambda y: torch.where(y[:, 0] > 1, torch.nan, 0.0)  # noqa: E731
    with pytest.raises(InputError, match="is not a number"):
        importance(target, Normal(torch.zeros(1, dtype=DOUBLE)), 1000, seeded())
    with pytest.raises(InputError, match="no exact way to draw"):
        importance(target, TwoWells(), 10, seeded())


def test_rejection_is_exact_and_checks_its_bound():
    # a half-normal density under an exponential one: F_q - F <= 1/2 where y = 1
    target = lambda y: torch.where(y[:, 0] > 0, y[:, 0].square() / 2, torch.inf)  # noqa: E731

    class Exponential(TemperedGumbel):
        def forward(self, y, x=None):
            return y[:, 0]

        def draw(self, n, generator):
            return (-super().draw(n, generator)).exp()

    found = rejection(target, Exponential(d=1), 0.5, 20_000, seeded())
    assert scipy.stats.kstest(found.y[:, 0], scipy.stats.halfnorm.cdf).pvalue > 1e-4
    expected = math.sqrt(math.pi / 2) / math.exp(0.5)
    assert abs(found.acceptance - expected) < 0.02
    with pytest.raises(InputError, match=r"log_bound is 0.4, but a proposal has F_q - F = 0\.[45]"):
        rejection(target, Exponential(d=1), 0.4, 1000, seeded())
    with pytest.raises(InputError, match="fewer than the 10 asked for"):
        rejection(target, Exponential(d=1), 40.0, 10, seeded(), max_proposals=5000)


def test_sequential_monte_carlo_finds_ten_modes_and_log_z():
    angle = 2 * math.pi * torch.arange(10, dtype=DOUBLE) / 10
    target = NormalMixture(8 * torch.stack([angle.cos(), angle.sin()], dim=1), 0.5)
    start = Normal(torch.zeros(2, dtype=DOUBLE), 100 * torch.eye(2, dtype=DOUBLE))
    runs = [sequential(target, start, MALA(), 2000, seeded(seed)) for seed in range(12)]
    found = runs[0]
    values = np.array([each.log_z for each in runs])
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - float(target.log_normalizer())) < 4 * error < 0.1
    mode = torch.cdist(found.y, target.means).argmin(dim=1)
    counts = torch.bincount(mode, minlength=10).double()
    assert (counts / 2000 - 0.1).abs().max() < 0.04
    assert found.effective_size == pytest.approx(2000)


def test_a_bridge_is_the_sum_of_its_ends():
    one, other = Gumbel(2).double(), Normal(torch.ones(2, dtype=DOUBLE))
    y = torch.randn(5, 2, generator=seeded(), dtype=DOUBLE)
    beta = torch.linspace(0, 1, 5, dtype=DOUBLE)
    for share in (0.3, beta):
        bridge = Bridge(one, share, other)
        torch.testing.assert_close(bridge(y), (1 - share) * other(y) + share * one(y))
        assert torch.autograd.gradcheck(bridge, y.clone().requires_grad_())
        value, grad = bridge.value_and_gradient(y)
        at = y.clone().requires_grad_()
        torch.testing.assert_close(grad, torch.autograd.grad(bridge(at).sum(), at)[0])
        torch.testing.assert_close(value, bridge(y))
    torch.testing.assert_close(
        0.5 * Bridge(one, 0.3, other).by_share(y),
        Bridge(one, 0.8, other)(y) - Bridge(one, 0.3, other)(y),
    )
    nowhere = lambda y: torch.full_like(y[:, 0], torch.inf)  # noqa: E731
    torch.testing.assert_close(Bridge(nowhere, 0.0, other)(y), other(y))
    torch.testing.assert_close(Bridge(one, 2.0)(y), 2 * one(y))


def half_line(y):
    """An exponential density, nothing below 0."""
    return torch.where(y[:, 0] > 0, y[:, 0], torch.inf)


def test_annealing_to_a_density_with_an_edge():
    start = Normal(torch.zeros(1, dtype=DOUBLE), 9 * torch.eye(1, dtype=DOUBLE))
    found = annealed_importance(half_line, start, RandomWalk(1.0), 20, 4000, seeded())
    assert abs(found.value) < 4 * found.standard_error < 0.3
    once = annealed_importance(half_line, start, RandomWalk(1.0), 1, 4000, seeded())
    assert abs(once.value) < 4 * once.standard_error < 0.3
    points = sequential(half_line, start, RandomWalk(1.0), 4000, seeded())
    assert abs(points.log_z) < 0.15
    assert abs(float(points.mean()) - 1) < 0.1


@pytest.mark.parametrize("way", ["annealed", "sequential", "importance"])
def test_broken_energies_are_refused_by_all_that_weigh(way):
    start = Normal(torch.zeros(1, dtype=DOUBLE))
    call = {
        "annealed": lambda f: annealed_importance(f, start, RandomWalk(), 5, 50, seeded()),
        "sequential": lambda f: sequential(f, start, RandomWalk(), 50, seeded()),
        "importance": lambda f: importance(f, start, 50, seeded()),
    }[way]
    with pytest.raises(InputError, match="is not a number"):
        call(lambda y: torch.where(y[:, 0] > 0, torch.nan, 0.0))
    with pytest.raises(InputError, match="is infinite at all 50"):
        call(lambda y: torch.full_like(y[:, 0], torch.inf))


def test_a_path_has_to_begin_where_log_z_is_known():
    machine = Listed(4, 3)
    zero = torch.zeros(4, dtype=DOUBLE)
    path = lambda beta: machine.tempered(beta, zero)  # noqa: E731
    with pytest.raises(InputError, match=r"path\(0\) is .* expected the same energy, constants"):
        annealed_importance(machine, Bernoulli(zero), BlockGibbs(), 5, 10, seeded(), path)
    with pytest.raises(InputError, match="HMC: it moves real numbers, and Bridge is an energy of"):
        annealed_importance(machine, Bernoulli(zero), HMC(), 5, 10, seeded())
    with pytest.raises(InputError, match="is no Energy"):
        annealed_importance(machine, lambda y: y, BlockGibbs(), 5, 10, seeded())
    with pytest.raises(InputError, match="betas must be"):
        annealed_importance(machine, machine.untied(zero), BlockGibbs(), 0.5, 10, seeded(), path)
    with pytest.raises(InputError, match="y must be a tensor"):
        reversed_importance(machine, machine.untied(zero), BlockGibbs(), 5, [1], seeded(), path)


def test_warm_up_says_when_no_step_size_is_right():
    for energy, message in (
        (lambda y: 0 * y.sum(dim=1), "steps of any length are accepted"),
        (lambda y: torch.where(y[:, 0] == 0, 0 * y[:, 0], torch.nan), "not even the shortest"),
    ):
        sampler = HMC(step_size=1)
        state = sampler.init(energy, torch.zeros(16, 2, dtype=DOUBLE))
        with pytest.raises(InputError, match=message):
            sampler.warm_up(energy, state, 100, seeded())


def test_equal_weights_have_no_tail_and_few_say_nothing():
    assert pareto_k(torch.zeros(1000, dtype=DOUBLE)) == -math.inf
    assert math.isnan(pareto_k(torch.zeros(15, dtype=DOUBLE)))


def test_a_change_of_coordinates_keeps_the_temperature():
    from torch.distributions.transforms import ExpTransform

    from thalweg.core import Function
    from thalweg.energies import Transformed
    from thalweg.questions import sample

    inner = Function(lambda y: y.sum(dim=1))
    inner.beta = 3.0
    found = sample(Transformed(inner, ExpTransform()), 8000, seeded(),
                   start=torch.zeros(1, 1, dtype=DOUBLE))  # fmt: skip
    within(found.mapped(torch.exp), 1 / 3, 1 / 3)


def test_warm_up_finds_long_trajectories_where_they_pay():
    """A stiff chain of 200 coordinates, whose metric is cut off at some directions."""
    d = 200
    energy = lambda y: 0.5 * (y[:, 0].square() + y.diff(dim=1).square().sum(dim=1))  # noqa: E731
    generator = seeded()
    start = torch.randn(16, d, generator=generator, dtype=DOUBLE)
    sampler = HMC()
    warm, _ = sampler.warm_up(energy, sampler.init(energy, start), 500, generator)
    assert warm.n_steps >= 8


def test_short_runs_and_constant_coordinates_have_no_r_hat():
    assert library.r_hat(torch.zeros(4, 2, 3)).isnan().all()
    x = torch.randn(4, 100, 2, generator=seeded())
    x[..., 1] = 7
    found = library.r_hat(x)
    assert found[0] < 1.1
    assert found[1].isnan()
    bit = (torch.arange(200).reshape(2, 100) % 2).double()
    assert library.r_hat(bit) < 1.01


# diagnostics


@pytest.mark.parametrize("shape", [(4, 100), (4, 101), (1, 50), (8, 40, 2, 3)])
@pytest.mark.parametrize("memory", [0.0, 0.9, -0.5])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_diagnostics_are_those_of_arviz(shape, memory):
    arviz = pytest.importorskip("arviz")
    x = torch.randn(shape, generator=seeded(), dtype=DOUBLE)
    for i in range(1, shape[1]):
        x[:, i] += memory * x[:, i - 1]
    given = arviz.convert_to_dataset({"y": x.numpy()})
    pairs = [
        (library.ess_bulk(x), arviz.ess(given)),
        (library.ess_tail(x), arviz.ess(given, method="tail", prob=(0.05, 0.95))),
        (library.ess_mean(x), arviz.ess(given, method="mean")),
        (library.mcse_mean(x), arviz.mcse(given)),
    ]
    if shape[0] > 1:
        pairs.append((library.r_hat(x), arviz.rhat(given)))
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours.numpy(), theirs.y.values, rtol=1e-8)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_pareto_k_is_that_of_arviz():
    arviz = pytest.importorskip("arviz")
    old = arviz.__version__.startswith("0.")
    if not old:
        from arviz_stats.base import array_stats
    for shape in (0.2, 0.7, 1.2):
        u = torch.rand(4000, generator=seeded(), dtype=DOUBLE)
        logs = -shape * u.log()
        # the newer one takes log likelihoods, whose negatives are the log weights
        theirs = (arviz.psislw(logs.numpy()) if old else array_stats.psislw(-logs.numpy()))[1]
        assert pareto_k(logs) == pytest.approx(float(theirs), abs=0.02)


def test_the_error_of_a_standard_deviation_is_what_repetition_shows():
    x = torch.randn(300, 4, 200, generator=seeded(), dtype=DOUBLE)
    for i in range(1, 200):
        x[:, :, i] = 0.7 * x[:, :, i - 1] + math.sqrt(1 - 0.49) * x[:, :, i]
    spread = x.flatten(1).std(dim=1).std()
    said = torch.stack([library.mcse_sd(each) for each in x[:40]]).mean()
    assert float(said / spread) == pytest.approx(1, abs=0.2)


# a posterior, with default settings


def test_a_regression_on_real_data_has_its_students_t_posterior():
    """Flat coefficients and p(sigma) ~ 1 / sigma: a closed form, on scikit-learn's diabetes."""
    from sklearn.datasets import load_diabetes

    from thalweg.core import Energy
    from thalweg.questions import sample

    data, target = load_diabetes(return_X_y=True)
    x = torch.as_tensor(np.column_stack([np.ones(len(data)), data[:, [2, 3, 8]]]))
    y = torch.as_tensor(target)

    class Posterior(Energy):
        def forward(self, u, given=None):
            error = y - u[:, :4] @ x.T
            return 0.5 * error.square().sum(dim=1) * (-2 * u[:, 4]).exp() + len(y) * u[:, 4]

    generator = seeded()
    start = 2 * torch.rand(16, 5, generator=generator, dtype=DOUBLE) - 1
    found = sample(Posterior(), 8000, generator, start=start)
    left = len(y) - 4
    inverse = torch.linalg.inv(x.T @ x)
    best = inverse @ x.T @ y
    variance = (y - x @ best).square().sum() / left
    spread = (variance * inverse.diagonal() * left / (left - 2)).sqrt()
    assert int(found.diverged.sum()) == 0
    assert float(found.r_hat().max()) < 1.01
    coefficients = found.mapped(lambda u: u[..., :4])
    within(coefficients, best, spread)
    log_sd = found.mapped(lambda u: u[..., 4:])
    # log sigma: half the log of the sum of squares over a chi-square variable
    mean = 0.5 * ((variance * left).log() - math.log(2) - torch.digamma(torch.tensor(left / 2)))
    sd = 0.5 * torch.polygamma(1, torch.tensor(left / 2)).sqrt()
    within(log_sd, mean, sd)


@pytest.mark.parametrize("sampler", [HMC(), NUTS(), MALA()])
def test_chains_that_no_step_can_move_do_not_stop_the_others(sampler):
    # at 20 it is e^330, whose rounding hides everything
    def energy(y):
        return 0.5 * y.square().sum(dim=1) + (30 * (y[:, 0] - 9).clamp(min=0)).exp()

    generator = torch.Generator().manual_seed(0)
    start = 0.5 * torch.randn(16, 3, generator=generator, dtype=torch.float64)
    start[:5, 0] = 20.0
    found = sample(energy, 3200, generator, start=start, sampler=sampler)
    assert float(found.draws[..., 0].abs().max()) < 7
    assert float(found.r_hat().max()) < 1.05
