"""Trees that grow in step, against one that is grown by itself and keeps all of its leaves."""

import itertools
import math

import pytest
import torch
from targets import DOUBLE, METRICS

from thalweg.core import InputError
from thalweg.kernels.trees import tree_uniform
from thalweg.samplers import NUTS, WALNUTS, Unit
from thalweg.samplers.native import KINDS
from thalweg.samplers.noise import key_of, stream_of

N = 24
METRIC = METRICS["low rank"]
SIGMA = METRIC.velocity(torch.eye(2, dtype=DOUBLE))


def energy(y):
    """Steep to the right, where long steps lead to huge numbers; bumps turn short stretches."""
    tie = y[:, 1] - 0.5 * y[:, 0]
    return y[:, 0].exp() - y[:, 0] + tie.square() / 8 + 3 * (5 * y[:, 1]).sin()


def slope(y):
    tie = (y[:, 1] - 0.5 * y[:, 0]) / 4
    bump = 15 * (5 * y[:, 1]).cos()
    return torch.stack([y[:, 0].exp() - 1 - 0.5 * tie, tie + bump], dim=1)


def height(y, p):
    return float(energy(y) + 0.5 * ((p @ SIGMA) * p).sum(dim=1))


def turned(leaves):
    """Whether the sum of momenta points backwards at an end."""
    way = torch.cat(leaves).sum(dim=0) @ SIGMA
    return any(float((end @ way).squeeze()) <= 0 for end in (leaves[0], leaves[-1]))


def grown(start, row, epsilon, doublings, generator):
    """Where chain ``row`` goes; leaves, mean acceptance, and whether it moved, and diverged."""
    key = key_of(generator)
    noise = torch.from_numpy(stream_of(key, start.numel(), KINDS[DOUBLE])).view(start.shape)
    p = METRIC.momentum(noise)[row : row + 1]
    numbers = (tree_uniform(key, k, row) for k in itertools.count(1))
    number = lambda: next(numbers)  # noqa: E731
    chosen = start[row : row + 1]
    level, total, rates, moved = height(chosen, p), 0.0, [], False
    path = [(chosen, p)]
    for depth in range(doublings):
        forward = number() < 0.5
        (y, p), sign = (path[-1], 1) if forward else (path[0], -1)
        branch, log_sum, pick, whole, diverged = [], -math.inf, None, True, False
        for leaf in range(1, 2**depth + 1):
            p = p - 0.5 * sign * epsilon * slope(y)
            y = y + sign * epsilon * p @ SIGMA
            p = p - 0.5 * sign * epsilon * slope(y)
            weight, u = level - height(y, p), number()
            diverged = not (math.isfinite(weight) and weight > -1000)
            rates.append(0.0 if diverged else math.exp(min(0.0, weight)))
            if diverged:
                break
            log_sum = float(torch.logaddexp(torch.tensor(log_sum).double(), torch.tensor(weight)))
            if math.log(u) < weight - log_sum:
                pick = y
            branch.append((y, p))
            widths = [2**j for j in range(1, depth + 1) if leaf % 2**j == 0]
            if any(turned([p for _, p in branch[-width:]]) for width in widths):
                whole = False
                break
        taken = number() < math.exp(min(0.0, log_sum - total))
        if diverged or not whole:
            break
        if taken:
            chosen, moved = pick, True
        total = float(torch.logaddexp(torch.tensor(total).double(), torch.tensor(log_sum).double()))
        path = path + branch if forward else branch[::-1] + path
        if turned([p for _, p in path]):
            break
    return chosen, len(rates), sum(rates) / len(rates), moved, diverged


@pytest.mark.parametrize(
    ("epsilon", "doublings"), [(0.1, 5), (0.3, 4), (0.4, 2), (0.8, 4), (2.5, 3), (9.0, 3)]
)
def test_trees_in_step_are_the_trees_alone(epsilon, doublings):
    y = 1.5 * torch.randn(N, 2, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    sampler = NUTS(epsilon, METRIC, doublings)
    state = sampler.init(energy, y)
    after, info = sampler.step(energy, state, torch.Generator().manual_seed(1))
    alone = [
        grown(y, row, epsilon, doublings, torch.Generator().manual_seed(1)) for row in range(N)
    ]
    ends, leaves, rates, moved, diverged = zip(*alone, strict=True)
    torch.testing.assert_close(after.y, torch.cat(ends), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(info.acceptance, torch.tensor(rates, dtype=DOUBLE))
    assert float(info.gradients) == pytest.approx(sum(leaves) / N)
    assert tuple(info.accepted.tolist()) == moved
    assert tuple(info.diverged.tolist()) == diverged
    torch.testing.assert_close(after.energy, energy(after.y))
    torch.testing.assert_close(after.grad, slope(after.y))
    assert len(set(leaves)) > 1 or (epsilon, doublings) in ((0.4, 2), (9.0, 3))
    assert any(diverged) == (epsilon > 0.5)


def started(sampler, n=N, seed=2):
    y = 1.5 * torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)
    return sampler.init(energy, y)


@pytest.mark.parametrize("sampler", [NUTS(0.3, METRIC), WALNUTS(0.6, METRIC)])
def test_steps_at_their_own_pace_are_steps_one_by_one(sampler, monkeypatch):
    # a block that is not whole, too
    monkeypatch.setattr("thalweg.samplers.nuts.AT_ONCE", 3)
    one, many = (torch.Generator().manual_seed(3) for _ in range(2))
    state = started(sampler)
    for after, info in sampler.steps(energy, state, 7, many):
        state, alone = sampler.step(energy, state, one)
        for found, right in zip((*after, *info[:3]), (*state, *alone[:3]), strict=True):
            assert torch.equal(found, right)
        assert info.gradients == alone.gradients
    assert torch.equal(one.get_state(), many.get_state())


@pytest.mark.parametrize("as_it_is", [{"max_halvings": 0}, {"tolerance": 1e9}])
def test_steps_that_are_never_halved_are_those_of_nuts(as_it_is):
    for epsilon in (0.2, 0.5):
        found = WALNUTS(epsilon, METRIC, 5, **as_it_is)
        right = NUTS(epsilon, METRIC, 5)
        after, _ = found.step(energy, started(found), torch.Generator().manual_seed(1))
        other, _ = right.step(energy, started(right), torch.Generator().manual_seed(1))
        assert torch.equal(after.y, other.y)


def halved(y, p, step, halvings):
    """Where 2^h leapfrog steps lead, and by how much the total energy varies on the way."""
    small, heights = step / 2**halvings, [height(y, p)]
    for _ in range(2**halvings):
        p = p - 0.5 * small * slope(y)
        y = y + small * p @ SIGMA
        p = p - 0.5 * small * slope(y)
        heights.append(height(y, p))
    return y, p, max(heights) - min(heights)


def fewest(y, p, step, tolerance):
    return next(h for h in range(20) if halved(y, p, step, h)[2] <= tolerance)


def test_a_step_is_halved_until_the_energy_keeps_still_and_can_be_undone():
    epsilon, tolerance, n = 1.0, 0.2, 200
    sampler = WALNUTS(epsilon, METRIC, max_doublings=1, tolerance=tolerance)
    state = started(sampler, n)
    after, info = sampler.step(energy, state, torch.Generator().manual_seed(1))
    key = key_of(torch.Generator().manual_seed(1))
    noise = torch.from_numpy(stream_of(key, 2 * n, KINDS[DOUBLE])).view(n, 2)
    levels, lost = [], 0
    for row in range(n):
        y, p = state.y[row : row + 1], METRIC.momentum(noise)[row : row + 1]
        step = epsilon if tree_uniform(key, 1, row) < 0.5 else -epsilon
        h = fewest(y, p, step, tolerance)
        end, push, _ = halved(y, p, step, h)
        undone = fewest(end, push, -step, tolerance) == h
        rise = height(end, push) - height(y, p)
        moves = undone and tree_uniform(key, 3, row) < math.exp(min(0.0, -rise))
        torch.testing.assert_close(after.y[row], end[0] if moves else y[0], rtol=1e-8, atol=1e-8)
        assert bool(info.accepted[row]) == moves
        levels.append(h)
        lost += not undone
    assert not info.diverged.any()
    # what is to be tested has happened
    assert len(set(levels)) >= 3
    assert 0 < lost < n / 3


def test_what_no_halving_mends_has_diverged():
    sampler = WALNUTS(4.0, METRIC, max_halvings=1)
    _, info = sampler.step(energy, started(sampler), torch.Generator().manual_seed(1))
    assert info.diverged.any()


def test_a_metric_that_trees_do_not_know_is_refused():
    class Other(Unit):
        def parts(self):
            """None."""

    sampler = NUTS(0.1, Other())
    with pytest.raises(InputError, match="NUTS: metric is"):
        sampler.step(energy, started(sampler), torch.Generator().manual_seed(1))
