"""Frames made of moved ones."""

import math

import pytest
import torch

from thalweg.core import Batch, InputError
from thalweg.energies import (
    Affine,
    ByPlace,
    ClipShape,
    FrameNetwork,
    FramePrediction,
    FrameRecognition,
    GaussianNoise,
    Reconstruction,
    SquaredError,
)
from thalweg.energies.frame_prior import FramePrior
from thalweg.latents import Exhaustive, FreeEnergy, Gaussian, GaussianEncoder, OneHot, OneHots
from thalweg.objectives import VariationalBound
from thalweg.samplers.noise import normal

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


@pytest.fixture
def apart():
    """Four places with three codes each, whose codes differ."""
    shape = ClipShape(9, 8, 2, 2, 2)
    network = FrameNetwork(shape, 3, 6, 1, torch.Generator().manual_seed(3), (2, 2)).double()
    with torch.no_grad():
        network.rest.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(4))
    energy = FramePrediction(network, OneHots(3, 4), GaussianNoise(0.7)).double()
    return FreeEnergy(energy, ByPlace())


def test_the_best_choice_of_each_place_is_the_best_of_all_combinations(apart):
    generator = torch.Generator().manual_seed(0)
    h = apart.energy.decoder.shape
    y = torch.randn(3, h.horizon * h.frame, generator=generator).double()
    x = torch.randn(3, h.context * h.frame, generator=generator).double()
    every = apart.energy.latent.of(torch.cartesian_prod(*[torch.arange(3)] * 4))
    values = torch.stack([apart.energy(y, z.expand(3, -1), x) for z in every])
    torch.testing.assert_close(apart(y, x), values.min(dim=0).values)
    assert torch.equal(apart.infer(y, x).z[0], every[values.argmin(dim=0)])
    # which is less than any one code everywhere
    same = torch.stack([values[40 * i] for i in range(3)])
    assert bool((apart(y, x) < same.min(dim=0).values).all())


def test_the_parts_of_places_add_up(apart):
    generator = torch.Generator().manual_seed(0)
    h = apart.energy.decoder.shape
    y = torch.randn(3, h.horizon * h.frame, generator=generator).double()
    x = torch.randn(3, h.context * h.frame, generator=generator).double()
    parts = apart.energy.by_place(y, x)
    assert parts.shape == (3, 3, 4)
    which = torch.tensor([0, 2, 1, 1])
    chosen = sum(parts[which[p], :, p] for p in range(4))
    full = apart.energy(y, apart.energy.latent.of(which).expand(3, -1), x)
    normalizer = apart.energy.cost(y, y)
    torch.testing.assert_close(chosen + normalizer, full)


def test_a_place_does_not_see_the_choice_of_another(apart):
    network = apart.energy.decoder
    x = torch.randn(1, network.shape.context * network.shape.frame).double()
    z = [apart.energy.latent.of(torch.tensor([which])) for which in ([0, 1, 2, 0], [0, 2, 2, 0])]
    one, other = (network(each, x).unflatten(1, (2, 9, 8, 2)) for each in z)
    changed = (one != other).any(dim=4).any(dim=1)[0]
    assert bool(changed[:8, 4:].any())
    # rows of squares are two above and one below
    assert not bool(changed[:, :4].any())
    assert not bool(changed[8:].any())


def test_the_most_usual_codes_are_those_of_the_largest_shares(apart):
    inside, h = apart.energy, apart.energy.decoder.shape
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(5, h.context * h.frame, generator=generator).double()
    share = inside.decoder.log_share(x).unflatten(1, (4, 3))
    best = inside.latent.of(share.argmax(dim=2)).to(x)
    torch.testing.assert_close(inside.usual(x, 2), best[:, None].repeat(1, 2, 1))
    # drawn as often as they are usual: within five deviations
    many = inside.drawn(x[:1].expand(20_000, -1), generator).reshape(-1, 4, 3).mean(dim=0)
    expected = share[0].exp()
    assert bool(((many - expected).abs() < 5 * (expected / 20_000).sqrt()).all())


def test_shares_that_are_no_numbers_say_nothing(apart):
    inside, h = apart.energy, apart.energy.decoder.shape
    x = torch.full((2, h.context * h.frame), torch.nan).double()
    for ask in (lambda: inside.usual(x, 1), lambda: inside.drawn(x, torch.Generator())):
        with pytest.raises(InputError, match="how usual codes are is not a number"):
            ask()


def test_more_places_than_squares_are_refused():
    with pytest.raises(InputError, match=r"3 x 3 places; expected 1 to 2 x 2"):
        FrameNetwork(ClipShape(8, 8, 1, 1, 1), 2, 4, 1, None, (3, 3))


def test_an_energy_that_is_no_sum_over_places_is_refused():
    energy = Reconstruction(Affine(torch.eye(2)), OneHot(2))
    with pytest.raises(InputError, match="Reconstruction is no sum over places"):
        FreeEnergy(energy, ByPlace())(torch.zeros(1, 2))


def test_the_prior_of_a_continuous_code_is_a_density_and_draws_are_of_it():
    shape = ClipShape(8, 8, 1, 2, 1)
    prior = FramePrior(shape, 1, 3, 8, torch.Generator().manual_seed(2)).double()
    x = torch.randn(2, 128, generator=torch.Generator().manual_seed(0)).double()
    grid = torch.linspace(-30, 30, 6001).double()
    r = prior(grid[:, None, None].expand(-1, 2, 1), x)
    assert r.shape == (6001, 2)
    total = torch.trapezoid((-r).exp(), grid, dim=0)
    torch.testing.assert_close(total, torch.ones(2).double(), rtol=1e-6, atol=0)
    mean = torch.trapezoid(grid[:, None] * (-r).exp(), grid, dim=0)
    variance = torch.trapezoid((grid[:, None] - mean).square() * (-r).exp(), grid, dim=0)
    drawn = prior.draw(x.repeat_interleave(8000, dim=0), torch.Generator().manual_seed(1))
    drawn = drawn.reshape(2, 8000)
    assert bool(((drawn.mean(dim=1) - mean).abs() < 5 * (variance / 8000).sqrt()).all())
    torch.testing.assert_close(drawn.var(dim=1), variance, rtol=0.15, atol=0)
    # of parts that are narrow, and wide, each draw is as far from the nearest middle
    for level in (-1.5, 1.0):
        prior.mixture = lambda x, level=level: (
            torch.zeros(len(x), 3).double().log_softmax(dim=1),
            torch.tensor([-40.0, 0.0, 40.0]).double()[:, None].expand(len(x), 3, 1),
            torch.full((len(x), 3, 1), level).double(),
        )
        apart = prior.draw(x[:1].expand(8000, -1), torch.Generator().manual_seed(1))
        spread = (apart - 40 * (apart / 40).round()).std()
        assert float(spread) == pytest.approx(math.exp(level), rel=5 / 126)
    del prior.mixture
    # no value is much more usual than the most usual one: the middle of its heaviest part
    least = r.min(dim=0).values
    usual = prior(prior.usual(x), x)
    assert bool((usual < least + 0.7).all())


def test_what_a_prior_says_is_part_of_the_energy_and_of_the_bound():
    shape = ClipShape(8, 8, 1, 2, 1)
    generator = torch.Generator().manual_seed(0)
    network = FrameNetwork(shape, 2, 6, 1, generator)
    prior = FramePrior(shape, 2, 3, 8, generator)
    energy = FramePrediction(network, Gaussian(2), GaussianNoise(0.5), prior)
    recognition = FrameRecognition(shape, 4, 8, generator)
    x, y, z = (torch.randn(4, d, generator=generator) for d in (128, 64, 2))
    torch.testing.assert_close(energy(y, z, x), energy.data_term(y, z, x) + prior(z, x))
    view = energy.restricted(torch.ones(4, 64, dtype=torch.bool))
    torch.testing.assert_close(view(y, z, x), energy(y, z, x))
    free = FreeEnergy(energy, GaussianEncoder(recognition, 2))
    found = VariationalBound()(free, Batch(y, x), torch.Generator().manual_seed(7))
    mean, log_sigma = free.solver.posterior(y, x)
    drawn = mean + log_sigma.exp() * normal(mean, torch.Generator().manual_seed(7))
    entropy = (log_sigma + 0.5 * math.log(2 * math.pi * math.e)).sum(dim=1)
    torch.testing.assert_close(found.value, (energy(y, drawn, x) - entropy).mean())
