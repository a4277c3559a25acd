"""One step of each kernel against its formula, number by number, with the same random numbers."""

import dataclasses
import math
import sys

import pytest
import torch
from targets import DOUBLE, METRICS, Categories, Listed
from torch.distributions import MultivariateNormal

from thalweg.core import Energy
from thalweg.energies import Normal
from thalweg.kernels.trees import tree_uniform
from thalweg.samplers import (
    HMC,
    MALA,
    NUTS,
    BlockGibbs,
    GibbsWithGradients,
    Independence,
    Langevin,
    ParallelTempering,
    RandomWalk,
    State,
)
from thalweg.samplers.native import KINDS
from thalweg.samplers.noise import (
    branch_off,
    gumbel,
    key_of,
    normal,
    one_uniform,
    stream_of,
    uniform,
)

N = 40
METRIC = METRICS["low rank"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def energy(y):
    """No even function, and coordinates that are tied."""
    return y[:, 0].exp() - y[:, 0] + (y[:, 1] - 0.5 * y[:, 0]).square() + y[:, 1].sin()


def slope(y):
    tie = y[:, 1] - 0.5 * y[:, 0]
    return torch.stack([y[:, 0].exp() - 1 - tie, 2 * tie + y[:, 1].cos()], dim=1)


def begun(sampler, scale=1.0):
    y = scale * torch.randn(N, 2, generator=seeded(5), dtype=DOUBLE)
    return sampler.init(energy, y)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def check_choice(state, after, info, y, log_ratio, source):
    """The chance is min(1, exp(log_ratio)), and the next random number decides."""
    chance = log_ratio.exp().clamp(max=1)
    close(info.acceptance, chance)
    # the formula is put to the test where it matters
    assert (chance < 0.9).any()
    u = source if isinstance(source, torch.Tensor) else uniform(chance, source)
    taken = u < chance
    assert taken.any()
    assert not taken.all()
    assert torch.equal(info.accepted, taken)
    expected = torch.where(taken[:, None], y, state.y)
    close(after.y, expected)
    close(after.energy, energy(expected))
    if after.grad is not None:
        close(after.grad, slope(expected))
    assert not info.diverged.any()


def test_random_walk():
    sampler = RandomWalk(1.3, METRIC)
    state = begun(sampler)
    after, info = sampler.step(energy, state, seeded(1))
    source = seeded(1)
    y = state.y + 1.3 * METRIC.root(normal(state.y, source))
    check_choice(state, after, info, y, energy(state.y) - energy(y), source)
    assert info.gradients == 0


def test_mala():
    """The ratio of the two Gaussian densities, written out."""
    step = 0.3
    sampler = MALA(step, METRIC)
    state = begun(sampler)
    after, info = sampler.step(energy, state, seeded(1))
    source = seeded(1)
    covariance = METRIC.velocity(torch.eye(2, dtype=DOUBLE))
    # momenta of covariance Sigma^-1 move y by Sigma p
    push = METRIC.momentum(normal(state.y, source)) @ covariance

    def toward(y, other):
        mean = y - step * slope(y) @ covariance
        return MultivariateNormal(mean, 2 * step * covariance).log_prob(other)

    y = state.y - step * slope(state.y) @ covariance + math.sqrt(2 * step) * push
    log_ratio = energy(state.y) - energy(y) + toward(y, state.y) - toward(state.y, y)
    check_choice(state, after, info, y, log_ratio, source)
    assert info.gradients == 1


@pytest.mark.parametrize("steps", [1, 3])
def test_hmc(steps):
    epsilon = 0.7
    sampler = HMC(epsilon, METRIC, n_steps=steps, jitter=0.0)
    state = begun(sampler)
    after, info = sampler.step(energy, state, seeded(1))
    source = seeded(1)
    one_uniform(source)
    covariance = METRIC.velocity(torch.eye(2, dtype=DOUBLE))
    y, p = state.y, METRIC.momentum(normal(state.y, source))

    def height(y, p):
        return energy(y) + 0.5 * ((p @ covariance) * p).sum(dim=1)

    level = height(y, p)
    for _ in range(steps):
        p = p - 0.5 * epsilon * slope(y)
        y = y + epsilon * p @ covariance
        p = p - 0.5 * epsilon * slope(y)
    check_choice(state, after, info, y, level - height(y, p), source)
    assert info.gradients == steps


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_the_lengths_of_trajectories_are_uniform_about_their_mean(jitter):
    sampler = HMC(1e-3, n_steps=10, jitter=jitter)
    state, generator = begun(sampler), seeded()
    state = State(state.y[:1], state.energy[:1], state.grad[:1])
    counts = [int(sampler.step(energy, state, generator)[1].gradients) for _ in range(60)]
    source, expected = seeded(), []
    for _ in counts:
        expected.append(max(1, math.ceil(10 * (1 - jitter) + 20 * jitter * one_uniform(source))))
        normal(state.y, source)
        uniform(state.energy, source)
    assert counts == expected
    assert min(counts) <= 10 - 8 * jitter
    assert max(counts) >= 10 + 8 * jitter


def test_before_a_warm_up_trajectories_have_ten_steps():
    sampler = HMC(1e-3, jitter=0.0)
    assert sampler.step(energy, begun(sampler), seeded())[1].gradients == 10


def noise_of(key, like):
    """What the momenta of trees are made of."""
    return torch.from_numpy(stream_of(key, like.numel(), KINDS[DOUBLE])).view(like.shape)


def numbers_of(key, place):
    """A uniform number of each chain's tree."""
    return torch.tensor([tree_uniform(key, place, row) for row in range(N)], dtype=DOUBLE)


def test_nuts_of_one_doubling():
    """One leapfrog step there or back, taken with probability min(1, exp(H - H'))."""
    epsilon = 0.8
    sampler = NUTS(epsilon, METRIC, max_doublings=1)
    state = begun(sampler)
    after, info = sampler.step(energy, state, seeded(1))
    key = key_of(seeded(1))
    covariance = METRIC.velocity(torch.eye(2, dtype=DOUBLE))
    p = METRIC.momentum(noise_of(key, state.y))
    level = energy(state.y) + 0.5 * ((p @ covariance) * p).sum(dim=1)
    sign = torch.where(numbers_of(key, 1) < 0.5, 1.0, -1.0)[:, None].double()
    p = p - 0.5 * sign * epsilon * slope(state.y)
    y = state.y + sign * epsilon * p @ covariance
    p = p - 0.5 * sign * epsilon * slope(y)
    log_ratio = level - energy(y) - 0.5 * ((p @ covariance) * p).sum(dim=1)
    # the first number is the direction's, the second the leaf's, which is alone in its branch
    check_choice(state, after, info, y, log_ratio, numbers_of(key, 3))
    assert info.gradients == 1


def test_nuts_on_a_flat_energy_goes_on_to_its_end():
    """Without forces nothing turns: all leaves weigh the same, and each may be the draw."""
    flat = lambda y: 0 * y.sum(dim=1)  # noqa: E731
    sampler = NUTS(1.0, max_doublings=3)
    y = torch.zeros(4000, 1, dtype=DOUBLE)
    state, source = sampler.init(flat, y), seeded(1)
    after, info = sampler.step(flat, state, source)
    assert float(info.gradients) == 7
    assert torch.equal(info.acceptance, torch.ones(4000, dtype=DOUBLE))
    push = noise_of(key_of(seeded(1)), y)
    place = (after.y / push)[:, 0]
    close(place, place.round())
    # the later half is favoured: the last doubling is always taken, its four leaves equally
    counts = torch.bincount((place.round().abs() - 1).long(), minlength=7).double() / 4000
    # of 8 places the start is one of 0 ... 7; the last half lies 1 ... 4 to 4 ... 7 away
    expected = torch.tensor([1, 2, 3, 4, 3, 2, 1], dtype=DOUBLE) / 16
    assert (counts - expected).abs().max() < 0.04
    assert abs(float((place > 0).double().mean()) - 0.5) < 0.04
    assert info.accepted.all()


def test_langevin():
    step = 0.3
    for noise, factor in ((None, math.sqrt(2 * step)), (0.05, 0.05), (0.0, 0.0)):
        sampler = Langevin(step, METRIC, noise)
        state = begun(sampler)
        after, info = sampler.step(energy, state, seeded(1))
        push = METRIC.root(normal(state.y, seeded(1)))
        covariance = METRIC.velocity(torch.eye(2, dtype=DOUBLE))
        close(after.y, state.y - step * slope(state.y) @ covariance + factor * push)
        close(after.energy, energy(after.y))
        close(after.grad, slope(after.y))
        assert info.accepted.all()
        assert not info.diverged.any()
        assert torch.equal(info.acceptance, torch.ones(N, dtype=DOUBLE))
        assert info.gradients == 1


class Kink(Energy):
    """A finite energy; right of 0.5 its gradient is not."""

    def forward(self, y, x=None):
        return y.square().sum(dim=1)

    def value_and_gradient(self, y, x=None):
        grad = torch.where(y > 0.5, torch.inf, 2 * y)
        return self(y), grad


@pytest.mark.parametrize(
    "sampler", [Langevin(0.1), MALA(0.1), HMC(0.4, n_steps=2, jitter=0.0), NUTS(0.4)],
    ids=lambda sampler: type(sampler).__name__,
)  # fmt: skip
def test_a_step_to_where_the_gradient_is_not_finite_is_rejected(sampler):
    state = sampler.init(Kink(), torch.zeros(200, 1, dtype=DOUBLE))
    after, info = sampler.step(Kink(), state, seeded())
    assert (after.y <= 0.5).all()
    assert after.grad.isfinite().all()
    if isinstance(sampler, NUTS):
        assert info.diverged.any()
        return
    assert 5 < int(info.diverged.sum()) < 150
    assert torch.equal(after.y[info.diverged], state.y[info.diverged])
    assert not info.accepted[info.diverged].any()
    assert (info.acceptance[info.diverged] == 0).all()


def test_independence_with_a_proposal_at_its_own_temperature():
    class Warm(Normal):
        beta = 0.25

        def draw(self, n, generator):
            return 2 * super().draw(n, generator)

    proposal = Warm(torch.zeros(2, dtype=DOUBLE), torch.eye(2, dtype=DOUBLE))
    sampler = Independence(proposal)
    state = begun(sampler)
    after, info = sampler.step(energy, state, seeded(1))
    source = seeded(1)
    y = proposal.draw(N, branch_off(source))

    def log_q(y):
        return MultivariateNormal(
            torch.zeros(2, dtype=DOUBLE), 4 * torch.eye(2, dtype=DOUBLE)
        ).log_prob(y)

    log_ratio = energy(state.y) - energy(y) + log_q(state.y) - log_q(y)
    check_choice(state, after, info, y, log_ratio, source)
    assert info.gradients == 0


def test_block_gibbs():
    machine = Listed()
    y = machine.draw(N, seeded())
    state = BlockGibbs().init(machine, y)
    after, info = BlockGibbs().step(machine, state, seeded(1))
    source = seeded(1)
    expected = machine.draw_visible(machine.draw_hidden(y, source), source)
    assert torch.equal(after.y, expected)
    close(after.energy, machine(expected).detach())
    assert info.accepted.all()
    assert not info.diverged.any()
    assert (info.acceptance == 1).all()
    assert info.gradients == 0

    class Broken(Listed):
        def forward(self, y, x=None):
            return torch.where(y[:, 0] == 1, torch.inf, super().forward(y, x))

    start = y.clone()
    start[:, 0] = 0
    after, info = BlockGibbs().step(Broken(), BlockGibbs().init(Broken(), start), seeded(1))
    assert torch.equal(info.diverged, after.y[:, 0] == 1)
    assert info.diverged.any()


def test_gibbs_with_gradients_of_bits():
    machine = Listed()
    y = machine.draw(N, seeded())
    sampler = GibbsWithGradients()
    state = sampler.init(machine, y)
    after, info = sampler.step(machine, state, seeded(1))
    source = seeded(1)

    def log_q(y):
        at = y.clone().requires_grad_()
        (grad,) = torch.autograd.grad(machine(at).sum(), at)
        return torch.log_softmax((2 * y - 1) * grad / 2, dim=1)

    rows = torch.arange(N)
    index = (log_q(y) + gumbel(y, source)).argmax(dim=1)
    other = y.clone()
    other[rows, index] = 1 - other[rows, index]
    with torch.no_grad():
        rise = machine(other) - machine(y)
    chance = (log_q(other)[rows, index] - log_q(y)[rows, index] - rise).exp().clamp(max=1)
    close(info.acceptance, chance.detach())
    taken = uniform(chance, source) < chance
    assert torch.equal(after.y, torch.where(taken[:, None], other, y))
    assert torch.equal(info.accepted, taken)
    assert 0 < int(taken.sum()) < N
    assert info.gradients == 1


def test_gibbs_with_gradients_of_categories():
    energy_fn = Categories()
    y = energy_fn.draw(N, seeded())
    sampler = GibbsWithGradients(one_hot=True)
    state = sampler.init(energy_fn, y)
    after, info = sampler.step(energy_fn, state, seeded(1))
    source = seeded(1)

    def log_q(y):
        at = y.clone().requires_grad_()
        (grad,) = torch.autograd.grad(energy_fn(at).sum(), at)
        change = grad - (y * grad).sum(dim=2, keepdim=True)
        return torch.log_softmax(torch.where(y == 1, -torch.inf, -change / 2).flatten(1), dim=1)

    log_forth = log_q(y)
    index = (log_forth + gumbel(log_forth, source)).argmax(dim=1)
    other, undo = y.clone(), []
    for row, which in enumerate(index.tolist()):
        item, category = divmod(which, 3)
        undo.append(3 * item + int(y[row, item].argmax()))
        other[row, item] = torch.eye(3, dtype=DOUBLE)[category]
    rows = torch.arange(N)
    back, forth = log_q(other)[rows, torch.tensor(undo)], log_forth[rows, index]
    chance = (energy_fn(y) - energy_fn(other) + back - forth).exp().clamp(max=1)
    close(info.acceptance, chance.detach())
    taken = uniform(chance, source) < chance
    assert torch.equal(after.y, torch.where(taken[:, None, None], other, y))


BETAS = (1.0, 0.5, 0.2, 0.1)


def replicas(sampler):
    state = sampler.init(energy, torch.zeros(N, 2, dtype=DOUBLE))
    y = 1.5 * torch.randn(N, len(BETAS), 2, generator=seeded(3), dtype=DOUBLE)
    flat = y.flatten(0, 1)
    grad = None if state.grad is None else slope(flat).view(y.shape)
    return State(y, energy(flat).view(N, -1), grad)


def test_replicas_trade_places_by_the_difference_of_both():
    sampler = ParallelTempering(MALA(0.1), BETAS)
    state = replicas(sampler)
    after, rates = sampler.swap(state, seeded(1))
    source, y, height = seeded(1), state.y.clone(), state.energy.clone()
    for pairs in ([0, 2], [1]):
        chance = torch.stack([
            ((BETAS[j] - BETAS[j + 1]) * (height[:, j] - height[:, j + 1])).clamp(max=0).exp()
            for j in pairs
        ], dim=1)  # fmt: skip
        close(rates[:, pairs], chance)
        for j, traded in zip(pairs, (uniform(chance, source) < chance).T, strict=True):
            both = [j, j + 1]
            y[:, both] = torch.where(traded[:, None, None], y[:, both].flip(1), y[:, both])
            height[:, both] = torch.where(traded[:, None], height[:, both].flip(1), height[:, both])
    assert torch.equal(after.y, y)
    assert torch.equal(after.energy, height)
    close(after.grad.flatten(0, 1), slope(y.flatten(0, 1)))


@pytest.mark.parametrize("inner", [MALA(0.2), HMC(0.3, n_steps=3, jitter=0.0), RandomWalk(0.5)])
def test_replicas_take_a_step_at_their_own_temperature(inner):
    sampler = ParallelTempering(inner, BETAS)
    state = replicas(sampler)
    moved, info = sampler.move(energy, state, seeded(1))
    flat, beta = state.y.flatten(0, 1), torch.tensor(BETAS, dtype=DOUBLE).repeat(N)
    tempered = lambda y: beta * energy(y)  # noqa: E731
    alone, single = inner.step(tempered, inner.init(tempered, flat), seeded(1))
    close(moved.y, alone.y.view(state.y.shape))
    close(moved.energy.flatten(), energy(alone.y))
    close(info.acceptance.flatten(), single.acceptance)
    if moved.grad is not None:
        close(moved.grad.flatten(0, 1), slope(alone.y))
    # and of the whole step, the gradients of all rungs and the acceptance of the coldest
    _, whole = sampler.step(energy, state, seeded(1))
    assert whole.gradients == single.gradients * len(BETAS)
    assert torch.equal(whole.acceptance, info.acceptance[:, 0])
    assert torch.equal(whole.accepted, info.accepted[:, 0])
    assert torch.equal(whole.diverged, info.diverged.any(dim=1))


def test_a_step_of_any_rung_that_diverges_counts():
    """Walls that only the longer steps of the hot rung can reach."""
    walls = lambda y: torch.where(y.abs() < 1, 0, torch.inf).sum(dim=1)  # noqa: E731
    sampler = ParallelTempering(RandomWalk(torch.tensor([0.01, 5.0]).double()), (1.0, 0.5))
    state = sampler.init(walls, torch.zeros(N, 2, dtype=DOUBLE))
    _, info = sampler.step(walls, state, seeded())
    assert info.diverged.sum() > N / 2
    assert info.accepted.all()


def test_rungs_have_step_sizes_of_their_own():
    steps = torch.tensor([0.1, 0.2, 0.4, 0.8], dtype=DOUBLE)
    sampler = ParallelTempering(Langevin(steps, noise=0.0), BETAS)
    state = replicas(sampler)
    moved, _ = sampler.move(energy, state, seeded())
    betas = torch.tensor(BETAS, dtype=DOUBLE)
    way = (steps * betas)[:, None] * slope(state.y.flatten(0, 1)).view(state.y.shape)
    close(moved.y, state.y - way)


def test_gumbel_numbers_come_from_uniform_ones():
    like = torch.zeros(5, 7, dtype=DOUBLE)
    close(gumbel(like, seeded(2)), -(-uniform(like, seeded(2)).log()).log())


@pytest.mark.parametrize("which", METRICS)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("each", [False, True])
def test_compiled_loops_are_the_same_steps(which, kind, each, monkeypatch):
    metric = METRICS[which]
    sizes = {field: value.to(kind) for field, value in vars(metric).items()
             if isinstance(value, torch.Tensor)}  # fmt: skip
    metric = dataclasses.replace(metric, **sizes) if sizes else metric
    step = torch.linspace(0.2, 0.8, N, dtype=kind) if each else 0.5
    for sampler in (RandomWalk(step, metric), MALA(step, metric),
                    HMC(step, metric, n_steps=3, jitter=0.0)):  # fmt: skip
        y = torch.randn(N, 2, generator=seeded(5), dtype=kind)
        native, told = sampler.step(energy, sampler.init(energy, y), seeded(1))
        with monkeypatch.context() as patch:
            for name in ("base", "leapfrog"):
                module = sys.modules[f"thalweg.samplers.{name}"]
                patch.setattr(module, "is_native", lambda y, energy: False)
            plain, info = sampler.step(energy, sampler.init(energy, y), seeded(1))
        for found, right in zip((*native, *told[:3]), (*plain, *info[:3]), strict=True):
            torch.testing.assert_close(found, right)
