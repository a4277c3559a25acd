"""A step of probabilistic PCA against the sums of its formula, row by row and column by column."""

import numpy as np
import pytest
import torch

from thalweg.data import Rows
from thalweg.training.principal import AlternatingStep, signed, spectrum


def by_hand(y, w, b, noise):
    """Weight, offset and noise after a step of expectation maximization."""
    n, d = y.shape
    k = len(w)
    seen = ~np.isnan(y)
    mean, second = np.zeros((n, k + 1)), np.zeros((n, k + 1, k + 1))
    for i in range(n):
        some = w[:, seen[i]]
        spread = np.linalg.inv(some @ some.T + noise * np.eye(k))
        mean[i] = np.append(spread @ some @ (y[i] - b)[seen[i]], 1.0)
        second[i] = np.outer(mean[i], mean[i])
        second[i, :k, :k] += noise * spread
    plane, left = np.zeros((d, k + 1)), 0.0
    for j in range(d):
        rows = seen[:, j]
        plane[j] = np.linalg.solve(second[rows].sum(axis=0), y[rows, j] @ mean[rows])
        for i in np.flatnonzero(rows):
            left += y[i, j] ** 2 - 2 * y[i, j] * plane[j] @ mean[i]
            left += plane[j] @ second[i] @ plane[j]
    return plane[:, :k].T, plane[:, k], left / seen.sum()


@pytest.mark.parametrize("noise", [0.01, 2.0])
def test_a_step_is_expectation_maximization(noise):
    random = np.random.default_rng(0)
    y = random.normal(size=(40, 2)) @ random.normal(size=(2, 5)) + 3 + random.normal(size=(40, 5))
    y[random.random(y.shape) < 0.3] = np.nan
    y = y[~np.isnan(y).all(axis=1)]
    w, b = random.normal(size=(2, 5)), random.normal(size=5)
    step = AlternatingStep(torch.from_numpy(w.copy()), torch.from_numpy(b.copy()), noise)
    expected = by_hand(y, w, b, noise)
    for _ in range(3):
        loss = step(Rows(y), torch.Generator())
        weight, offset, left = expected
        np.testing.assert_allclose(step.weight.numpy(), weight, rtol=1e-8)
        np.testing.assert_allclose(step.offset.numpy(), offset, rtol=1e-8)
        assert float(step.noise) == pytest.approx(left, rel=1e-8)
        expected = by_hand(y, weight, offset, left)
    assert float(loss.value) > 0


def test_directions_have_one_sign():
    found = signed(np.array([[0.6, -0.8], [0.8, 0.6], [-1.0, 0.1]]))
    np.testing.assert_array_equal(found, [[-0.6, 0.8], [0.8, 0.6], [1.0, -0.1]])


@pytest.mark.parametrize("shape", [(50, 4), (4, 9)])
def test_a_spectrum_is_that_of_the_covariance(shape):
    random = np.random.default_rng(1)
    y = random.normal(size=shape) * np.arange(1, shape[1] + 1)
    rows = Rows(y)
    found = spectrum(rows, rows.summary())
    covariance = np.cov(y.T)
    kept = (found.directions.T * found.variances) @ found.directions
    np.testing.assert_allclose(kept, covariance, atol=1e-9)
    assert (np.diff(found.variances) <= 0).all()
    assert (found.directions[np.arange(len(found.directions)),
                             np.abs(found.directions).argmax(axis=1)] > 0).all()  # fmt: skip
