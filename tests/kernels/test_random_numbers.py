"""Numbers by a counter: those of the paper, and of the densities that they are said to have."""

import numpy as np
import pytest
import torch
from scipy import stats

from thalweg.kernels import random_numbers
from thalweg.kernels.random_numbers import fill, room_for, words
from thalweg.samplers.noise import normal, uniform

N = 1 << 20
ALARM = 1e-6
TYPES = [np.float32, np.float64]


@pytest.mark.parametrize(
    ("counter", "stream", "key", "expected"),
    [
        # known answers that come with Random123
        (0, 0, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (2**64 - 1, 2**64 - 1, (2**32 - 1, 2**32 - 1),
         (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (0x85A308D3243F6A88, 0x0370734413198A2E, (0xA4093822, 0x299F31D0),
         (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)  # fmt: skip
def test_words_are_philoxs(counter, stream, key, expected):
    k0, k1 = (np.uint32(k) for k in key)
    with np.errstate(over="ignore"):
        found = words.py_func(np.uint64(counter), np.uint64(stream), k0, k1)
    assert tuple(int(word) for word in found) == expected


def filled(kind, n, key=1, normal=True):
    out = np.empty(room_for(n, np.dtype(kind)), kind)
    fill(key, out, normal)
    return out[:n]


@pytest.mark.parametrize("kind", TYPES)
def test_normal_numbers(kind):
    x = filled(kind, N).astype(float)
    assert stats.kstest(x, "norm").pvalue > ALARM
    # moments, in standard errors
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs((x**power).mean() - mean) < 5 * (variance / N) ** 0.5
    # as far out as a million go, and no further than 40 million do
    assert 4.5 < np.abs(x).max() < 6.5
    for lag in (1, 2, 16, 32, 48, 64):
        assert abs((x[lag:] * x[:-lag]).mean()) < 5 / N**0.5
        assert abs(((x[lag:] ** 2 - 1) * (x[:-lag] ** 2 - 1)).mean()) < 5 * 2 / N**0.5


@pytest.mark.parametrize("kind", TYPES)
def test_uniform_numbers(kind):
    u = filled(kind, N, normal=False).astype(float)
    assert 0 <= u.min() < u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > ALARM
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 5 / N**0.5


@pytest.mark.parametrize("kind", TYPES)
def test_keys_have_streams_of_their_own(kind):
    one, other = filled(kind, N, key=5), filled(kind, N, key=6)
    assert abs((one * other).astype(float).mean()) < 5 / N**0.5
    # both words of the key count
    assert not np.array_equal(one[:64], filled(kind, 64, key=5 + 2**40))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("draws_normal", [True, False])
def test_a_number_depends_on_its_place_alone(kind, draws_normal, monkeypatch):
    whole = filled(kind, 4096, normal=draws_normal)
    assert np.array_equal(filled(kind, 77, normal=draws_normal), whole[:77])
    # in several threads too
    monkeypatch.setattr(random_numbers, "SHARED_OUT", 1)
    assert np.array_equal(filled(kind, 4096, normal=draws_normal), whole)


@pytest.mark.parametrize("kind", TYPES)
def test_one_number_is_that_of_the_stream(kind):
    u = filled(kind, 300, key=2**50 + 9, normal=False)
    at = random_numbers.single_uniform if kind is np.float32 else random_numbers.double_uniform
    assert [at(2**50 + 9, i) for i in range(300)] == u.tolist()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_short_types_stay_below_one(kind):
    u = uniform(torch.empty(1 << 16, dtype=kind), torch.Generator().manual_seed(0))
    assert u.dtype == kind
    assert float(u.max()) < 1
    x = normal(torch.empty(1 << 16, dtype=kind), torch.Generator().manual_seed(0))
    assert abs(float(x.double().mean())) < 5 / 256
