"""Latent spaces: the proximal map minimizes, draws follow exp(-R), volumes are integrals."""

import math

import pytest
import torch

from thalweg.core import InputError
from thalweg.latents import Ball, Box, Codebook, Flat, Gaussian, OneHot, OneHots, Sparse

DOUBLE = torch.float64
SPACES = {
    "flat": Flat(2),
    "gaussian": Gaussian(2),
    "sparse": Sparse(2, 0.7),
    "nonnegative": Sparse(2, 0.7, nonnegative=True),
    "ball": Ball(2, 1.5),
    "box": Box(torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 2.0])),
}
SPACES = {name: space.to(DOUBLE) for name, space in SPACES.items()}


@pytest.mark.parametrize("name", SPACES)
def test_the_proximal_map_is_lower_than_a_grid(name):
    space = SPACES[name]
    z = torch.tensor([[0.3, -0.9], [2.0, 1.0], [-1.2, 0.4]], dtype=DOUBLE)
    step = torch.tensor(0.8, dtype=DOUBLE)
    found = space.proximal(z, step)
    line = torch.linspace(-2.5, 2.5, 201, dtype=DOUBLE)
    grid = torch.cartesian_prod(line, line)
    inside = grid if name != "nonnegative" else grid[(grid >= 0).all(dim=1)]
    for start, end in zip(z, found, strict=True):
        values = space(inside) + (inside - start).square().sum(dim=1) / (2 * step)
        reached = space(end[None])[0] + (end - start).square().sum() / (2 * step)
        assert reached <= values.min() + 1e-12


@pytest.mark.parametrize("name", [n for n in SPACES if n != "flat"])
def test_the_volume_is_the_integral(name):
    space = SPACES[name]
    low, high = space.extent()
    axes = [a + (b - a) * (torch.arange(1500, dtype=DOUBLE) + 0.5) / 1500
            for a, b in zip(low, high, strict=True)]  # fmt: skip
    grid = torch.cartesian_prod(*axes)
    cell = ((high - low) / 1500).prod()
    integral = torch.exp(-space(grid)).sum() * cell
    assert float(integral.log()) == pytest.approx(float(space.log_volume()), abs=3e-3)


@pytest.mark.parametrize("name", [n for n in SPACES if n != "flat"])
def test_draws_have_the_moments_of_the_density(name):
    space, n = SPACES[name], 40_000
    drawn = space.draw(n, torch.Generator().manual_seed(0))
    assert torch.isfinite(space(drawn)).all()
    low, high = space.extent()
    axes = [a + (b - a) * (torch.arange(800, dtype=DOUBLE) + 0.5) / 800
            for a, b in zip(low, high, strict=True)]  # fmt: skip
    grid = torch.cartesian_prod(*axes)
    weight = torch.exp(-space(grid))
    weight /= weight.sum()
    for power in (1, 2):
        expected = (weight[:, None] * grid**power).sum(dim=0)
        spread = ((weight[:, None] * grid ** (2 * power)).sum(dim=0) - expected**2).sqrt()
        error = ((drawn**power).mean(dim=0) - expected) / (spread / math.sqrt(n))
        # the grid's own error is far below a standard error
        assert error.abs().max() < 5


@pytest.mark.parametrize(("k", "volume"), [(1, 2), (2, math.pi), (3, 4 / 3 * math.pi)])
def test_the_volume_of_a_ball_is_known_from_school(k, volume):
    assert float(Ball(k, 1.5).log_volume().exp()) == pytest.approx(volume * 1.5**k)


def test_finite_spaces_list_their_elements():
    assert OneHot(3).members().shape == (3, 3)
    book = Codebook(torch.tensor([[0.0], [1.0], [5.0]]), parts=2)
    assert book.nearest(torch.tensor([[0.4, 3.5]])).tolist() == [[0.0, 5.0]]
    assert book.members() is None
    assert float(book.log_volume()) == pytest.approx(2 * math.log(3))
    drawn = book.draw(100, torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {0.0, 1.0, 5.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneHot(0), "OneHot: k must be at least 1"),
        (lambda: Sparse(2, -1.0), "Sparse: weight must be"),
        (lambda: Ball(2, 0.0), "Ball: radius must be"),
        (lambda: Box(torch.tensor([1.0]), torch.tensor([1.0])), "low must be below high"),
        (lambda: Codebook(torch.zeros(2, 1), 0), "Codebook: parts must be"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_several_choices_are_as_many_rows_of_the_identity():
    space = OneHots(3, 4)
    drawn = space.draw(3000, torch.Generator().manual_seed(0))
    assert drawn.shape == (3000, 12)
    rows = drawn.reshape(3000, 4, 3)
    assert bool((rows.sum(dim=2) == 1).all())
    # five standard errors
    assert float((rows.mean(dim=0) - 1 / 3).abs().max()) < 5 * math.sqrt(2 / 9 / 3000)
    assert torch.equal(space.nearest(drawn), drawn)
    assert torch.equal(space.of(rows.argmax(dim=2)), drawn)
    assert math.isclose(float(space.log_volume()), math.log(81), rel_tol=1e-6)
    assert space.members() is None
    with pytest.raises(InputError, match="places must be at least 1"):
        OneHots(3, 0)
