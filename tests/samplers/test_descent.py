"""Minimizers go down, and to the minimum."""

import dataclasses
import math

import pytest
import torch

import thalweg.samplers as library
from thalweg.core import Energy, InputError, value_and_gradient
from thalweg.energies import Normal
from thalweg.questions import descend
from thalweg.questions.descent import _down
from thalweg.samplers import LBFGS, GradientDescent, Minimizer, Nesterov

KINDS = [
    kind for kind in (getattr(library, name) for name in library.__all__)
    if isinstance(kind, type) and issubclass(kind, Minimizer) and not kind.__abstractmethods__
]  # fmt: skip
DOUBLE = torch.float64


class Rosenbrock(Energy):
    def forward(self, y, x=None):
        return (1 - y[:, 0]).square() + 20 * (y[:, 1] - y[:, 0].square()).square()


class Squares(Energy):
    def forward(self, y, x=None):
        return y.flatten(1).square().sum(dim=1)


class Steep(Energy):
    """Not finite below 0."""

    def forward(self, y, x=None):
        return (y - y.log()).sum(dim=1)


@pytest.fixture
def rows():
    return torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)


@pytest.mark.parametrize("kind", KINDS)
def test_no_energy_ever_rises_and_no_row_sees_another(kind, rows):
    energy, method = Rosenbrock(), kind()
    state, alone = method.init(energy, rows), method.init(energy, rows[3:4])
    for _ in range(60):
        after, info = method.step(energy, state)
        assert (after.energy <= state.energy).all()
        torch.testing.assert_close(after.energy, energy(after.y))
        assert torch.equal(after.y[~info.accepted], state.y[~info.accepted])
        state, alone = after, method.step(energy, alone)[0]
    torch.testing.assert_close(state.y[3:4], alone.y)


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_the_minimum_of_a_long_valley(kind):
    covariance = torch.diag(torch.logspace(-3, 0, 5, dtype=DOUBLE))
    energy = Normal(torch.ones(5, dtype=DOUBLE), covariance)
    end = descend(energy, torch.zeros(4, 5, dtype=DOUBLE), max_steps=5000, tol=1e-9, method=kind())
    assert (energy(end) < 1e-4).all()


def test_memory_pays(rows):
    steps = {}
    for kind in KINDS:
        path = []
        end = descend(Rosenbrock(), rows, max_steps=20_000, tol=1e-10, path=path, method=kind())
        assert (end - 1).abs().max() < 1e-2
        steps[kind] = len(path)
    assert steps[LBFGS] < steps[Nesterov] < steps[GradientDescent]
    assert steps[LBFGS] < 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_to_where_nothing_is_finite_is_not_taken(kind):
    method, energy = kind(), Steep()
    state = method.init(energy, torch.full((2, 2), 1e-3, dtype=DOUBLE))
    for _ in range(3000):
        state, _ = method.step(energy, state)
        assert state.y.isfinite().all()
    torch.testing.assert_close(state.y, torch.ones(2, 2, dtype=DOUBLE), atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_may_be_images_and_some_coordinates_may_be_held(kind):
    y = torch.ones(3, 2, 4, 4, dtype=DOUBLE)
    state = kind().init(lambda y: y.square().sum(dim=(1, 2, 3)), y)
    for _ in range(5):
        state, _ = kind().step(lambda y: y.square().sum(dim=(1, 2, 3)), state)
    assert state.y.abs().max() < 1
    free = torch.tensor([[True, False]])
    end = descend(Normal(torch.ones(2, dtype=DOUBLE)), torch.zeros(1, 2, dtype=DOUBLE), free=free,
                  method=kind())  # fmt: skip
    assert end[0, 1] == 0
    images = descend(Squares(), torch.ones(4, 1, 4, 4, dtype=DOUBLE), method=kind())
    assert images.abs().max() < 1e-4
    with pytest.raises(InputError, match="chain 1 starts where the energy is not finite"):
        descend(Squares(), torch.tensor([[1.0], [math.inf]]), method=kind())
    assert end[0, 0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_settings_are_refused(kind):
    assert dataclasses.is_dataclass(kind)
    for setting, constraint in kind.parameters.items():
        for bad in constraint.violations():
            with pytest.raises(InputError, match=f"{kind.__name__}: {setting} must be"):
                kind(**{setting: bad})


def slopes(y):
    return value_and_gradient(Rosenbrock(), y)[1]


def test_momentum_is_that_of_its_formula_and_is_forgotten_where_it_leads_astray(rows):
    method = Nesterov(momentum=0.7)
    state = method.init(Rosenbrock(), rows)
    velocity = 0.1 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(1)).double()
    state = state._replace(memory=(velocity,), rate=torch.full((20,), 1e-4, dtype=DOUBLE))
    pushed = 0.7 * velocity - slopes(rows)
    move = 0.7 * pushed - slopes(rows)
    torch.testing.assert_close(method._move(state), move)
    after, info = method.step(Rosenbrock(), state)
    down = (move * slopes(rows)).sum(dim=1) < 0
    assert down.all()
    assert info.accepted.all()
    torch.testing.assert_close(after.y, rows + 1e-4 * move)
    torch.testing.assert_close(after.memory[0], pushed)
    torch.testing.assert_close(after.rate, torch.full((20,), 1.1e-4, dtype=DOUBLE))
    # up the slope: the gradient is followed instead
    up = state._replace(memory=(5 * slopes(rows),))
    after, _ = method.step(Rosenbrock(), up)
    torch.testing.assert_close(after.y, rows - 1e-4 * slopes(rows))
    # too far: it stays, and forgets
    far = state._replace(rate=torch.full((20,), 1e6, dtype=DOUBLE))
    after, info = method.step(Rosenbrock(), far)
    assert not info.accepted.any()
    assert torch.equal(after.y, rows)
    assert torch.equal(after.memory[0], torch.zeros_like(rows))
    torch.testing.assert_close(after.rate, far.rate / 2)


def test_the_two_loops_are_the_matrix_that_they_stand_for(rows):
    """H from gamma I, updated with every remembered pair, as a matrix."""
    method = LBFGS(history=3)
    state = method.init(Rosenbrock(), rows[:1])
    for _ in range(12):
        state, _ = method.step(Rosenbrock(), state)
    steps, changes = (part[0] for part in state.memory)
    eye = torch.eye(2, dtype=DOUBLE)
    inverse = steps[-1] @ changes[-1] / changes[-1].square().sum() * eye
    for step, change in zip(steps, changes, strict=True):
        weight = 1 / (step @ change)
        side = eye - weight * torch.outer(change, step)
        inverse = side.T @ inverse @ side + weight * torch.outer(step, step)
    torch.testing.assert_close(method._move(state)[0], -inverse @ state.grad[0])


def test_only_pairs_that_curve_upwards_are_remembered(rows):
    method = LBFGS()
    before = method.init(Squares(), rows)
    after = before._replace(y=rows + 1, grad=before.grad - 1)
    better = torch.ones(20, dtype=torch.bool)
    for kept in method._learn(before, after, better):
        assert not kept.any()
    after = before._replace(y=rows + 1, grad=before.grad + 2)
    better[3] = False
    steps, changes = method._learn(before, after, better)
    assert torch.equal(steps[:, -1].any(dim=1), better)
    torch.testing.assert_close(changes[better, -1], torch.full((19, 2), 2.0, dtype=DOUBLE))
    assert not steps[:, :-1].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("low", "grad"), [(-math.inf, 1.0), (0.0, math.inf), (0.0, math.nan)])
def test_a_lower_place_without_a_finite_energy_and_gradient_is_not_taken(kind, low, grad):
    class Hole(Squares):
        def value_and_gradient(self, y, x=None):
            within = y[:, 0].abs() < 0.3
            return torch.where(within, low, self(y)), torch.where(within[:, None], grad, 2 * y)

    state = kind().init(Hole(), torch.tensor([[1.0], [4.0]], dtype=DOUBLE))
    state = state._replace(rate=torch.tensor([0.5, 0.1], dtype=DOUBLE))
    after, info = kind().step(Hole(), state)
    if kind is not Nesterov:
        assert info.diverged.tolist() == [True, False]
        assert info.accepted.tolist() == [False, True]
    for _ in range(5):
        after, _ = kind().step(Hole(), after)
        assert after.energy.isfinite().all()
        assert after.grad.isfinite().all()


@pytest.mark.parametrize("method", [GradientDescent(), Nesterov(), LBFGS()])
def test_rows_that_have_ended_are_left_out_and_end_where_they_do_alone(method):
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    # the first are there already
    y[:20] = 0
    x = torch.rand(30, 3, generator=generator, dtype=torch.float64) + 0.1
    free = torch.rand(30, 3, generator=generator) < 0.8
    sizes = []

    class Bowl(Energy):
        def forward(self, y, x=None):
            sizes.append(len(y))
            return (x * y.square() + 0.1 * y**4).sum(dim=1)

    found = descend(Bowl(), y, x, free, method=method)
    # an energy may be one of these very rows
    assert set(sizes) == {30}
    sizes.clear()
    apart = _down(Bowl(), y, x, free, method=method, apart=True).y
    assert sizes[0] == 30
    assert sizes[-1] <= 10
    torch.testing.assert_close(apart, found)
    for i in range(30):
        alone = descend(Bowl(), y[i : i + 1], x[i : i + 1], free[i : i + 1], method=method)
        torch.testing.assert_close(found[i], alone[0])
    torch.testing.assert_close(found[~free], y[~free])
