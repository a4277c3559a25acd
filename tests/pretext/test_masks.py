"""What is hidden of tables, images, clips and sequences of tokens."""

import math

import pytest
import torch

from thalweg.core import HIDDEN_TOKEN, Batch, Energy, InputError, visible
from thalweg.objectives import Denoising
from thalweg.pretext import (
    AnyOf,
    Cropped,
    Future,
    Masked,
    Occluded,
    Shaped,
)

N = 2000
SHAPES = {"table": (6,), "tokens": (9,), "image": (6, 8), "colour": (6, 8, 3), "clip": (5, 6, 4, 1)}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hide", [Masked(0.4), Occluded(0.5, (0,)), Future(2)], ids=repr)
def test_every_kind_of_row_keeps_what_is_visible_and_loses_what_is_asked(shape, hide, generator):
    y = torch.rand(50, *SHAPES[shape], generator=generator)
    spoiled = hide(y, generator)
    assert torch.equal(spoiled.y.isnan(), spoiled.asked)
    assert torch.equal(spoiled.y[~spoiled.asked], y[~spoiled.asked])
    assert spoiled.asked.flatten(1).any(dim=1).all()
    assert (~spoiled.asked).flatten(1).any(dim=1).all()


def test_whole_numbers_are_hidden_by_a_token_of_their_own(generator):
    y = torch.randint(0, 5, (50, 9), generator=generator)
    spoiled = Masked(0.4)(y, generator)
    assert spoiled.y.dtype == y.dtype
    assert torch.equal(spoiled.y == HIDDEN_TOKEN, spoiled.asked)
    assert torch.equal(visible(spoiled.y), ~spoiled.asked)
    again = Masked(0.4)(spoiled.y, generator)
    assert not (again.asked & spoiled.asked).any()


def test_the_share_is_exact_and_of_a_range_each_row_draws_its_own(generator):
    y = torch.rand(N, 40, generator=generator)
    assert (Masked(0.3)(y, generator).asked.sum(dim=1) == 12).all()
    share = Masked((0.2, 0.8))(y, generator).asked.float().mean(dim=1)
    # uniform in the range: its standard deviation is the width over root 12
    assert abs(float(share.std()) - 0.6 / math.sqrt(12)) < 5 * 0.6 / math.sqrt(12 * N)
    assert float(share.min()) >= 0.2 - 1 / 80
    assert float(share.max()) <= 0.8 + 1 / 80


@pytest.mark.parametrize(("share", "count"), [(0.3, 2), (0.37, 3), (0.01, 1), (0.99, 6)])
def test_the_share_is_rounded_to_the_nearest_number_of_entries(share, count, generator):
    hidden = Masked(share).hidden(torch.zeros(20, 7), generator)
    assert (hidden.sum(dim=1) == count).all()


def test_every_entry_is_hidden_as_often_as_any_other(generator):
    often = Masked(0.3)(torch.rand(N, 10, generator=generator), generator).asked.float().mean(dim=0)
    assert float((often - 0.3).abs().max()) < 5 * math.sqrt(0.21 / N)


def test_the_share_is_of_what_is_visible(generator):
    y = torch.rand(50, 20, generator=generator)
    y[:, 10:] = torch.nan
    spoiled = Masked(0.5)(y, generator)
    assert (spoiled.asked.sum(dim=1) == 5).all()
    assert not spoiled.asked[:, 10:].any()


def test_at_least_one_is_hidden_and_one_is_left(generator):
    y = torch.rand(50, 3, generator=generator)
    assert (Masked(0.01)(y, generator).asked.sum(dim=1) == 1).all()
    assert (Masked(0.99)(y, generator).asked.sum(dim=1) == 2).all()


def test_cells_are_hidden_whole_with_dimensions_that_are_not_named(generator):
    spoiled = Masked(0.5, size=(2, 4))(torch.rand(50, 5, 8, 3, generator=generator), generator)
    # the last row of cells is cut at the edge
    padded = torch.cat([spoiled.asked, spoiled.asked[:, -1:]], dim=1)
    cells = padded.reshape(50, 3, 2, 2, 4, 3).float().mean(dim=(2, 4, 5))
    assert ((cells == 0) | (cells == 1)).all()
    assert (cells.sum(dim=(1, 2)) == 3).all()
    channels = Masked(0.5, size=(None, None, 1))(torch.rand(50, 5, 8, 4), generator).asked
    assert (channels.float().mean(dim=(1, 2)).sum(dim=1) == 2).all()


def test_a_block_is_a_rectangle_of_its_share_at_any_place(generator):
    asked = Occluded(0.5)(torch.rand(N, 8, 10, 2, generator=generator), generator).asked
    assert (asked.flatten(1).sum(dim=1) == 4 * 5 * 2).all()
    rows, columns = asked.any(dim=3).any(dim=2), asked.any(dim=3).any(dim=1)
    assert torch.equal(asked, (rows[:, :, None] & columns[:, None])[..., None].expand_as(asked))
    start = rows.int().argmax(dim=1)
    often = torch.bincount(start, minlength=5).float() / N
    assert len(often) == 5
    assert float((often - 0.2).abs().max()) < 5 * math.sqrt(0.16 / N)


def test_a_block_may_be_in_the_past_and_the_future_is_the_end(generator):
    clips = torch.rand(N, 6, 2, 2, generator=generator)
    runs = Occluded(0.5, axes=(0,))(clips, generator).asked[:, :, 0, 0]
    assert runs[:, 0].any()
    assert runs[:, -1].any()
    late = Future(2)(clips, generator).asked
    assert late[:, 4:].all()
    assert not late[:, :4].any()


def test_one_of_several_is_drawn_for_each_batch(generator):
    y = torch.rand(20, 8, generator=generator)
    both = AnyOf(Future(3), Masked(0.5))
    late = [bool(both(y, generator).asked[:, 5:].all()) for _ in range(200)]
    assert abs(sum(late) / 200 - 0.5) < 5 * math.sqrt(0.25 / 200)


def test_flat_rows_are_hidden_as_the_images_that_they_are(generator):
    y = torch.rand(30, 48, generator=generator)
    flat = Shaped(Occluded(0.5), (6, 8))(y, torch.Generator().manual_seed(1))
    whole = Occluded(0.5)(y.reshape(-1, 6, 8), torch.Generator().manual_seed(1))
    assert torch.equal(flat.asked, whole.asked.flatten(1))
    assert torch.equal(flat.y.nan_to_num(9), whole.y.flatten(1).nan_to_num(9))


def test_a_part_keeps_what_it_shows(generator):
    ramp = torch.arange(16.0).expand(N, 16, 16)[..., None]
    seen = Cropped((0.25, 0.5), mirror=False, contrast=0)(ramp, generator).y
    slope = seen[:, 8, 9, 0] - seen[:, 8, 8, 0]
    # so much of the width is shown, give or take the ratio of the sides
    assert float(slope.min()) > 0.5 / math.sqrt(1.2) - 1e-4
    assert float(slope.max()) < math.sqrt(0.5 * 1.2) + 1e-4
    mirrored = Cropped((0.25, 0.5), contrast=0)(ramp, generator).y
    left = float((mirrored[:, 8, 9, 0] < mirrored[:, 8, 8, 0]).float().mean())
    assert abs(left - 0.5) < 5 * math.sqrt(0.25 / N)
    same = Cropped((1.0, 1.0), mirror=False, contrast=0.3)(torch.full((9, 4, 4), 2.0), generator)
    torch.testing.assert_close(same.y, torch.full((9, 4, 4), 2.0))
    assert same.asked.all()


class Silent(Energy):
    """Brings everything back as nothing."""

    def forward(self, y, x=None):
        return y.square().sum(dim=1)

    def reconstruct(self, y, x=None):
        return torch.zeros_like(y)


@pytest.mark.parametrize("hide", [Masked(0.5), Occluded(0.5, (0,)), Future(2)], ids=repr)
def test_one_objective_serves_them_all(hide, generator):
    y = torch.rand(40, 6, generator=generator)
    loss = Denoising(hide)(Silent(), Batch(y), torch.Generator().manual_seed(2)).value
    asked = hide(y, torch.Generator().manual_seed(2)).asked
    torch.testing.assert_close(loss, (y.square() * asked).sum(dim=1).mean())


def test_a_row_that_would_lose_all_that_is_visible_is_left(generator):
    y = torch.full((500, 8), torch.nan)
    y[:, 3] = 1.0
    spoiled = Occluded(0.5, (0,))(y, generator)
    assert not spoiled.asked.any()
    assert (spoiled.y[:, 3] == 1).all()


def test_views_of_images_with_holes_have_holes(generator):
    images = torch.rand(200, 8, 8, generator=generator)
    images[:, :, :2] = torch.nan
    views = Cropped((0.9, 1.0), mirror=False)(images, generator).y
    assert views[:, :, 0].isnan().all()
    assert not views[:, :, 5:].isnan().any()


def test_bad_settings_are_named(generator):
    image = torch.rand(2, 4, 4)
    for call, message in (
        (lambda: Masked(0.5, size=1.5), "size must be a whole number of at least 1"),
        (lambda: Occluded(0.5, axes=0), "one or more different dimensions"),
        (lambda: Future(1.5), "steps must be a whole number"),
        (lambda: Masked(0.5, size=0), "size must be a whole number of at least 1"),
        (lambda: Masked(0.5, size=(4, 4))(image, generator), "hide all of a row"),
        (lambda: Masked(0.5, size=(1, 1, 1))(image, generator), "has 3 dimensions"),
        (lambda: Occluded(1.0), r"above 0 and below 1, got 1\.0"),
        (lambda: Occluded(0.5, axes=(1, 1)), "one or more different dimensions"),
        (lambda: Occluded(0.5, axes=(2,))(image, generator), "dimensions that it has"),
        (lambda: Future(0), "steps must be a whole number of at least 1"),
        (lambda: Future(4)(image, generator), "leave nothing to see"),
        (AnyOf, "no corruption was given"),
        (lambda: Cropped((0.0, 1.0)), "area must be a range"),
        (lambda: Cropped(contrast=1.0), "contrast must be"),
        (lambda: Cropped()(torch.rand(2, 4), generator), "expected images"),
    ):
        with pytest.raises(InputError, match=message):
            call()
