"""p-values and discoveries: held to their formulas, to scipy, and to what they promise."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, kstest

from thalweg.core import InputError
from thalweg.questions.rarity import adjusted, discoveries, p_values


def test_p_values_are_the_share_that_is_at_least_as_high():
    random = np.random.default_rng(0)
    calibration, asked = random.integers(0, 9, 40).astype(float), np.arange(-1, 11) / 1.0
    expected = [(1 + sum(c >= e for c in calibration)) / 41 for e in asked]
    np.testing.assert_allclose(p_values(asked, calibration), expected)


def test_a_weight_is_so_many_rows():
    random = np.random.default_rng(1)
    calibration, asked = random.normal(size=30), random.normal(size=50)
    weight = random.integers(1, 4, 30)
    repeated = np.repeat(calibration, weight)
    np.testing.assert_allclose(p_values(asked, calibration, weight), p_values(asked, repeated))


def test_p_values_are_uniform_under_exchange():
    random = np.random.default_rng(2)
    draws = [p_values(random.gumbel(size=1), random.gumbel(size=99))[0] for _ in range(4000)]
    # 100 values, each as likely; a little noise makes them continuous
    spread = np.array(draws) - random.random(4000) / 100
    assert kstest(spread, "uniform").pvalue > 0.001


@pytest.mark.parametrize("fdr", [0.05, 0.1, 0.5])
def test_discoveries_are_those_of_benjamini_and_hochberg(fdr):
    random = np.random.default_rng(3)
    p = np.concatenate([random.random(80), random.random(20) ** 6, [0.3, 0.3, 0.0]])
    np.testing.assert_array_equal(discoveries(p, fdr), false_discovery_control(p) <= fdr)
    assert not discoveries(np.array([0.9, 0.8]), fdr).any()
    assert discoveries(np.empty(0), fdr).shape == (0,)


def test_the_share_of_false_discoveries_is_kept():
    random, shares, power = np.random.default_rng(4), [], []
    for _ in range(200):
        calibration = random.normal(size=500)
        asked = np.concatenate([random.normal(size=180), random.normal(3.5, 1, size=20)])
        found = discoveries(p_values(asked, calibration), 0.2)
        shares.append(found[:180].sum() / max(1, found.sum()))
        power.append(found[180:].mean())
    error = np.std(shares) / np.sqrt(200)
    # what is promised is q times the share of rows that are like the calibration
    assert np.mean(shares) < 0.2 * 0.9 + 3 * error
    assert np.mean(power) > 0.5


def test_adjusted_p_values_are_right_for_nearly_every_calibration():
    n, delta, random = 60, 0.2, np.random.default_rng(5)
    levels = adjusted(np.arange(1, n + 2) / (n + 1), n, delta)
    assert (np.diff(levels) >= 0).all()
    assert (levels >= np.arange(1, n + 2) / (n + 1) - 1e-12).all() or levels[-1] == 1
    wrong = 0
    for _ in range(1000):
        calibration = np.sort(random.random(n))[::-1]
        # p is at most k / (n + 1) where the energy is above the k-th highest
        size = np.append(1 - calibration, 1.0)
        wrong += bool((size > levels + 1e-12).any())
    assert wrong / 1000 < delta + 3 * np.sqrt(delta * (1 - delta) / 1000)


@pytest.mark.parametrize("wrong", [0.0, 1.0, -1, float("nan"), "x", None, True])
def test_rates_are_between_0_and_1(wrong):
    with pytest.raises(InputError, match="fdr must be between 0 and 1"):
        discoveries(np.array([0.5]), wrong)
    with pytest.raises(InputError, match="delta must be between 0 and 1"):
        adjusted(np.array([0.5]), 10, wrong)


def test_energies_beyond_all_numbers_are_equal():
    calibration = np.concatenate([np.zeros(70), np.full(30, np.finfo(float).max)])
    np.testing.assert_allclose(p_values(np.array([np.inf]), calibration), 31 / 101)
