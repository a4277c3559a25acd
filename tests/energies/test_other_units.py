"""Energies asked in other units or coordinates than they are made in."""

import math

import torch
from torch.distributions.transforms import ComposeTransform, ExpTransform, SigmoidTransform

from thalweg.core import Energy, Function
from thalweg.energies import Affine, Reconstruction, Rescaled, Transformed
from thalweg.latents import Flat, FreeEnergy, LeastSquares

DOUBLE = torch.float64
SHIFT = torch.tensor([1.0, -2.0], dtype=DOUBLE)
SCALE = torch.tensor([2.0, 0.5], dtype=DOUBLE)
Y = torch.tensor([[0.3, -1.0], [4.0, 0.0]], dtype=DOUBLE)


class Pull(Energy):
    """|y|^2 / 2 + x y_1."""

    def forward(self, y, x=None):
        value = 0.5 * y.square().sum(dim=1)
        return value if x is None else value + x[:, 0] * y[:, 0]

    def draw(self, n, generator):
        return torch.arange(2.0 * n, dtype=DOUBLE).reshape(n, 2)

    def expect(self, y, x=None):
        return torch.zeros_like(y) if x is None else torch.cat([-x, 0 * x], dim=1)


def test_rows_go_in_and_come_out_in_units_of_their_own():
    energy = Rescaled(Pull(), SHIFT, SCALE)
    inside = (Y - SHIFT) / SCALE
    torch.testing.assert_close(energy(Y), 0.5 * inside.square().sum(dim=1))
    value, grad = energy.value_and_gradient(Y)
    torch.testing.assert_close(value, energy(Y))
    torch.testing.assert_close(grad, inside / SCALE)
    drawn = energy.draw(2, torch.Generator())
    torch.testing.assert_close(drawn, torch.tensor([[1.0, -1.5], [5.0, -0.5]], dtype=DOUBLE))


def test_what_is_given_has_units_too():
    x = torch.tensor([[3.0], [5.0]], dtype=DOUBLE)
    energy = Rescaled(
        Pull(), SHIFT, SCALE, torch.tensor([1.0], dtype=DOUBLE), torch.tensor([4.0], dtype=DOUBLE)
    )
    inside = (Y - SHIFT) / SCALE
    expected = 0.5 * inside.square().sum(dim=1) + torch.tensor([0.5, 1.0]) * inside[:, 0]
    torch.testing.assert_close(energy(Y, x), expected)
    mean = torch.tensor([[0.0, -2.0], [-1.0, -2.0]], dtype=DOUBLE)
    torch.testing.assert_close(energy.expect(Y, x), mean)


def test_hidden_entries_stay_hidden_in_other_units():
    weight = torch.tensor([[0.6, 0.8]], dtype=DOUBLE)
    inner = FreeEnergy(Reconstruction(Affine(weight), Flat(1)), LeastSquares()).double()
    energy = Rescaled(inner, SHIFT, SCALE)
    visible = torch.tensor([[True, False], [True, True]])
    view = energy.restricted(visible)
    with torch.no_grad():
        found = view.reconstruct(torch.where(visible, Y, math.nan))
        # of the first row the code is what its one entry says
        z = (0.3 - 1.0) / 2.0 / 0.6
        torch.testing.assert_close(found[0], SHIFT + SCALE * z * weight[0])
        torch.testing.assert_close(view(Y)[1:], energy(Y)[1:])


def test_a_change_of_coordinates_takes_the_jacobian_and_the_temperature_along():
    inner = Function(lambda y: y.sum(dim=1))
    inner.beta = 3.0
    u = torch.tensor([[0.2, -1.0], [0.0, 2.0]], dtype=DOUBLE)
    # y = e^u, and the logarithm of its derivative is u
    expected = (3 * u.exp() - u).sum(dim=1)
    torch.testing.assert_close(Transformed(inner, ExpTransform())(u), expected)
    s = u.sigmoid()
    expected = (3 * s - (s * (1 - s)).log()).sum(dim=1)
    torch.testing.assert_close(Transformed(inner, SigmoidTransform())(u), expected)
    both = ComposeTransform([ExpTransform(), ExpTransform()])
    expected = (3 * u.exp().exp() - u - u.exp()).sum(dim=1)
    torch.testing.assert_close(Transformed(inner, both)(u), expected)
    torch.testing.assert_close(Transformed(inner, ExpTransform()).to_y(u), u.exp())
