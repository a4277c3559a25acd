"""What warm-up learns and what weights say, against their formulas."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from targets import DOUBLE, METRICS

from thalweg.core import InputError
from thalweg.energies import Normal
from thalweg.samplers import (
    HMC,
    MALA,
    NUTS,
    Bridge,
    Diagonal,
    Independence,
    Info,
    LowRank,
    ParallelTempering,
    RandomWalk,
    Sampler,
    State,
    Unit,
    Weighted,
    annealed_importance,
    effective_size,
    equal_ladder,
    importance,
    leapfrog,
    rejection,
    reversed_importance,
    run,
    sequential,
    systematic,
)
from thalweg.samplers.adaptive import (
    DualAveraging,
    _with_the_lost_brought_back,
    adapt_step,
    averaging_for,
    credit,
    mean_step,
    reasonable_step,
    windows,
)
from thalweg.samplers.annealing import _estimate, _ladder
from thalweg.samplers.base import metropolis, start
from thalweg.samplers.estimate import metric_from
from thalweg.samplers.sequential import _adaptive_moves, _furthest
from thalweg.samplers.trajectories import _statistics


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(y):
    return y.square().sum(dim=1) / 2


def close(found, expected, within=1e-10):
    torch.testing.assert_close(
        torch.as_tensor(found, dtype=DOUBLE), torch.as_tensor(expected, dtype=DOUBLE),
        rtol=within, atol=within,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Stays(Sampler):
    """Leaves every density as it is, by doing nothing."""

    def init(self, energy_fn, y):
        return start(energy_fn, y, "Stays", gradient=False)

    def step(self, energy_fn, state, generator):
        none = torch.zeros(len(state.y), dtype=torch.bool)
        return state, Info(none, none.double(), none, 0)


# acceptance


def test_what_a_ratio_does():
    y = torch.zeros(7, 1, dtype=DOUBLE)
    state, proposal = State(y, y[:, 0], None), State(y + 1, y[:, 0] + 1, None)
    inf = math.inf
    ratio = torch.tensor([0.0, 5.0, inf, -inf, math.nan, -1001.0, -999.0], dtype=DOUBLE)
    after, info = metropolis(state, proposal, ratio, seeded(), 3, 1000.0)
    assert info.diverged.tolist() == [False, False, True, True, True, True, False]
    assert info.acceptance.tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert info.accepted.tolist() == [True, True, False, False, False, False, False]
    assert torch.equal(after.y[:, 0], info.accepted.double())
    assert torch.equal(after.energy, info.accepted.double())
    assert info.gradients == 3
    # without a limit a rise is no divergence
    _, info = metropolis(state, proposal, ratio, seeded())
    assert info.diverged.tolist() == [False, False, True, True, True, False, False]


# warm-up


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_dual_averaging_is_that_of_the_paper(factor):
    """Hoffman and Gelman (2014), equation 6, with gamma = 0.05, t0 = 10, kappa = 0.75."""
    first, target = 0.3, 0.8
    averaging = DualAveraging(torch.tensor(first, dtype=DOUBLE).log(), target, factor)
    mu, total, log_mean = math.log(factor * first), 0.0, math.log(first)
    for m, rate in enumerate((0.1, 0.95, 0.7, 0.0, 1.0, 0.85), start=1):
        averaging.update(torch.tensor(rate, dtype=DOUBLE))
        total = (1 - 1 / (m + 10)) * total + (target - rate) / (m + 10)
        log_step = mu - math.sqrt(m) / 0.05 * total
        log_mean = m**-0.75 * log_step + (1 - m**-0.75) * log_mean
        close(averaging.log_step, log_step)
        close(averaging.log_mean, log_mean)
    assert float(averaging_for(MALA(0.25)).log_step.exp()) == pytest.approx(0.25)
    assert averaging_for(MALA()).factor == 10


def test_windows_double_and_leave_the_ends_alone():
    assert windows(1000) == (150, [200, 300, 800])
    assert windows(500) == (75, [100, 150, 400])
    assert windows(200) == (30, [40, 60, 160])
    assert windows(100) == (15, [25, 80])
    assert windows(20) == (10, [])


def test_a_divergence_counts_as_ten_rejections():
    rate = torch.full((100,), 0.9, dtype=DOUBLE)
    one = torch.arange(100) == 3
    assert float(credit(Info(one, rate, one & ~one, 1))) == pytest.approx(0.9)
    assert float(credit(Info(one, rate, one, 1))) == pytest.approx(0.8)
    assert float(credit(Info(one, rate, one | True, 1))) == 0


@pytest.mark.parametrize("begin", [1e-4, 0.5, 1e3])
def test_a_reasonable_step_is_where_the_acceptance_crosses_its_target(begin):
    y = torch.randn(4000, 5, generator=seeded(), dtype=DOUBLE)
    for sampler in (MALA(begin), HMC(begin), NUTS(begin), RandomWalk(begin)):
        state = sampler.init(normal, y)
        found = reasonable_step(sampler, normal, state, seeded(1))
        assert type(found) is type(sampler)
        size = found.step_size

        def rate(size, sampler=sampler, state=state):
            single = sampler.of_one_step().tuned(step_size=size)
            return float(single.step(normal, state, seeded(2))[1].acceptance.mean())

        side = rate(size) > sampler.target
        others = [rate(size / 2) > sampler.target, rate(2 * size) > sampler.target]
        assert side != others[0] or side != others[1]


def test_steps_of_one_step():
    assert HMC(n_steps=7).of_one_step().n_steps == 1
    assert HMC(n_steps=7).of_one_step().jitter == 0
    assert NUTS().of_one_step().max_doublings == 1
    assert mean_step(MALA(torch.tensor([0.1, 0.3], dtype=DOUBLE))) == pytest.approx(0.2)


@pytest.mark.parametrize("sampler", [MALA(0.01), HMC(0.01), RandomWalk(0.01)])
def test_a_step_size_is_brought_to_the_target(sampler):
    state = sampler.init(normal, torch.randn(200, 3, generator=seeded(), dtype=DOUBLE))
    done = []
    warm, state = adapt_step(sampler, normal, state, 300, seeded(), lambda: done.append(1))
    assert len(done) == 300
    rates = [float(warm.step(normal, state, seeded(i))[1].acceptance.mean()) for i in range(40)]
    assert np.mean(rates) == pytest.approx(sampler.target, abs=0.06)
    assert warm.metric is sampler.metric


def test_only_chains_far_above_the_lowest_are_brought_back():
    y = torch.arange(4.0, dtype=DOUBLE)[:, None].expand(4, 3).contiguous()
    energy = torch.tensor([0.0, 20 + 5 * 3 - 0.1, 20 + 5 * 3 + 0.1, 1e6], dtype=DOUBLE)
    after = _with_the_lost_brought_back(State(y, energy, -y), seeded())
    assert torch.equal(after.y[:2], y[:2])
    assert ((after.y[2:] == y[0]) | (after.y[2:] == y[1])).all()
    assert torch.equal(after.grad, -after.y)
    assert torch.equal(after.energy, energy[after.y[:, 0].long()])


def test_the_metric_of_a_gaussian_is_its_covariance():
    covariance = torch.tensor([[4.0, 1.0, 0.0], [1.0, 0.3, 0.0], [0.0, 0.0, 9.0]], dtype=DOUBLE)
    y = torch.randn(20_000, 3, generator=seeded(), dtype=DOUBLE)
    y = (y - y.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(y.T))).T
    y = y @ torch.linalg.cholesky(covariance).T
    with_slopes = State(y, y[:, 0], torch.linalg.solve(covariance, y.T).T)
    for state in (with_slopes, State(y, y[:, 0], None)):
        metric = metric_from([state], len(y))
        assert isinstance(metric, LowRank)
        close(metric.velocity(torch.eye(3, dtype=DOUBLE)), covariance, 0.05)
    # slopes tell of directions that draws have not walked along yet
    half = State(y / 4, y[:, 0], with_slopes.grad * 4)
    close(metric_from([half], len(y)).velocity(torch.eye(3, dtype=DOUBLE)), covariance / 16, 0.05)
    lone = metric_from([State(y[:, 2:], y[:, 0], None)], len(y))
    assert isinstance(lone, Diagonal)
    close(lone.variance, [9.0], 5e-3)
    sloped = metric_from([State(y[:, 2:], y[:, 0], y[:, 2:] / 9)], len(y))
    close(sloped.variance, [9.0], 5e-3)
    m = 8
    few = metric_from([State(y[:m, 2:], y[:m, 0], None)], m)
    close(few.variance, (m * y[:m, 2:].var(dim=0) + 5 * 1e-3) / (m + 5))
    assert isinstance(metric_from([State(y[:3], y[:3, 0], None)], 3), Unit)
    # a coordinate that did not move keeps its unit
    still = metric_from([State(y[:100, :1] * 0, y[:100, 0], None)], 100)
    close(still.variance, [(100 + 5 * 1e-3) / 105])


def test_draws_and_slopes_that_disagree_meet_in_the_middle():
    """Draws of a long direction, slopes of none: its geometric mean with the unit matrix."""
    covariance = 0.1 * torch.eye(4, dtype=DOUBLE) + 0.9
    white = torch.randn(20_000, 4, generator=seeded(), dtype=DOUBLE)
    white = (white - white.mean(dim=0)) @ torch.linalg.inv(
        torch.linalg.cholesky(torch.cov(white.T))
    ).T
    y = white @ torch.linalg.cholesky(covariance).T
    metric = metric_from([State(y, y[:, 0], white)], len(y))
    root = math.sqrt(0.1) * torch.eye(4, dtype=DOUBLE)
    root = root + (math.sqrt(3.7) - math.sqrt(0.1)) / 4
    close(metric.velocity(torch.eye(4, dtype=DOUBLE)), root, 0.02)


def test_a_window_is_thinned_evenly():
    states = [State(torch.full((2, 1), float(i)).double(), torch.zeros(2), None) for i in range(40)]
    every = metric_from(states, 1000).variance
    half = metric_from(states, 40).variance
    rows = torch.arange(40.0, dtype=DOUBLE).repeat_interleave(2)
    close(every, [(80 * float(rows.var()) + 5 * 1e-3) / 85])
    some = torch.arange(0.0, 40, 2, dtype=DOUBLE).repeat_interleave(2)
    close(half, [(40 * float(some.var()) + 5 * 1e-3) / 45])


def test_what_a_length_of_trajectories_is_judged_by():
    metric = METRICS["diagonal"]
    y = torch.randn(6, 2, generator=seeded(), dtype=DOUBLE)
    found = _statistics(HMC(metric=metric), State(y, y[:, 0], None))
    z = y / metric.variance.sqrt()
    close(found, torch.cat([z, (z - z.mean(dim=0)).abs(), y[:, :1]], dim=1))
    one = _statistics(HMC(), State(y[:1], y[:1, 0], None))
    close(one, torch.cat([y[:1], y[:1].abs(), y[:1, :1]], dim=1))


@pytest.mark.parametrize("betas", [(1.0, 0.5, 0.25), (1.0, 0.6, 0.3, 0.1)])
def test_rungs_are_set_at_equal_distances_along_the_barrier(betas):
    rejected = torch.linspace(0.1, 0.7, len(betas) - 1, dtype=DOUBLE)
    moved = equal_ladder(betas, rejected)
    assert (moved[0], moved[-1]) == (betas[0], betas[-1])
    barrier = np.concatenate([[0], np.cumsum(rejected.numpy() + 1e-3)])
    places = np.interp(-np.log(moved), -np.log(betas), barrier)
    np.testing.assert_allclose(np.diff(places), barrier[-1] / (len(betas) - 1), rtol=1e-10)


def test_a_ladder_begins_with_longer_steps_where_it_is_hotter():
    averaging = ParallelTempering(MALA(0.2), (1.0, 0.25))._averaging()
    close(averaging.log_step.exp(), [0.2, 0.4])
    assert averaging.target == MALA.target
    assert ParallelTempering(Independence(Normal(torch.zeros(1))), (1.0, 0.5))._averaging() is None


# weights


class Scaled(Normal):
    """A normal density whose energy is a quarter of what it is at its own temperature."""

    beta = 4.0

    def forward(self, y, x=None):
        return super().forward(y, x) / 4


def base(d=2):
    return Scaled(torch.zeros(d, dtype=DOUBLE), torch.eye(d, dtype=DOUBLE))


def wanted(y):
    return (y - 0.5).square().sum(dim=1) + 0.7


@pytest.mark.parametrize("betas", [1, 4, [0.0, 0.1, 1.0]])
def test_annealing_without_moves_is_importance_sampling(betas):
    proposal = base()
    found = annealed_importance(wanted, proposal, Stays(), betas, 500, seeded())
    y = proposal.draw(500, seeded())
    expected = 4 * proposal(y) - wanted(y)
    close(found.log_weight, expected)
    log_z_0 = float(proposal.log_normalizer())
    close(found.value, log_z_0 + math.log(float(expected.exp().mean())))
    share = expected.exp() / expected.exp().mean()
    close(found.standard_error, float(share.std()) / math.sqrt(500))
    weighted = importance(wanted, proposal, 500, seeded())
    close(weighted.log_weight, expected)
    close(weighted.log_z, found.value)
    close(weighted.effective_size, float(share.sum() ** 2 / share.square().sum()))
    close(weighted.share, share / share.sum())
    close(weighted.mean(), (share[:, None] * y).mean(dim=0))
    # and from the other end
    back = reversed_importance(wanted, proposal, Stays(), betas, y, seeded())
    close(back.log_weight, expected)
    close(back.value, log_z_0 - math.log(float((-expected).exp().mean())))


def test_one_run_has_no_error_bar():
    assert _estimate(torch.zeros(1, dtype=DOUBLE), 2.0).standard_error == math.inf
    assert _estimate(torch.zeros(1, dtype=DOUBLE), 2.0).value == 2


def test_the_path_begins_at_the_start_with_its_temperature():
    proposal, other = base(), Normal(torch.zeros(2, dtype=DOUBLE))
    with pytest.raises(InputError, match=r"path\(0\) is .* expected the same energy"):
        annealed_importance(wanted, proposal, Stays(), 2, 10, seeded(), lambda beta: proposal)
    right = lambda beta: Bridge(wanted, beta, proposal)  # noqa: E731
    annealed_importance(wanted, proposal, Stays(), 2, 10, seeded(), right)
    assert torch.equal(other(torch.ones(1, 2).double()), 4 * proposal(torch.ones(1, 2).double()))


def test_a_ladder_of_temperatures():
    assert _ladder(np.int64(4), "test") == _ladder(4, "test")
    assert _ladder(4, "test") == [0, 0.25, 0.5, 0.75, 1]
    for bad in (0, -1, [0.0], [0.0, 0.5], [0.5, 1.0], [0.0, 0.5, 0.5, 1.0], "ab", 0.5, True):
        with pytest.raises(InputError, match="test: betas must"):
            _ladder(bad, "test")


def test_the_next_temperature_halves_the_effective_size():
    y = 3 * torch.randn(400, 2, generator=seeded(), dtype=DOUBLE)
    here = Bridge(lambda y: 5 * wanted(y), 0.1, base())
    beta, log_weight = _furthest(here, y, 0.5)
    close(effective_size(log_weight), 200.0, 1e-6)
    close(log_weight, -(beta - 0.1) * here.by_share(y))
    # where all the way is short enough it is taken whole
    beta, log_weight = _furthest(Bridge(wanted, 0.999, base()), y, 0.5)
    assert beta == 1
    close(log_weight, -0.001 * (wanted(y) - 4 * base()(y)))


def test_systematic_draws_are_as_many_as_expected_up_to_one():
    log_weight = 2 * torch.randn(50, generator=seeded(), dtype=DOUBLE)
    expected = 50 * torch.softmax(log_weight, dim=0)
    total = torch.zeros(50, dtype=DOUBLE)
    for seed in range(400):
        counts = torch.bincount(systematic(log_weight, seeded(seed)), minlength=50).double()
        assert ((counts - expected).abs() < 1 + 1e-9).all()
        total += counts / 400
    assert (total - expected).abs().max() < 0.1


def test_sequential_weights_without_moves():
    """One temperature is far enough: log Z is that of importance sampling."""
    proposal = base(1)
    near = lambda y: 2.2 * proposal(y) + 3  # noqa: E731
    found = sequential(near, proposal, Stays(), 300, seeded(), share=0.1)
    weight = 4 * proposal(proposal.draw(300, seeded())) - near(proposal.draw(300, seeded()))
    close(found.log_z, float(proposal.log_normalizer() + weight.exp().mean().log()))
    assert torch.equal(found.log_weight, torch.zeros(300, dtype=DOUBLE))
    for bad in ({"share": 0.0}, {"share": 1.0}, {"share": math.nan}, {"moves": -1}):
        with pytest.raises(InputError, match=f"sequential: {next(iter(bad))} must be"):
            sequential(near, proposal, Stays(), 10, seeded(), **bad)


def test_moves_bring_the_step_size_towards_the_wanted_acceptance():
    y = torch.randn(200, 3, generator=seeded(), dtype=DOUBLE)
    for sampler in (MALA(0.01), MALA(3.0)):
        state = sampler.init(Bridge(normal, 1.0), y)
        tuned, after = _adaptive_moves(sampler, Bridge(normal, 1.0), state, 1, seeded(1))
        metric = metric_from([state], 200)
        expected, info = sampler.tuned(metric=metric).step(normal, state, seeded(1))
        close(after.y, expected.y)
        rate = float(info.acceptance.mean())
        assert tuned.step_size == pytest.approx(sampler.step_size * math.exp(rate - MALA.target))


def test_rejection_keeps_what_its_formula_says():
    proposal = base(1)
    target = lambda y: 2 * y.square().sum(dim=1)  # noqa: E731
    found = rejection(target, proposal, 0.0, 700, seeded())
    source = seeded()
    y = proposal.draw(1000, source)
    u = torch.rand(1000, generator=source, dtype=DOUBLE)
    kept = y[u < (4 * proposal(y) - target(y)).exp()]
    assert torch.equal(found.y[: len(kept)], kept[:700])
    more = rejection(target, proposal, 0.0, 100, seeded())
    assert torch.equal(more.y, kept[:100])
    close(more.acceptance, len(kept) / 1000)
    for bad in ({"n": 0}, {"n": 1.5}, {"log_bound": math.nan}, {"max_proposals": 0}):
        given = {"log_bound": 0.0, "n": 10, **bad}
        with pytest.raises(InputError, match=f"rejection: {next(iter(bad))} must be"):
            rejection(target, proposal, generator=seeded(), **given)


def test_points_with_weights():
    y = torch.arange(4.0, dtype=DOUBLE)[:, None]
    found = Weighted(y, torch.tensor([0.0, 0.0, math.log(2), -math.inf], dtype=DOUBLE), 0.0)
    close(found.share, [0.25, 0.25, 0.5, 0])
    close(found.mean(), [1.25])
    close(found.effective_size, 16 / 6)
    drawn = found.resample(4000, seeded())
    assert abs(float(drawn.mean()) - 1.25) < 0.06
    assert not (drawn == 3).any()


# trajectories


def test_a_trajectory_of_a_spring_is_known():
    """One leapfrog step of a spring is a matrix."""
    step, y, p = 0.3, torch.tensor([[1.0]]).double(), torch.tensor([[0.5]]).double()
    end = leapfrog(normal, Unit(), y, p, y, step, 4)
    half = 1 - step**2 / 2
    one = torch.tensor([[half, step], [-step * (1 - step**2 / 4), half]], dtype=DOUBLE)
    close(torch.cat([end.y, end.p])[:, 0],
          torch.linalg.matrix_power(one, 4) @ torch.tensor([1.0, 0.5], dtype=DOUBLE))  # fmt: skip
    assert torch.equal(end.energy, normal(end.y))
    assert torch.equal(end.grad, end.y)


# what a run keeps


def test_the_energy_of_a_draw_is_that_of_the_coldest_rung():
    sampler = ParallelTempering(RandomWalk(0.5), (1.0, 0.1))
    state = sampler.init(normal, torch.randn(20, 2, generator=seeded(), dtype=DOUBLE))
    found = run(sampler, normal, state, 8, seeded())
    close(found.energy.flatten(), normal(found.draws.flatten(0, 1)))


def test_a_run_is_its_steps():
    sampler, y = HMC(0.9, n_steps=2), torch.randn(5, 2, generator=seeded(), dtype=DOUBLE)
    found = run(sampler, normal, sampler.init(normal, y), 6, seeded(1), thin=2)
    state, generator = sampler.init(normal, y), seeded(1)
    gradients = 0.0
    for i in range(6):
        rate = torch.zeros(5, dtype=DOUBLE)
        for _ in range(2):
            state, info = sampler.step(normal, state, generator)
            rate += info.acceptance / 2
            gradients += info.gradients
        assert torch.equal(found.draws[:, i], state.y)
        assert torch.equal(found.energy[:, i], state.energy)
        close(found.acceptance[:, i], rate)
    assert found.gradients == gradients
    assert torch.equal(found.state.y, state.y)
    assert torch.equal(found.y[:5], found.draws[:, 0])
    close(found.mean(), found.y.mean(dim=0))
    close(found.sd(), found.y.std(dim=0))
    for bad in ({"n_draws": 0}, {"thin": 0}, {"n_draws": 2.5}, {"thin": True}):
        given = {"n_draws": 3, "generator": seeded(), **bad}
        with pytest.raises(InputError, match=f"run: {next(iter(bad))} must be a whole number"):
            run(sampler, normal, state, **given)
