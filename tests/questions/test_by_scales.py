"""Draws down the scales of noise, against densities whose scores are known at every scale."""

import math

import pytest
import torch

from thalweg import questions
from thalweg.core import Energy, InputError

DOUBLE = torch.float64
MEAN = torch.tensor([0.5, -0.3], dtype=DOUBLE)
COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 1.2]], dtype=DOUBLE)
SCALES = questions.scales_between(20.0, 0.01, 40)
N = 20_000


class Blurred(Energy):
    """Two normal densities of one covariance, with noise of scale exp(x) on them."""

    def __init__(self, means, share=1.0):
        super().__init__()
        self.means, self.share = means, share

    def forward(self, y, x=None):
        assert x is not None
        wide = COVARIANCE + (2 * x[:, :, None]).exp() * torch.eye(2, dtype=DOUBLE)
        terms = []
        for mean, share in zip(self.means, (self.share, 1 - self.share), strict=False):
            away = (y - mean)[..., None]
            square = (away * torch.linalg.solve(wide, away)).sum(dim=(1, 2))
            terms.append(math.log(share) - 0.5 * square - 0.5 * torch.logdet(wide))
        return -torch.logsumexp(torch.stack(terms), dim=0)

    def reconstruct(self, y, x=None):
        return y - (2 * x).exp() * self.gradient(y, x)


def drawn(energy, y, **how):
    return questions.draw_by_scales(energy, y, SCALES, torch.Generator().manual_seed(0), **how)


def blank(n=N):
    return torch.full((n, 2), torch.nan, dtype=DOUBLE)


@pytest.mark.parametrize("freedom", [1.0, 0.0])
def test_draws_have_the_mean_and_the_covariance(freedom):
    found = drawn(Blurred([MEAN]), blank(), freedom=freedom)
    # five standard errors, and a share for the steps between scales
    torch.testing.assert_close(found.mean(dim=0), MEAN, atol=5 / math.sqrt(N) + 0.01, rtol=0)
    torch.testing.assert_close(found.T.cov(), COVARIANCE, atol=5 * 2 / math.sqrt(N), rtol=0.03)


def test_each_valley_has_its_share():
    energy = Blurred([torch.tensor([8.0, 8.0], dtype=DOUBLE), -torch.ones(2, dtype=DOUBLE)], 0.3)
    share = float((drawn(energy, blank()).sum(dim=1) > 7).double().mean())
    assert abs(share - 0.3) < 5 * math.sqrt(0.21 / N) + 0.01


def test_what_is_hidden_is_drawn_given_what_is_visible():
    y = blank(4000)
    y[:, 0] = 1.7
    found = drawn(Blurred([MEAN]), y, rounds=30)
    assert torch.equal(found[:, 0], y[:, 0])
    slope = COVARIANCE[1, 0] / COVARIANCE[0, 0]
    mean = MEAN[1] + slope * (1.7 - MEAN[0])
    variance = COVARIANCE[1, 1] - slope * COVARIANCE[0, 1]
    # five standard errors; with 3 rounds the mean is off by .2
    torch.testing.assert_close(found[:, 1].mean(), mean, atol=5 * 0.75 / math.sqrt(4000), rtol=0)
    torch.testing.assert_close(found[:, 1].var(), variance, atol=5 * 0.8 / math.sqrt(4000), rtol=0)


def test_what_is_visible_says_which_valley():
    means = [torch.tensor([3.0, 3.0], dtype=DOUBLE), torch.tensor([-3.0, -3.0], dtype=DOUBLE)]
    y = blank(400)
    y[:200, 0], y[200:, 0] = 3.0, -3.0
    found = drawn(Blurred(means, 0.5), y, rounds=10)[:, 1]
    assert bool((found[:200] > 0).all())
    assert bool((found[200:] < 0).all())


def test_rows_without_gaps_stay():
    y = torch.randn(3, 2, dtype=DOUBLE)
    assert torch.equal(drawn(Blurred([MEAN]), y), y)


def test_draws_begin_where_they_are_told():
    start = 20 * torch.ones(4, 2, dtype=DOUBLE)
    found = drawn(Blurred([MEAN]), blank(4), freedom=0.0, start=start)
    assert float(found.std(dim=0).max()) == 0
    assert float(found[0].sum()) > float(MEAN.sum())


def test_scales_fall_and_end_where_they_should():
    assert math.isclose(float(SCALES[0]), 20.0)
    assert math.isclose(float(SCALES[-1]), 0.01)
    assert bool((SCALES[1:] < SCALES[:-1]).all())


@pytest.mark.parametrize("scales", [torch.ones(1), torch.tensor([1.0, 2.0]), torch.ones(2, 2)])
def test_scales_that_do_not_fall_are_refused(scales):
    with pytest.raises(InputError, match="each smaller than the one before"):
        questions.draw_by_scales(Blurred([MEAN]), blank(2), scales, torch.Generator())


def test_an_energy_without_scales_is_refused():
    class Plain(Blurred):
        def reconstruct(self, y, x=None):
            return None

    with pytest.raises(InputError, match="Plain does not reconstruct"):
        drawn(Plain([MEAN]), blank(2))
