"""Frames made of moved ones."""

import pytest
import torch

from thalweg.core import InputError
from thalweg.energies import ClipShape, FrameNetwork, FramePrediction, GaussianNoise, SquaredError
from thalweg.latents import Exhaustive, FreeEnergy, OneHot

SHAPES = {"whole": ClipShape(16, 12, 2, 3, 2), "odd": ClipShape(15, 9, 1, 2, 1)}


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def network(shape, generator):
    return FrameNetwork(shape, 4, width=8, reach=2, generator=generator).double()


def clip(shape, generator, n=5):
    every = torch.randn(n, (shape.context + shape.horizon) * shape.frame, generator=generator)
    cut = shape.context * shape.frame
    return every[:, :cut].double(), every[:, cut:].double()


def test_a_shift_moves_the_last_frame(network, shape, generator):
    x, _ = clip(shape, generator)
    with torch.no_grad():
        network.motion.weight.zero_()
        network.shift.weight.zero_()
        network.motion.bias.zero_()
        # from two rows below and one column to the left
        network.motion.bias.view(shape.horizon, 5, 5)[:, 4, 1] = 80.0
        frames = network(torch.eye(4).double()[[0, 1, 2, 3, 0]], x)
    last = x.reshape(5, shape.context, *shape[:3])[:, -1]
    moved = frames.reshape(5, shape.horizon, *shape[:3])
    for frame in moved.unbind(dim=1):
        torch.testing.assert_close(frame[:, :-2, 1:], last[:, 2:, :-1])


def test_frames_are_mixtures_of_what_is_near(network, shape, generator):
    x, _ = clip(shape, generator)
    frames = network(torch.eye(4).double()[[0, 1, 2, 3, 0]], x)
    last = x.reshape(5, shape.context, -1)[:, -1]
    assert (frames.amax(dim=1) <= last.amax(dim=1)).all()
    assert (frames.amin(dim=1) >= last.amin(dim=1)).all()
    spread = network.near(x)
    torch.testing.assert_close(spread.amax(dim=(1, 2, 3)), last.amax(dim=1), rtol=0, atol=0)


def test_candidates_are_each_decoded(network, shape, generator):
    x, _ = clip(shape, generator)
    codes = torch.eye(4).double()
    every = network(codes[:, None], x)
    for code, frames in zip(codes, every, strict=True):
        torch.testing.assert_close(frames, network(code.expand(5, -1), x))
        assert not torch.allclose(frames, every[0]) or code[0] == 1


def test_the_free_energy_is_the_least_of_all_codes_and_so_is_its_gradient(
    network, shape, generator
):
    x, y = clip(shape, generator)
    with torch.no_grad():
        # so dear that the code of least cost is not always that of least energy
        network.usual.layers[-1].bias.copy_(torch.tensor([0.0, -3000.0, -3000.0, 5.0]))
    energy = FreeEnergy(
        FramePrediction(network, OneHot(4), GaussianNoise(0.3)), Exhaustive()
    ).double()
    least = torch.stack(
        [energy.energy(y, code.expand(5, -1), x) for code in torch.eye(4).double()]
    ).amin(dim=0)
    value = energy(y, x)
    torch.testing.assert_close(value, least)
    one = torch.autograd.grad(value.sum(), list(network.parameters()), allow_unused=True)
    other = torch.autograd.grad(least.sum(), list(network.parameters()), allow_unused=True)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)
    chosen = energy.codes(y, x)
    torch.testing.assert_close(energy.energy(y, chosen, x), value)


def test_unusual_codes_are_dear(network, shape, generator):
    x, y = clip(shape, generator)
    energy = FramePrediction(network, OneHot(4), SquaredError())
    share = network.log_share(x)
    torch.testing.assert_close(share.exp().sum(dim=1), torch.ones(5).double())
    for k, code in enumerate(torch.eye(4).double()):
        z = code.expand(5, -1)
        cost = (y - network(z, x)).square().sum(dim=1)
        torch.testing.assert_close(energy(y, z, x), cost - share[:, k])


def test_frames_that_are_too_small_are_named():
    with pytest.raises(InputError, match="frames of 7 x 9; expected at least 8 x 8"):
        FrameNetwork(ClipShape(7, 9, 1, 2, 1), 3)
