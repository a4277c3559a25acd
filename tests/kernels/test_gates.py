"""The nonlinearity, against torch in double precision."""

import numba
import numpy as np
import pytest
import torch

from thalweg.kernels.gates import silu_twice

FAR = [0.0, -0.0, 30.0, -30.0, 87.5, -87.5, 500.0, -500.0, 1e30, np.nan]


@numba.njit
def fill(field, value, slope, curve):
    for i in range(len(field)):
        value[i], slope[i], curve[i] = silu_twice(field[i])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_value_slope_and_curvature(kind):
    field = np.concatenate([np.random.default_rng(0).normal(0, 6, 10_000), FAR]).astype(kind)
    value, slope, curve = np.empty((3, len(field)), kind)
    fill(field, value, slope, curve)
    f = torch.as_tensor(field).double()
    s = f.sigmoid()
    eps = np.finfo(kind).eps
    np.testing.assert_allclose(value, (f * s).numpy(), rtol=8 * eps, atol=1e-30)
    # 1 - s is rounded, and counts as often as f is large
    allowed = eps * (4 + np.abs(np.nan_to_num(field)).clip(max=40))
    rest = (-f).sigmoid()
    right = (s + f * s * rest).numpy(), (s * rest * (2 + f * (rest - s))).numpy()
    for found, exact in zip((slope, curve), right, strict=True):
        assert (np.abs(found - exact)[:-1] <= 2 * allowed[:-1]).all()
    assert np.isnan([value[-1], slope[-1], curve[-1]]).all()
