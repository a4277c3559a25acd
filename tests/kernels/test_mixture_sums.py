"""Sums of an expectation step by the compiled loop: those by matrix products, as they were."""

import numpy as np
import pytest
import torch

from thalweg.data import Rows
from thalweg.energies import DiagonalGaussians, FullGaussians
from thalweg.training import expectation
from thalweg.training.weighted import Weighted

K = 7


def case(n, d, diagonal, weighted):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(n, d)) + 3 * rng.integers(0, 3, size=(n, 1))
    weight = rng.uniform(0, 2, size=n) if weighted else None
    data = Weighted(Rows(y), weight, torch.from_numpy(y.mean(axis=0)), False)
    means, weights = torch.from_numpy(y[:K]), torch.full((K,), 1 / K, dtype=torch.float64)
    if diagonal:
        variances = torch.from_numpy(rng.uniform(0.5, 2, size=(K, d)))
        return DiagonalGaussians(means, weights, variances), data
    spread = torch.from_numpy(rng.normal(size=(K, d, d)))
    covariances = spread @ spread.mT + torch.eye(d, dtype=torch.float64)
    return FullGaussians(means, weights, covariances), data


def sums(components, data, beta, monkeypatch, by_kernel):
    monkeypatch.setattr(expectation, "SMALL", 0 if by_kernel else 2**60)
    return expectation.sums_by_products(components, data, beta)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("n", "d"), [(5, 2), (513, 3), (1600, 12)])
@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_sums_are_those_of_matrix_products(n, d, diagonal, weighted, beta, monkeypatch):
    n = max(n, K)
    components, data = case(n, d, diagonal, weighted)
    found = sums(components, data, beta, monkeypatch, True)
    right = sums(components, data, beta, monkeypatch, False)
    for one, two in zip(found[:4], right[:4], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10 * n)
    assert found.loss == pytest.approx(right.loss, rel=1e-12)


def test_threads_and_pieces_do_not_change_a_bit(monkeypatch):
    components, data = case(3000, 4, False, True)
    threads = torch.get_num_threads()
    found = []
    for count, parts in ((1, 32), (2, 32), (2, 2)):
        torch.set_num_threads(count)
        monkeypatch.setattr(expectation, "PARTS", parts)
        found.append(sums(components, data, 1.0, monkeypatch, True))
    torch.set_num_threads(threads)
    for other in found[1:]:
        for one, two in zip(found[0][:4], other[:4], strict=True):
            assert torch.equal(one, two)
    assert found[0].loss == found[1].loss


def test_a_row_that_no_component_explains_counts_for_the_nearest(monkeypatch):
    components, data = case(100, 3, True, False)
    data.rows.values[0] = 1e4
    found = sums(components, data, 1.0, monkeypatch, True)
    right = sums(components, data, 1.0, monkeypatch, False)
    torch.testing.assert_close(found.counts, right.counts)
    assert found.loss == pytest.approx(right.loss, rel=1e-12)
