"""What is spoiled, what is hidden, and what the model is asked for."""

import math

import pytest
import torch

from thalweg.core import InputError
from thalweg.pretext import AddedNoise, Masked, MaskingNoise, SaltAndPepper

N, D = 4000, 6


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def y(generator):
    return 3 + torch.rand(N, D, generator=generator)


EVERY = {
    "added": AddedNoise(0.5),
    "levels": AddedNoise((0.1, 1.0)),
    "masking": MaskingNoise(0.3),
    "salt": SaltAndPepper(0.3, -9.0, 9.0),
    "hidden": Masked(0.3),
    "ranges": Masked((0.1, 0.9)),
}


def close(share, p, n):
    """A share of n is within five standard errors of p."""
    return abs(share - p) < 5 * math.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("name", EVERY)
def test_same_generator_same_spoiling_and_rows_are_not_touched(name, y):
    before = y.clone()
    one = EVERY[name](y, torch.Generator().manual_seed(3))
    other = EVERY[name](y, torch.Generator().manual_seed(3))
    assert torch.equal(y, before)
    torch.testing.assert_close(one.y, other.y, equal_nan=True, rtol=0, atol=0)
    assert torch.equal(one.asked, other.asked)
    assert not torch.equal(one.y.nan_to_num(), y)


@pytest.mark.parametrize("name", EVERY)
def test_what_the_data_do_not_say_is_not_asked(name, y, generator):
    hidden = torch.rand(N, D, generator=generator) < 0.2
    hidden[:, 0] = False
    spoiled = EVERY[name](torch.where(hidden, torch.nan, y), generator)
    assert not (spoiled.asked & hidden).any()
    if name in ("hidden", "ranges"):
        assert spoiled.y[hidden].isnan().all()
    else:
        assert (spoiled.y[hidden] == 0).all()
        assert torch.equal(spoiled.asked, ~hidden)


def test_noise_has_its_size(y, generator):
    error = AddedNoise(0.5)(y, generator).y - y
    assert abs(float(error.std()) - 0.5) < 5 * 0.5 / math.sqrt(2 * N * D)
    spread = (AddedNoise((0.1, 1.0))(y, generator).y - y).square().mean(dim=1).sqrt()
    # each row has one level: about half of them are far below the other half
    assert close(float((spread < 0.3).float().mean()), 0.5, N)


def test_shares_are_what_they_are_called(y, generator):
    assert close(float((MaskingNoise(0.3)(y, generator).y == 0).float().mean()), 0.3, N * D)
    salted = SaltAndPepper(0.3, -9.0, 9.0)(y, generator).y
    assert close(float((salted == 9).float().mean()), 0.15, N * D)
    assert close(float((salted == -9).float().mean()), 0.15, N * D)


def test_bad_settings_are_named():
    for wrong in (0.0, -1.0, math.inf, ()):
        with pytest.raises(InputError, match="sigma must be above 0"):
            AddedNoise(wrong)
    for kind in (MaskingNoise, SaltAndPepper, Masked):
        with pytest.raises(InputError, match=r"above 0 and below 1, got 1\.0"):
            kind(1.0)
    assert repr(Masked([0.1, 0.9])) == "Masked(low=0.1, high=0.9, size=1)"
    for wrong in ((0.9, 0.1), (0.1, 0.2, 0.3)):
        with pytest.raises(InputError, match="ends of a range"):
            Masked(wrong)
