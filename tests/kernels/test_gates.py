"""The nonlinearity and what is next to it, against torch in double precision."""

import numpy as np
import pytest
import torch

from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.kernels import gates
from thalweg.kernels.gates import fill_back, fill_first, fill_silu, slope_times

TYPES = [np.float32, np.float64]
FAR = [0.0, -0.0, 30.0, -30.0, 87.5, -87.5, 500.0, -500.0, 1e30, np.nan]


def expected(field):
    f = torch.as_tensor(field).double()
    s = f.sigmoid()
    return (f * s).numpy(), (s + f * s * (-f).sigmoid()).numpy()


@pytest.mark.parametrize("kind", TYPES)
def test_value_and_slope(kind):
    field = np.concatenate([np.random.default_rng(0).normal(0, 6, 10_000), FAR]).astype(kind)
    value, slope = np.empty_like(field), np.empty_like(field)
    fill_silu(field, value, slope)
    right_value, right_slope = expected(field)
    eps = np.finfo(kind).eps
    np.testing.assert_allclose(value, right_value, rtol=8 * eps, atol=1e-30)
    # 1 - s is rounded, and counts as often as f is large
    allowed = eps * (4 + np.abs(np.nan_to_num(field)).clip(max=40))
    assert (np.abs(slope - right_slope)[:-1] <= allowed[:-1]).all()
    assert np.isnan(value[-1])
    assert np.isnan(slope[-1])


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_layers_of_few_inputs(kind, threads, monkeypatch):
    if threads > 1:
        monkeypatch.setattr(gates, "SHARED_OUT", 1)
    rng = np.random.default_rng(1)
    y, weight = rng.normal(size=(23, 3)).astype(kind), rng.normal(size=(37, 3)).astype(kind)
    bias, counts = rng.normal(size=37).astype(kind), rng.normal(size=37).astype(kind)
    value, slope = np.empty((23, 37), kind), np.empty((23, 37), kind)
    fill_first(y, weight, bias, value, slope)
    field = y.astype(float) @ weight.T.astype(float) + bias
    tolerance = {"rtol": 1e3 * np.finfo(kind).eps, "atol": 1e3 * np.finfo(kind).eps}
    np.testing.assert_allclose(value, expected(field)[0], **tolerance)
    np.testing.assert_allclose(slope, expected(field)[1], **tolerance)
    changed = field.astype(kind)
    slope_times(changed, counts)
    np.testing.assert_allclose(changed, expected(field)[1] * counts, **tolerance)
    out = np.empty((23, 3), kind)
    fill_back(value, slope, weight, out)
    np.testing.assert_allclose(
        out, (value.astype(float) * slope) @ weight.astype(float), **tolerance
    )


@pytest.mark.parametrize("sizes", [(2, 1), (2, 8, 1), (3, 8, 5, 1), (40, 9, 1), (2, 7, 6, 5, 1)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_the_gradient_of_a_network_is_autograds(sizes, kind):
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
