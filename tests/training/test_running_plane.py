"""Moments of parts and of rows with hidden entries, beside what they stand for."""

import numpy as np

from thalweg.data import Rows
from thalweg.training.running_plane import (
    Moments,
    covariance_of_plane,
    expected_moments,
    moments_of,
)

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(40, 4)) @ RANDOM.normal(size=(4, 4)) + [1e6, 0, -1e3, 1]


def of(rows):
    return moments_of(Rows(rows), Rows(rows).summary())


def test_moments_of_two_parts_are_those_of_both():
    both = of(ROWS[:7]).with_more(of(ROWS[7:]))
    np.testing.assert_allclose(both.mean, ROWS.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(both.scatter / 39, np.cov(ROWS.T), rtol=1e-9)
    assert both.n == 40


def test_hidden_entries_stand_at_their_mean_with_their_covariance():
    mean, covariance = RANDOM.normal(size=3), np.cov(RANDOM.normal(size=(3, 9)))
    rows = np.array([[0.5, np.nan, 2.0], [np.nan, np.nan, -1.0], [3.0, 1.0, 0.0]])
    filled, left = [], np.zeros((3, 3))
    for row in rows:
        seen = ~np.isnan(row)
        gone = ~seen
        slope = covariance[np.ix_(gone, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        row = row.copy()
        row[gone] = mean[gone] + slope @ (row[seen] - mean[seen])
        filled.append(row)
        left[np.ix_(gone, gone)] += (
            covariance[np.ix_(gone, gone)] - slope @ covariance[np.ix_(seen, gone)]
        )
    found = expected_moments(Rows(rows), mean, covariance)
    expected = of(np.array(filled))
    np.testing.assert_allclose(found.mean, expected.mean)
    np.testing.assert_allclose(found.scatter, expected.scatter + left)
    assert isinstance(found, Moments)
    assert found.n == 3


def test_a_plane_has_its_variances_along_it_and_the_rest_across():
    directions = np.linalg.qr(RANDOM.normal(size=(4, 4)))[0]
    covariance = covariance_of_plane(directions[:2], np.array([5.0, 3.0]), 0.5)
    np.testing.assert_allclose(directions @ covariance @ directions.T, np.diag([5, 3, 0.5, 0.5]),
                               atol=1e-12)  # fmt: skip
