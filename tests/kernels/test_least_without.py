"""The nearest rows without some coordinates are those that sums over the rest give."""

import numpy as np
import pytest

from thalweg.energies.row_distances import CANCELS
from thalweg.kernels.least_without import least_without

TERMS = {True: np.square, False: np.abs}


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize(("m", "d", "k"), [(5, 2, 1), (60, 3, 60), (400, 8, 30), (300, 40, 299)])
def test_by_hand(m, d, k, squared):
    random = np.random.default_rng(0)
    rows, y = random.normal(size=(m, d)), random.normal(size=(50, d))
    # ties; a sum of which next to nothing is left; one far beyond the others
    rows[: m // 3] = rows[m // 2]
    y[:10] = rows[0]
    y[:5, 1] += 1e9
    rows[1, 0] = 1e9
    rows[2] = 1e12
    # nearest of all without their first, whose rounding hides that
    rows[3:5] = y[20:22]
    rows[3:5, 0] = 1e18
    away = TERMS[squared](y[:, None] - rows)
    # as sums are that come from products
    sums = away.sum(axis=2) * (1 + 1e-13 * random.normal(size=(50, m)))
    cut = np.partition(sums, k - 1, axis=1)[:, k - 1]
    for gone in ([0], [1], [0, d - 1]):
        left_out = np.zeros(d, dtype=bool)
        left_out[gone] = True
        if left_out.all():
            continue
        rest = away[:, :, ~left_out].sum(axis=2)
        values, which = least_without(sums, cut, y, rows, left_out, k, squared, CANCELS)
        expected = np.sort(rest, axis=1)[:, :k]
        np.testing.assert_allclose(np.sort(values, axis=1), expected, rtol=1e-5, atol=1e-30)
        np.testing.assert_allclose(np.take_along_axis(rest, which, 1), values, rtol=1e-5)
        assert all(len(set(each)) == k for each in which)
