"""Views of images: what the maps are, in pixels; tones; functions of one's own."""

import math

import numpy as np
import pytest
import torch

from thalweg.core import InputError
from thalweg.pretext import ByFunction, Cropped, InUnits, Moved, View

N, HEIGHT, WIDTH = 2000, 20, 33
STILL = {"shift": 0, "turn": 0, "shear": 0, "zoom": 0, "contrast": 0}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def slopes(view, generator):
    """How a ramp of one a pixel rises in views of it, across and down, in the middle."""
    ramp = torch.arange(float(WIDTH)).expand(N, HEIGHT, WIDTH)
    seen = view(ramp, generator).y
    i, j = HEIGHT // 2, WIDTH // 2
    return seen[:, i, j + 1] - seen[:, i, j], seen[:, i + 1, j] - seen[:, i, j]


def test_what_does_not_move_stays(generator):
    images = torch.rand(3, HEIGHT, WIDTH, 2, generator=generator)
    torch.testing.assert_close(Moved(**STILL)(images, generator).y, images, rtol=0, atol=2e-6)


def test_a_turn_is_a_turn_in_pixels(generator):
    across, down = slopes(Moved(**{**STILL, "turn": 30}), generator)
    torch.testing.assert_close((across**2 + down**2).sqrt(), torch.ones(N), rtol=0, atol=1e-4)
    angle = torch.rad2deg(torch.atan2(-down, across))
    # of a uniform number the standard deviation, and its error
    assert angle.abs().max() <= 30.01
    assert abs(float(angle.mean())) < 4.5 * 30 / math.sqrt(3 * N)
    assert float(angle.std()) == pytest.approx(30 / math.sqrt(3), abs=4.5 * 30 / math.sqrt(5 * N))


def test_sizes_slants_and_mirrors(generator):
    across, down = slopes(Moved(**{**STILL, "zoom": 0.2}), generator)
    assert across.min() >= 1 / 1.2 - 1e-4
    assert across.max() <= 1.2 + 1e-4
    assert float(across.log().std()) == pytest.approx(math.log(1.2) / math.sqrt(3), rel=0.06)
    torch.testing.assert_close(down, torch.zeros(N), rtol=0, atol=1e-4)
    across, down = slopes(Moved(**{**STILL, "shear": 0.3}), generator)
    torch.testing.assert_close(across, torch.ones(N), rtol=0, atol=1e-4)
    assert down.abs().max() <= 0.3 + 1e-4
    assert float(down.std()) == pytest.approx(0.3 / math.sqrt(3), rel=0.06)
    across, _ = slopes(Moved(**STILL, mirror=True), generator)
    assert abs(float((across < 0).double().mean()) - 0.5) < 4.5 * 0.5 / math.sqrt(N)


def test_shifts_are_shares_of_the_side(generator):
    ramp = torch.arange(float(WIDTH)).expand(N, HEIGHT, WIDTH)
    seen = Moved(**{**STILL, "shift": 0.2})(ramp, generator).y[:, HEIGHT // 2, WIDTH // 2]
    away = seen - WIDTH // 2
    assert away.abs().max() <= 0.2 * WIDTH + 1e-3
    assert float(away.std()) == pytest.approx(0.2 * WIDTH / math.sqrt(3), rel=0.06)


def test_tones(generator):
    flat = torch.full((N, 4, 4, 3), 2.0)
    coloured = Moved(**STILL, colour=0.3)(flat, generator).y
    torch.testing.assert_close(coloured[:, 0, 0], coloured[:, 3, 2])
    assert coloured.min() >= 1.4 - 1e-5
    assert coloured.max() <= 2.6 + 1e-5
    # one light for each channel
    assert abs(np.corrcoef(coloured[:, 0, 0].T)[0, 1]) < 4.5 / math.sqrt(N)
    noisy = Cropped((1.0, 1.0), mirror=False, contrast=0, noise=0.5)(flat, generator).y - flat
    assert float(noisy.std()) == pytest.approx(0.5, rel=4.5 / math.sqrt(2 * noisy.numel()))


def test_what_is_hidden_stays_hidden(generator):
    images = torch.rand(50, 8, 8, generator=generator)
    images[:, :, :4] = torch.nan
    seen = Moved(shift=0, turn=10)(images, generator).y
    assert seen[:, 4, 0].isnan().all()
    assert not seen[:, 4, 7].isnan().any()


def test_a_function_sees_images_in_the_units_they_came_in(generator):
    images = torch.rand(5, 3, 3, 1, generator=generator)
    seen = []

    def darker(y):
        seen.append(y)
        return y - 10

    view = InUnits(ByFunction(darker), torch.tensor(100.0), torch.tensor(20.0))
    made = view(images, generator).y
    torch.testing.assert_close(seen[0], 20 * images + 100)
    torch.testing.assert_close(made, images - 0.5)
    one, two = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    drawn = ByFunction(lambda y, g: y + torch.randn(y.shape, generator=g))
    torch.testing.assert_close(drawn(images, one).y, drawn(images, two).y)

    class Module(torch.nn.Module):
        def forward(self, y, generator):
            return y + torch.randn(y.shape, generator=generator)

    of_module = ByFunction(Module())(images, torch.Generator().manual_seed(3)).y
    torch.testing.assert_close(
        of_module, ByFunction(Module().forward)(images, two.manual_seed(3)).y
    )
    with pytest.raises(InputError, match=r"gave \(5, 3\) for images \(5, 3, 3, 1\)"):
        ByFunction(lambda y: y[:, 0, :, 0])(images, generator)
    with pytest.raises(InputError, match="gave list for images"):
        ByFunction(lambda y: y.tolist())(images, generator)


@pytest.mark.parametrize(
    ("name", "value"),
    [("shift", 1.5), ("turn", -1), ("shear", 2), ("zoom", math.nan), ("contrast", 1),
     ("colour", -0.1), ("noise", math.inf)],
)  # fmt: skip
def test_bad_settings_are_named(name, value):
    with pytest.raises(InputError, match=f"Moved: {name} must be"):
        Moved(**{name: value})


def test_the_base_says_no_map():
    with pytest.raises(TypeError, match="abstract"):
        View()
