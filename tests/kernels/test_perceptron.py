"""A network's values and gradients, and what trains both, against autograd in double precision."""

import numpy as np
import pytest
import torch

from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.energies import silu_network as module
from thalweg.energies.silu_network import (
    Gradients,
    Values,
    network_of,
    parameters_of,
    value_and_gradient,
)

SIZES = [(2, 1), (2, 8, 1), (3, 8, 5, 1), (40, 9, 1), (2, 7, 6, 5, 1), (9, 33, 65, 1)]
KINDS = {torch.float32: 1e-5, torch.float64: 1e-12}


def case(sizes, kind, n):
    generator = torch.Generator().manual_seed(0)
    net = Perceptron(sizes, generator=generator).to(kind)
    y = torch.randn(n, sizes[0], generator=generator).to(kind)
    layers = net.layers_of_one_output
    return net, y, layers, network_of(layers, y)


def plain(net, y):
    """The output in double precision, by torch's own layers."""
    return net.double().layers(y)[:, 0]


def same(found, right, bound):
    for one, other in zip(found, right, strict=True):
        scale = other.abs().max() + 1
        assert (one.double() - other).abs().max() <= bound * scale


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("n", [16, 37, 100])
def test_values_and_gradients_are_autograds(sizes, kind, n):
    net, y, _, network = case(sizes, kind, n)
    value, grad = value_and_gradient(network, y)
    exact = y.double().requires_grad_()
    right = plain(net, exact)
    (slope,) = torch.autograd.grad(right.sum(), exact)
    same((value, grad), (right.detach(), slope), KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("n", [16, 100, 700])
def test_what_parameters_learn_is_autograds(sizes, kind, n):
    net, y, layers, network = case(sizes, kind, n)
    generator = torch.Generator().manual_seed(1)
    by_value = torch.randn(n, generator=generator).to(kind)
    by_grad = torch.randn(y.shape, generator=generator).to(kind)
    parameters = parameters_of(layers)
    value = Values.apply(network, y, *parameters)
    found = torch.autograd.grad(value, parameters, by_value)
    grad = Gradients.apply(network, y, *parameters)
    found_too = torch.autograd.grad(grad, parameters, by_grad)

    exact = y.double().requires_grad_()
    right = plain(net, exact)
    parameters = parameters_of(layers)
    same((value.detach(),), (right.detach(),), KINDS[kind])
    expected = torch.autograd.grad(right, parameters, by_value.double(), retain_graph=True)
    same(found, expected, KINDS[kind] * 10)
    (slope,) = torch.autograd.grad(right.sum(), exact, create_graph=True)
    same((grad.detach(),), (slope.detach(),), KINDS[kind])
    expected = torch.autograd.grad(
        slope, parameters, by_grad.double(), allow_unused=True, materialize_grads=True
    )
    same(found_too, expected, KINDS[kind] * 10)


@pytest.mark.parametrize("function", [Values, Gradients])
def test_second_derivatives_by_parameters_are_there(function):
    net, y, layers, network = case((3, 8, 5, 1), torch.float64, 20)
    net.double()
    parameters = parameters_of(layers)

    def second(out):
        grads = torch.autograd.grad(
            out.square().sum(), parameters, create_graph=True, allow_unused=True
        )
        total = sum(each.square().sum() for each in grads if each is not None)
        return torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)

    exact = y.clone().requires_grad_()
    right = plain(net, exact)
    if function is Gradients:
        (right,) = torch.autograd.grad(right.sum(), exact, create_graph=True)
    same(second(function.apply(network, y, *parameters)), second(right), 1e-10)


def in_threads(count, function):
    threads = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return function()
    finally:
        torch.set_num_threads(threads)


def test_neither_threads_nor_neighbours_change_a_bit():
    _net, y, layers, _ = case((5, 33, 20, 1), torch.float32, 300)
    parameters = parameters_of(layers)
    upstream = torch.linspace(-1, 1, 300)

    def all_of_it(rows):
        network = network_of(layers, rows)
        value, grad = value_and_gradient(network, rows)
        learned = torch.autograd.grad(
            Values.apply(network, rows, *parameters), parameters, upstream[: len(rows)]
        )
        return value, grad, *learned

    one, two = in_threads(1, lambda: all_of_it(y)), in_threads(2, lambda: all_of_it(y))
    for a, b in zip(one, two, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(all_of_it(y[3:200])[:2], one[:2], strict=True):
        assert torch.equal(a, b[3:200])


def test_what_the_loops_are_not_made_for_is_left_to_torch():
    _net, y, layers, _ = case((5, 33, 20, 1), torch.float32, 40)
    assert network_of(layers, y.double()) is None
    assert network_of(layers, y[:, None]) is None
    wide = Perceptron((5, 4 * module.FEW, 1))
    assert network_of(wide.layers_of_one_output, y[:2]) is None
    assert network_of(wide.layers_of_one_output, y) is not None
    with torch.autocast("cpu", torch.bfloat16):
        assert network_of(layers, y) is None


def test_hooks_on_layers_are_called():
    net, y, layers, _ = case((5, 33, 20, 1), torch.float32, 40)
    assert type(net(y).grad_fn.next_functions[0][0]).__name__.startswith("Values")
    seen = []
    layers[1].register_forward_hook(lambda *what: seen.append(what))
    net(y)
    assert len(seen) == 1
    # rows that want a gradient take torch's way, whose every derivative has a graph
    assert net(y.requires_grad_()).grad_fn.name().startswith("Addmm")


def test_an_energy_trains_as_it_does_by_torch():
    def trained(energy, y):
        optimizer = torch.optim.SGD(energy.parameters(), 0.01)
        for _ in range(20):
            optimizer.zero_grad()
            loss = energy(y).square().mean() + energy.slope(y).square().mean()
            loss.backward()
            optimizer.step()
        return [p.detach() for p in energy.parameters()]

    net, y, _, _ = case((3, 16, 16, 1), torch.float32, 64)
    other = Perceptron((3, 16, 16, 1), generator=torch.Generator().manual_seed(0))
    other.layers[0].register_forward_hook(lambda *_: None)
    ours = trained(NetworkEnergy(net), y)
    # double precision and rows that want a gradient are torch's
    theirs = trained(NetworkEnergy(other.double()), y.double().requires_grad_())
    same(ours, theirs, 1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sizes", SIZES)
def test_an_energys_gradient_is_autograds_whatever_way_it_goes(sizes, kind):
    generator = torch.Generator().manual_seed(0)
    energy = NetworkEnergy(Perceptron(sizes, generator=generator), 0.3)
    y = torch.randn(17, sizes[0], generator=generator)
    exact = y.double().requires_grad_()
    value = energy.double()(exact)
    (grad,) = torch.autograd.grad(value.sum(), exact)
    energy, y = energy.to(kind), y.to(kind)
    close = {"rtol": 0.1, "atol": 0.3} if kind is torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    for found in (energy.gradient(y), energy.value_and_gradient(y)[1]):
        assert found.dtype == kind
        torch.testing.assert_close(found.double(), grad, **close)
    torch.testing.assert_close(energy.value_and_gradient(y)[0].double(), value.detach(), **close)
    strided = torch.stack([y, y], dim=2)[..., 0]
    torch.testing.assert_close(energy.gradient(strided), energy.gradient(y), **close)


def test_a_block_is_two_registers():
    from thalweg.kernels import simd

    _, _, _, network = case((2, 3, 1), torch.float32, 32)
    assert network.rows_of_a_block * network.like.itemsize == 2 * simd.REGISTER_BYTES
    assert isinstance(network.like, np.ndarray)


def test_weights_whose_memory_is_given_back_are_not_looked_up_there():
    net, y, layers, network = case((3, 16, 16, 1), torch.float32, 64)
    parameters = parameters_of(layers)
    value = Values.apply(network, y, *parameters)
    right = torch.autograd.grad(net.layers(y)[:, 0].sum(), parameters)
    for each in parameters:
        # the same numbers elsewhere, and others where they were
        old = each.data
        each.data = old.clone()
        old.fill_(torch.nan)
    same(torch.autograd.grad(value.sum(), parameters), [g.double() for g in right], 1e-5)
