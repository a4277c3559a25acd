"""The Laplacian pyramid as a cost."""

import math

import pytest
import torch

from thalweg.core import InputError
from thalweg.energies import LaplacianPyramid


@pytest.fixture
def images():
    return torch.rand(6, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_zero_where_right_and_a_norm_elsewhere(images):
    cost = LaplacianPyramid((8, 8))
    assert cost(images, images).abs().max() == 0
    a, b = images[:2], images[2:4]
    torch.testing.assert_close(cost(a, b), cost(b, a))
    torch.testing.assert_close(cost(3 * a, 3 * b), 3 * cost(a, b))
    assert (cost(a, b) <= cost(a, images[4:]) + cost(images[4:], b) + 1e-9).all()
    torch.testing.assert_close(cost.pairwise(a, images[2:5])[:, 0], cost(a[:1], images[2:5]))


def test_one_level_is_the_absolute_difference(images):
    cost = LaplacianPyramid((8, 8), levels=1)
    torch.testing.assert_close(
        cost(images[:1], images[1:2]), (images[0] - images[1]).abs().sum()[None]
    )


def test_a_flat_difference_costs_its_area_at_the_coarsest_scale():
    cost = LaplacianPyramid((8, 8), levels=3)
    # two levels of detail see nothing; 4 coarse pixels, each counted 16 times
    flat = torch.ones(1, 64, dtype=torch.float64)
    torch.testing.assert_close(cost(flat, 0 * flat), torch.tensor([64.0], dtype=torch.float64))


def test_colours_are_images_of_their_own(images):
    grey, rgb = LaplacianPyramid((8, 8)), LaplacianPyramid((8, 8, 3))
    three = images[:3].T.reshape(1, -1)
    expected = grey(images[:3], 0 * images[:3]).sum()
    torch.testing.assert_close(rgb(three, 0 * three), expected[None])


def test_hidden_pixels_do_not_matter(images):
    visible = torch.rand(6, 64, generator=torch.Generator().manual_seed(1)) > 0.3
    cost = LaplacianPyramid((8, 8)).restricted(visible)
    prediction = images.flip(0).clone().requires_grad_()
    value = cost(torch.where(visible, images, math.nan), prediction)
    torch.testing.assert_close(value, cost(torch.where(visible, images, 7.0), prediction))
    (slope,) = torch.autograd.grad(value.sum(), prediction)
    assert slope.isfinite().all()
    assert slope[~visible].abs().max() == 0


def test_a_shape_that_is_none_is_refused():
    with pytest.raises(InputError, match="shape must be"):
        LaplacianPyramid((8,))
