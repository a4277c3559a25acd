"""What keeps embeddings from collapsing, against closed forms."""

import math

import numpy as np
import pytest
import torch

from thalweg.core import Batch, InputError
from thalweg.energies import ConvolutionalInpainter, EmbeddedPrediction, NetworkEnergy, Perceptron
from thalweg.objectives import ByCovariance, IsotropicGaussian, JointPrediction
from thalweg.objectives.spread import normality
from thalweg.pretext import Occluded, Shaped

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n, m, seed=0):
    return torch.randn(n, m, generator=seeded(seed), dtype=DOUBLE)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_the_distance_from_normal_is_its_closed_form(scale):
    z = scale * rows(40, 1) + 0.2
    # the integrals of exp(-t^2/2), of its products with cos(t d) and with exp(-t^2/2) twice
    pairs = (-0.5 * (z - z.T).square()).exp().mean() * math.sqrt(2 * math.pi)
    single = (-0.25 * z.square()).exp().mean() * 2 * math.sqrt(math.pi)
    known = pairs - single + math.sqrt(2 * math.pi / 3)
    torch.testing.assert_close(normality(z)[0], known, rtol=1e-5, atol=1e-7)


def test_normal_embeddings_have_the_mean_of_their_statistic():
    # E |phi_n - phi|^2 = (1 - exp(-t^2)) / n
    known = math.sqrt(2 * math.pi) - math.sqrt(2 * math.pi / 3)
    spread = IsotropicGaussian(slices=400)
    found = [float(spread(rows(100, 8, seed), seeded(seed))) for seed in range(60)]
    error = np.std(found) / math.sqrt(60)
    assert abs(np.mean(found) - known) < 4 * error


@pytest.mark.parametrize("spread", [ByCovariance(), IsotropicGaussian()])
def test_what_has_collapsed_costs_more(spread):
    whole = rows(200, 6)
    for narrow in (0.1 * whole, whole[:, :1].expand(-1, 6), torch.zeros(200, 6, dtype=DOUBLE)):
        assert float(spread(narrow, seeded())) > 2 * float(spread(whole, seeded()))


def test_only_the_gaussian_one_sees_that_a_density_has_two_heaps():
    heaps = torch.sign(rows(500, 1)) * torch.ones(500, 1, dtype=DOUBLE)
    even = rows(500, 1)
    assert float(IsotropicGaussian()(heaps, seeded())) > 5 * float(
        IsotropicGaussian()(even, seeded())
    )
    assert abs(float(ByCovariance()(heaps, seeded()))) < 0.1


def test_the_same_generator_looks_along_the_same_directions():
    z = rows(50, 4)
    assert IsotropicGaussian(8)(z, seeded(1)) == IsotropicGaussian(8)(z, seeded(1))
    assert IsotropicGaussian(8)(z, seeded(1)) != IsotropicGaussian(8)(z, seeded(2))


def prediction(k=3):
    network = ConvolutionalInpainter((8, 8, 1), 4, 1, 2, seeded())
    projector = Perceptron((64, 5), generator=seeded(1))
    return EmbeddedPrediction(network, projector, 5, k, 12, seeded(2))


def test_parts_share_no_pixel_and_leave_none_out():
    objective = JointPrediction(Shaped(Occluded(0.5), (8, 8, 1)), ByCovariance())
    y = torch.randn(6, 64, generator=seeded())
    given, hidden, whole = objective.parts(y, seeded())
    assert bool((given.isnan() ^ hidden.isnan()).all())
    assert torch.equal(torch.where(given.isnan(), hidden, given), y)
    assert torch.equal(whole, y)


def test_the_same_place_is_hidden_in_all_rows_of_a_batch():
    objective = JointPrediction(Shaped(Occluded((0.3, 0.8)), (8, 8, 1)), ByCovariance())
    y = torch.randn(6, 64, generator=seeded())
    places = [objective.parts(y, seeded(i))[0].isnan() for i in range(5)]
    for place in places:
        assert torch.equal(place, place[:1].expand_as(place))
    assert len({tuple(place[0].tolist()) for place in places}) > 1


def test_rows_of_which_nothing_visible_was_hidden_are_left_out():
    objective = JointPrediction(Shaped(Occluded(0.4), (8, 8, 1)), ByCovariance())
    y = torch.randn(64, 8, 8, generator=seeded())
    # a block of three columns touches the left five columns or the right ones, seldom both
    y[:32, :, :5], y[32:, :, 3:] = torch.nan, torch.nan
    counts = [len(objective.parts(y.flatten(1), seeded(i))[0]) for i in range(10)]
    assert min(counts) == 32
    given, hidden, whole = objective.parts(y.flatten(1), seeded(counts.index(32)))
    # what is visible of these goes whole in most draws
    y = torch.full((6, 8, 8), torch.nan)
    y[:, 3:5, 3:5] = 1.0
    for i in range(10):
        assert bool((~objective.parts(y.flatten(1), seeded(i))[0].isnan()).any(dim=1).all())
    assert len(given) == len(hidden) == len(whole)
    for part in (given, hidden, whole):
        assert bool((~part.isnan()).any(dim=1).all())


def test_the_loss_is_what_it_says():
    energy, y = prediction(), torch.randn(6, 64, generator=seeded())
    objective = JointPrediction(
        Shaped(Occluded(0.5), (8, 8, 1)), ByCovariance(), prediction=7.0, share=0.0
    )
    found = objective(energy, Batch(y), seeded(5))
    given, hidden, whole = objective.parts(y, seeded(5))
    s_x, s_y, s = energy.embed(given), energy.embed(hidden), energy.embed(whole)
    apart = torch.stack(
        [(s_y - each).square().sum(dim=1) for each in energy.predictions(given)]
    ).min(dim=0).values.mean() / 5  # fmt: skip
    spread = ByCovariance()
    every = sum(spread(part, seeded()) for part in (s_x, s_y, s))
    torch.testing.assert_close(found.value, 7 * apart + every)


def test_a_batch_of_one_teaches_nothing():
    objective = JointPrediction(Shaped(Occluded(0.5), (8, 8, 1)), IsotropicGaussian())
    energy = prediction()
    loss = objective(energy, Batch(torch.randn(1, 64, generator=seeded())), seeded())
    loss.value.backward()
    assert all(not p.grad.any() for p in energy.parameters() if p.grad is not None)


def test_an_energy_that_does_not_embed_is_refused():
    objective = JointPrediction(Occluded(0.5), ByCovariance())
    with pytest.raises(InputError, match="does not predict embeddings"):
        objective(NetworkEnergy(Perceptron((2, 1))), Batch(torch.zeros(2, 2)), seeded())
