"""The laws of the design, for the K-means energy."""

import math

import pytest
import torch

from thalweg.core import Batch, InputError, seen_through
from thalweg.energies import Affine, Reconstruction
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.objectives import PushDown
from thalweg.questions import complete, project, sample


def energy_of(points, beta=math.inf):
    reconstruction = Reconstruction(Affine(points), OneHot(len(points)))
    return FreeEnergy(reconstruction, Exhaustive(), beta).to(points)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def points(generator):
    return torch.randn(5, 3, generator=generator, dtype=torch.float64)


@pytest.fixture
def y(generator):
    return torch.randn(40, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("beta", [0.3, 2.0, math.inf])
def test_one_number_a_row_and_no_row_sees_another(points, y, beta, generator):
    energy = energy_of(points, beta)
    values = energy(y)
    assert values.shape == (40,)
    order = torch.randperm(40, generator=generator)
    torch.testing.assert_close(energy(y[order]), values[order])
    torch.testing.assert_close(energy(y[:1]), values[:1])


def test_k_points_have_zero_energy_and_it_grows_quadratically(points):
    energy = energy_of(points)
    torch.testing.assert_close(energy(points), torch.zeros(5, dtype=torch.float64))
    direction = torch.nn.functional.normalize(points[:1] - points[1:].mean(0), dim=1)
    near = torch.tensor([1e-3, 2e-3, 4e-3], dtype=torch.float64)[:, None]
    torch.testing.assert_close(energy(points[:1] + near * direction), near[:, 0] ** 2)


def test_f_is_below_e_for_every_z_and_f_beta_rises_to_it(points, y):
    hard = energy_of(points)
    z = torch.eye(5, dtype=torch.float64)
    for member in z:
        assert (hard(y) <= hard.energy(y, member.expand(40, 5)) + 1e-12).all()
    previous = torch.full((40,), -math.inf, dtype=torch.float64)
    for beta in (0.1, 1.0, 10.0, 100.0):
        value = energy_of(points, beta)(y)
        assert (value >= previous - 1e-12).all()
        assert (value <= hard(y) + 1e-12).all()
        previous = value
    assert ((hard(y) - previous) <= math.log(5) / 100 + 1e-12).all()


def test_f_beta_is_minus_the_log_of_the_sum(points, y):
    each = (y[:, None] - points).square().sum(-1)
    expected = -torch.log(torch.exp(-2 * each).sum(1)) / 2
    torch.testing.assert_close(energy_of(points, 2.0)(y), expected)


@pytest.mark.parametrize("beta", [2.0, math.inf])
@pytest.mark.parametrize("hidden", [False, True])
def test_gradients_equal_finite_differences(points, y, beta, hidden):
    visible = torch.ones(40, 3, dtype=torch.bool)
    if hidden:
        visible[::2, 1] = False

    def value(rows, weight):
        energy = energy_of(points, beta)
        view = energy.restricted(visible) if hidden else energy
        return torch.func.functional_call(view, {"energy.decoder.weight": weight}, (rows,))

    rows, weight = y.clone().requires_grad_(), points.clone().requires_grad_()
    assert torch.autograd.gradcheck(value, (rows, weight))


def test_hidden_coordinates_are_minimized_out(points, y):
    holed = y.clone()
    holed[:, 1] = math.nan
    value = seen_through(energy_of(points), holed)(holed)
    expected = (y[:, None, [0, 2]] - points[:, [0, 2]]).square().sum(-1).min(1).values
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("beta", [2.0, math.inf])
def test_completion_keeps_what_is_there_and_beats_random_fillings(points, y, beta, generator):
    energy = energy_of(points, beta)
    holed = y.clone()
    holed[::2, 0] = math.nan
    holed[::3, 2] = math.nan
    hidden = holed.isnan()
    filled = complete(energy, holed)
    assert torch.equal(filled[~hidden], y[~hidden])
    best = torch.full((40,), math.inf, dtype=torch.float64)
    for _ in range(100):
        noise = 2 * torch.randn(40, 3, generator=generator, dtype=torch.float64)
        best = torch.minimum(best, energy(torch.where(hidden, noise, y)))
    assert (energy(filled) <= best + 1e-9).all()


@pytest.mark.parametrize("beta", [2.0, math.inf])
def test_projection_is_where_the_energy_is_flat(points, y, beta):
    energy = energy_of(points, beta)
    at = project(energy, y).requires_grad_()
    (slope,) = torch.autograd.grad(energy(at).sum(), at)
    assert slope.abs().max() < 1e-4


def test_samples_have_the_moments_of_the_density(points, generator):
    n, beta = 40_000, 2.0
    drawn = sample(energy_of(points, beta), n, generator).y
    variance = points.var(0, correction=0) + 1 / (2 * beta)
    error = (drawn.mean(0) - points.mean(0)) / (variance / n).sqrt()
    assert error.abs().max() < 5
    again = sample(energy_of(points, beta), n, torch.Generator().manual_seed(1)).y
    same = sample(energy_of(points, beta), n, torch.Generator().manual_seed(1)).y
    assert torch.equal(again, same)


def test_push_down_lowers_data_below_elsewhere(generator):
    data = torch.randn(200, 2, generator=generator, dtype=torch.float64) * 0.1
    energy = energy_of(torch.tensor([[2.0, 0.0], [0.0, 2.0]], dtype=torch.float64))
    optimizer = torch.optim.SGD(energy.parameters(), lr=0.2)
    for _ in range(100):
        optimizer.zero_grad()
        PushDown()(energy, Batch(data), generator).value.backward()
        optimizer.step()
    elsewhere = torch.tensor([[-3.0, -3.0], [4.0, 4.0]], dtype=torch.float64)
    assert energy(data).max() < energy(elsewhere).min()


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_beta_must_be_above_zero(points, beta):
    with pytest.raises(InputError, match="beta must be a number above 0"):
        energy_of(points, beta)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("columns", [1, 2, 4, 9])
@pytest.mark.parametrize("beta", [1.0, math.inf])
def test_rows_of_another_width_are_refused(points, dtype, columns, beta):
    energy = energy_of(points.to(dtype), beta)
    with pytest.raises(InputError, match=f"{columns} columns; expected 3"):
        energy(torch.zeros(9, columns, dtype=dtype))
