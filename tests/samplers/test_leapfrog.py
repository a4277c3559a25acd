"""The integrator: reversible, volume-preserving, second order; metrics are what they say."""

import math

import pytest
import torch
from targets import DOUBLE, METRICS

from thalweg.core import InputError, value_and_gradient
from thalweg.samplers import HMC, Diagonal, LowRank, leapfrog


def energy(y):
    return (y[:, 0] ** 4) / 4 + (y[:, 0] * y[:, 1]).square() + y[:, 1].square() / 2 + y[:, 0]


@pytest.fixture
def begun():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(10, 2, generator=generator, dtype=DOUBLE), torch.randn(
        10, 2, generator=generator, dtype=DOUBLE
    )


@pytest.mark.parametrize("metric", METRICS)
def test_it_reverses(metric, begun):
    y, p = begun
    grad = value_and_gradient(energy, y)[1]
    there = leapfrog(energy, METRICS[metric], y, p, grad, 0.05, 20)
    assert (there.y - y).abs().min() > 1e-3
    back = leapfrog(energy, METRICS[metric], there.y, -there.p, there.grad, 0.05, 20)
    torch.testing.assert_close(back.y, y, rtol=0, atol=1e-10)
    torch.testing.assert_close(-back.p, p, rtol=0, atol=1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_it_preserves_volume(metric, begun):
    y, p = begun

    def there(point):
        at = point.detach()[None]
        end = leapfrog(
            energy, METRICS[metric], at[:, :2], at[:, 2:], value_and_gradient(energy, at[:, :2])[1],
            0.1, 5,
        )  # fmt: skip
        return torch.cat([end.y, end.p], dim=1)[0]

    h = 1e-6
    for point in torch.cat([y, p], dim=1)[:3]:
        columns = [
            (there(point + h * e) - there(point - h * e)) / (2 * h)
            for e in torch.eye(4, dtype=DOUBLE)
        ]
        assert abs(float(torch.linalg.det(torch.stack(columns, dim=1))) - 1) < 1e-6


@pytest.mark.parametrize("metric", METRICS)
def test_its_energy_error_is_of_second_order(metric, begun):
    y, p = begun
    kinetic = METRICS[metric].kinetic
    grad = value_and_gradient(energy, y)[1]
    worst = []
    for step in (0.02, 0.01, 0.005):
        end = leapfrog(energy, METRICS[metric], y, p, grad, step, round(0.4 / step))
        error = end.energy + kinetic(end.p) - energy(y) - kinetic(p)
        worst.append(float(error.norm()))
    assert 3.8 < worst[0] / worst[1] < 4.2
    assert 3.8 < worst[1] / worst[2] < 4.2


def test_a_trajectory_that_loses_its_way_is_flagged():
    """Steps too long for a stiff spring: finite, and far above where it began."""
    sampler = HMC(step_size=0.1, n_steps=3, jitter=0.0)
    spring = lambda y: 1e4 * y.square().sum(dim=1)  # noqa: E731
    state = sampler.init(spring, torch.full((50, 1), 0.01, dtype=DOUBLE))
    after, info = sampler.step(spring, state, torch.Generator().manual_seed(0))
    assert info.diverged.double().mean() > 0.9
    assert torch.equal(after.y[info.diverged], state.y[info.diverged])


def test_one_gradient_a_step(begun):
    y, p = begun
    calls = 0

    def counted(y):
        nonlocal calls
        calls += 1
        return energy(y)

    grad = value_and_gradient(energy, y)[1]
    leapfrog(counted, METRICS["unit"], y, p, grad, 0.1, 12)
    assert calls == 12


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_one_matrix_in_all_that_it_does(name):
    metric = METRICS[name]
    eye = torch.eye(2, dtype=DOUBLE)
    sigma = metric.velocity(eye)
    torch.testing.assert_close(sigma, sigma.T)
    root, momentum, whiten = metric.root(eye).T, metric.momentum(eye).T, metric.whiten(eye).T
    torch.testing.assert_close(root @ root.T, sigma)
    torch.testing.assert_close(momentum @ momentum.T, torch.linalg.inv(sigma))
    torch.testing.assert_close(whiten @ sigma @ whiten.T, eye)
    p = torch.randn(5, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(metric.kinetic(p), 0.5 * ((p @ sigma) * p).sum(1))
    for step in (0.3, torch.linspace(0.1, 0.5, 5, dtype=DOUBLE)[:, None]):
        y = torch.ones(5, 2, dtype=DOUBLE)
        metric.drift(y, p, step)
        torch.testing.assert_close(y, 1 + step * (p @ sigma))


@pytest.mark.parametrize(
    "bad", [0.0, -1.0, math.inf, math.nan, 3, None], ids=str
)  # fmt: skip
def test_a_metric_that_is_none_is_refused(bad):
    spoiled = torch.tensor([1.0, bad]) if isinstance(bad, float) else bad
    fine, along = torch.ones(2), torch.eye(2)[:, :1]
    for make, name in (
        (lambda: Diagonal(spoiled), "Diagonal: variance"),
        (lambda: LowRank(spoiled, along, torch.ones(1)), "LowRank: scale"),
        (lambda: LowRank(fine, along.repeat(1, 2), spoiled), "LowRank: values"),
    ):
        with pytest.raises(InputError, match=f"{name} must be a tensor of finite numbers above 0"):
            make()
    with pytest.raises(InputError, match=r"LowRank: vectors must be a tensor of shape \(2, 1\)"):
        LowRank(fine, torch.eye(2), torch.ones(1))
