"""Modules, functions and batches as people have them."""

import functools
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from thalweg.core import Batch, Energy, Function, InputError, as_batch, as_energy, function
from thalweg.energies import Affine, Normal, Reconstruction
from thalweg.latents import Flat
from thalweg.objectives import DualScoreMatching, VariationalBound
from thalweg.questions import expect, explain, landscape, plane_of, sample


class Plain(nn.Module):
    """As somebody who never heard of this library writes it."""

    def __init__(self, column=False):
        super().__init__()
        self.linear, self.column = nn.Linear(2, 1), column

    def forward(self, y):
        value = self.linear(y) + y.square().sum(dim=1, keepdim=True)
        return value if self.column else value[:, 0]


class Conditional(nn.Module):
    def forward(self, y, x):
        return (y - x).square().sum(dim=1)


def test_modules_and_functions_are_energies():
    module, y = Plain(), torch.randn(5, 2)
    energy = as_energy(module)
    assert isinstance(energy, Energy)
    assert energy.beta == 1
    assert [id(p) for p in energy.parameters()] == [id(p) for p in module.parameters()]
    torch.testing.assert_close(energy(y), module(y))
    value, grad = energy.value_and_gradient(y)
    torch.testing.assert_close(grad, 2 * y + module.linear.weight.detach())
    assert not value.requires_grad
    assert as_energy(energy) is energy
    energy.eval()
    assert not module.training
    x = torch.randn(5, 2)
    torch.testing.assert_close(as_energy(Conditional())(y, x), (y - x).square().sum(1))
    torch.testing.assert_close(as_energy(lambda y, *rest: y[:, 0])(y, x), y[:, 0])
    torch.testing.assert_close(
        as_energy(functools.partial(Conditional(), x=x))(y), Conditional()(y, x)
    )


def test_what_x_is_is_not_a_setting():
    y, x = torch.randn(5, 2), torch.randn(5, 2, dtype=torch.float64)
    module = Plain()
    for of_y in (lambda y, scale=2.0: scale * y.sum(1), lambda y, net=module: net(y)):
        with pytest.raises(InputError, match="a function of y alone"):
            as_energy(of_y)(y, x)
    found = as_energy(lambda y, x=None: y.sum(1) if x is None else (y - x).sum(1))
    torch.testing.assert_close(found(y, x), (y - x).sum(1))

    class Learned(Plain):
        def forward(self, y, x):
            return super().forward(y - x)

    # in the precision of the module, as y is
    assert as_energy(Learned())(y, x).dtype == torch.float32


def test_a_column_is_said_once():
    function._told.discard("Plain")
    module, y = Plain(column=True), torch.randn(5, 2)
    with pytest.warns(UserWarning, match=r"Plain: its value is a column, \(5, 1\)"):
        value = as_energy(module)(y)
    torch.testing.assert_close(value, module(y)[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_energy(module)(y)
        assert as_energy(module)(y[:1]).shape == (1,)


@pytest.mark.parametrize(("wrong", "said"), [
    (lambda y: y.sum(), r"has shape \(\); expected \(5,\)"),
    (lambda y: y, r"has shape \(5, 2\)"),
    (lambda y: 3.0, " is float"),
    (lambda y: y[:3, 0], r"has shape \(3,\)"),
])  # fmt: skip
def test_what_is_not_one_number_a_row_is_refused(wrong, said):
    with pytest.raises(InputError, match=f"<lambda>: its value.*{said}"):
        as_energy(wrong)(torch.randn(5, 2))


def test_what_is_no_energy_is_refused():
    with pytest.raises(InputError, match="Plain: it is a function of y alone, and x is given"):
        as_energy(Plain())(torch.zeros(3, 2), torch.zeros(3, 1))
    with pytest.raises(InputError, match="energy is str; expected an Energy, a module"):
        as_energy("energy")
    latent = Reconstruction(Affine(torch.eye(2)), Flat(2))
    with pytest.raises(InputError, match=r"FreeEnergy\(energy, solver\)"):
        as_energy(latent)


def test_rows_come_in_the_precision_of_a_module():
    module, y = Plain(), torch.randn(5, 2, dtype=torch.float64)
    value, grad = as_energy(module).value_and_gradient(y)
    torch.testing.assert_close(value, module(y.float()).detach())
    assert grad.dtype == torch.float64
    # of a function nothing is known: it gets what there is
    assert Function(lambda y: y.sum(dim=1))(y).dtype == torch.float64


Y, X = torch.randn(4, 2), torch.randn(4, 3)


@pytest.mark.parametrize(("given", "pair", "y", "x"), [
    (Y, "yx", Y, None),
    (Y.numpy(), "yx", Y, None),
    ((Y,), "xy", Y, None),
    ([Y, X], "yx", Y, X),
    ((X, Y), "xy", Y, X),
    ([Y, torch.arange(4)], "y", Y, None),
    ({"x": X, "y": Y}, "yx", Y, X),
    ({"y": Y.numpy(), "x": None}, "yx", Y, None),
    (np.ascontiguousarray(Y.numpy()[::-1])[::-1], "yx", Y, None),
    (Y.numpy().astype(">f4"), "yx", Y, None),
    (Batch(Y, X), "xy", Y, X),
])  # fmt: skip
def test_batches_as_loaders_give_them(given, pair, y, x):
    batch = as_batch(given, pair)
    torch.testing.assert_close(batch.y, y)
    if x is None:
        assert batch.x is None
    else:
        torch.testing.assert_close(batch.x, x)


@pytest.mark.parametrize(("given", "said"), [
    ((Y, X, Y), "a batch is tuple of 3; expected a tensor y"),
    ("rows", "a batch is str"),
    ({"image": Y}, "a mapping with image; expected y, x, weight, position"),
    ({"y": Y, "label": X}, "a mapping with y, label"),
    ((Y, X[:3]), r"x of a batch has shape \(3, 3\) and y \(4, 2\)"),
    ((Y, ["a", "b", "c", "d"]), "x of a batch is list; expected a tensor"),
    (np.array(["a"]), "y of a batch is ndarray"),
    (torch.tensor(1.0), "a single number"),
])  # fmt: skip
def test_other_batches_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        as_batch(given)
    with pytest.raises(InputError, match="pair must be one of 'yx', 'xy', 'y', got 'zz'"):
        as_batch(Y, "zz")


def test_what_a_plain_module_cannot_say_is_said():
    module, y = Plain(), torch.randn(4, 2)
    with pytest.raises(InputError, match="explain: Plain has no energy of some of its coordinates"):
        explain(module, y)
    holed = y.clone()
    holed[1, 0] = torch.nan
    with pytest.raises(InputError, match="Plain does not know the mean"):
        expect(module, holed)
    with pytest.raises(InputError, match="sample: Plain has no exact way"):
        sample(module, 5)
    with pytest.raises(InputError, match="Plain has no codes; this objective expects FreeEnergy"):
        VariationalBound()(module, y, torch.Generator())
    with pytest.raises(InputError, match="DualScoreMatching: the batch has x"):
        DualScoreMatching()(Conditional(), (y, y), torch.Generator())
    drawn = landscape(module, plane_of(y.double()), (-1.0, -1.0), (1.0, 1.0), 5)
    assert drawn.energy.shape == (5, 5)


def test_a_density_is_itself():
    normal = Normal(torch.zeros(2), torch.eye(2))
    assert as_energy(normal) is normal
