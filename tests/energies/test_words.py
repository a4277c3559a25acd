"""Costs of words: minus the log of a probability, whatever is hidden, in whatever units."""

import itertools
import math

import numpy as np
import pytest
import torch

from thalweg.core import Batch, InputError, Layout
from thalweg.energies import (
    Affine,
    BySquares,
    GaussianNoise,
    Perceptron,
    Reconstruction,
    Rescaled,
    SquaredError,
    TableCost,
    WordLogits,
    WordProbabilities,
)
from thalweg.latents import (
    ActiveSet,
    Encoder,
    Exhaustive,
    Flat,
    FreeEnergy,
    GaussianEncoder,
    LeastSquares,
    OneHot,
    ProximalGradient,
    Sparse,
)
from thalweg.latents import Gaussian as GaussianCodes
from thalweg.objectives import Denoising
from thalweg.pretext import MaskingNoise
from thalweg.questions import complete, expect, project

DOUBLE = torch.float64
LAYOUT = Layout(8, ((1, 4), (6, 8)))
NUMBERS, BLOCKS = [0, 4, 5], [(1, 4), (6, 8)]
PRIOR = torch.tensor([0, 0.5, 0.4, 0.1, 0, 0, 0.95, 0.05], dtype=DOUBLE)
SHIFT = torch.tensor([5.0, 0.2, 0.3, 0.1, 1.0, 2.0, 0.4, 0.5], dtype=DOUBLE)
UNIT = torch.tensor([3.0, 0.4, 0.5, 0.5, 2.0, 1.0, 2.0, 0.3], dtype=DOUBLE)
WEIGHT = torch.tensor([0.7, 2.0], dtype=DOUBLE)


def rows(n=12, seed=0, hidden=0.0):
    """Rows in the cost's units, and the same with indicators that are 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    plain = torch.randn(n, 8, generator=generator, dtype=DOUBLE)
    for start, stop in BLOCKS:
        which = torch.randint(stop - start, (n,), generator=generator)
        plain[:, start:stop] = torch.nn.functional.one_hot(which, stop - start).to(plain)
    gone = torch.zeros(n, 8, dtype=torch.bool)
    for part in [(i, i + 1) for i in NUMBERS] + BLOCKS:
        gone[:, slice(*part)] = (torch.rand(n, generator=generator) < hidden)[:, None]
    plain[gone] = math.nan
    y = plain.clone()
    words = [i for block in BLOCKS for i in range(*block)]
    y[:, words] = (plain[:, words] - SHIFT[words]) / UNIT[words]
    return y, plain


def predictions(k=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(k, 8, generator=generator, dtype=DOUBLE)


def words_of(epsilon=0.02):
    return WordProbabilities(LAYOUT, PRIOR, epsilon, SHIFT, UNIT)


def make(numbers=None, weight=WEIGHT, epsilon=0.02):
    return TableCost(numbers or SquaredError(0.7), words_of(epsilon), weight)


def slowly(y, prediction, scale=0.7, epsilon=0.02, weight=(0.7, 2.0)):
    """The formula in plain Python, of one row with indicators that are 0 and 1."""
    total = 0.0
    for i in NUMBERS:
        total += 0.0 if math.isnan(y[i]) else scale * float(y[i] - prediction[i]) ** 2
    for (start, stop), w in zip(BLOCKS, weight, strict=True):
        q = [max(float(prediction[i] * UNIT[i] + SHIFT[i]), 0.0) for i in range(start, stop)]
        p = [a + epsilon * float(b) for a, b in zip(q, PRIOR[start:stop], strict=True)]
        p = [a / sum(p) for a in p]
        if math.isnan(y[start]):
            total -= w * math.log(max(p))
        else:
            total -= w * sum(float(y[start + i]) * math.log(p[i]) for i in range(len(p)))
    return total


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_every_form_is_the_formula(hidden):
    (y, plain), points = rows(hidden=hidden), predictions()
    cost = make() if hidden == 0 else make().restricted(~y.isnan())
    expected = torch.tensor([[slowly(row, point) for row in plain] for point in points])
    expected = expected.to(DOUBLE)
    torch.testing.assert_close(cost.pairwise(y, points), expected)
    torch.testing.assert_close(cost(y, points[:, None].expand(-1, len(y), -1)), expected)
    torch.testing.assert_close(cost(y, points[2].expand_as(y)), expected[2])
    value, which = cost.lowest(y, points)
    torch.testing.assert_close(value, expected.amin(dim=0))
    assert torch.equal(which, expected.argmin(dim=0))
    single = cost.float().pairwise(y.float(), points.float())
    torch.testing.assert_close(single, expected.float(), rtol=1e-4, atol=1e-4)


def test_a_word_never_seen_costs_much_and_a_settled_row_least():
    points = torch.zeros(1, 8, dtype=DOUBLE)
    at = torch.tensor([0.6, 0.4, 0.0], dtype=DOUBLE)
    points[0, 1:4] = (at - SHIFT[1:4]) / UNIT[1:4]
    cost = make(epsilon=0.01)
    least = cost.settled(points)
    unseen = least.clone()
    unseen[0, 1:4] = (torch.tensor([0.0, 0.0, 1.0], dtype=DOUBLE) - SHIFT[1:4]) / UNIT[1:4]
    more = cost(unseen, points) - cost(least, points)
    assert float(more) == pytest.approx(0.7 * math.log(0.605 / 0.001), rel=1e-6)
    for words in itertools.product(range(3), range(2)):
        other = least.clone()
        for block, word in zip(BLOCKS, words, strict=True):
            other[:, slice(*block)] = cost.indicators.of(block, torch.tensor([word]))
        assert cost(other, points) >= cost(least, points)
    assert torch.equal(cost.indicators.settled(least), least)


def test_gradients_equal_finite_differences():
    y, _ = rows(5)
    gone = torch.zeros(5, 8, dtype=torch.bool)
    gone[::2, 1:4] = gone[1, 0] = True
    for numbers, weight in ((SquaredError(0.7), WEIGHT), (GaussianNoise(0.6).double(), WEIGHT)):
        cost = make(numbers, weight).restricted(~gone)
        point = predictions(5).requires_grad_()
        assert torch.autograd.gradcheck(cost, (y.clone().requires_grad_(), point))
        few = predictions(3).requires_grad_()
        assert torch.autograd.gradcheck(cost.pairwise, (y.clone().requires_grad_(), few))


def every_word():
    for words in itertools.product(range(3), range(2)):
        row = torch.zeros(1, 8, dtype=DOUBLE)
        for block, word in zip(BLOCKS, words, strict=True):
            row[:, slice(*block)] = words_of().indicators.of(block, torch.tensor([word]))
        yield words, row


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_with_noise_hidden_words_are_summed_out(weight):
    cost = make(GaussianNoise(0.5).double(), torch.full((2,), weight, dtype=DOUBLE))
    assert not cost.minimizes_hidden
    point = predictions(1)
    some = list(every_word())
    hidden = some[0][1].clone()
    hidden[:, 1:4] = math.nan
    left = cost.restricted(~hidden.isnan())(hidden, point)
    summed = torch.stack([cost(row, point) for words, row in some if words[1] == 0])
    torch.testing.assert_close(left, -torch.logsumexp(-summed, dim=0))


def test_draws_and_their_mean_are_those_of_the_density():
    cost, beta, n = make(), 1.5, 40_000
    point = predictions(1)
    drawn = cost.draw(point.expand(n, -1), beta, torch.Generator().manual_seed(0))
    assert torch.equal(cost.indicators.settled(drawn), drawn)
    for i in NUMBERS:
        away = drawn[:, i] - point[0, i]
        assert float(away.square().mean()) == pytest.approx(1 / (2 * beta * 0.7), rel=0.05)
    some = list(every_word())
    share = torch.softmax(torch.stack([-beta * cost(row, point)[0] for _, row in some]), dim=0)
    mass = torch.logsumexp(torch.stack([-beta * cost(row, point)[0] for _, row in some]), dim=0)
    # the numbers are at 0 in these rows, away from the prediction
    away = beta * 0.7 * point[0, NUMBERS].square().sum()
    torch.testing.assert_close(cost.log_mass(point, beta)[0], mass + away)
    for (_, row), p in zip(some, share, strict=True):
        words = [i for block in BLOCKS for i in range(*block)]
        same = (drawn[:, words] == row[0, words]).all(dim=1).double().mean()
        assert abs(float(same - p)) < 5 * math.sqrt(float(p) / n)
    share = torch.softmax(torch.stack([-cost(row, point)[0] for _, row in some]), dim=0)
    mean = sum(p * row for (_, row), p in zip(some, share, strict=True))
    torch.testing.assert_close(cost.expected(point)[0, words], mean[0, words])


def k_means(k=4, beta=math.inf):
    points = predictions(k, seed=5)
    return FreeEnergy(
        Reconstruction(Affine(points), OneHot(k), make()), Exhaustive(), beta
    ).double()


def fillings(y, gone, n=100, seed=3):
    """Rows with hidden entries at random: whole words, and numbers."""
    for i in range(n):
        other, _ = rows(len(y), seed=seed + i)
        other[:, NUMBERS] *= 2
        yield torch.where(gone, other, y)


def test_completion_by_k_means_is_the_best_of_all_words_and_clusters():
    y, _ = rows(15, hidden=0.4)
    y[0] = math.nan
    energy = k_means()
    gone = y.isnan()
    filled = complete(energy, y)
    assert torch.equal(energy.indicators.settled(filled), filled)
    points = energy.energy.decoder.weight.detach()
    for i in range(len(y)):
        best = (math.inf, None)
        for point in points:
            for _, words in every_word():
                row = torch.where(energy.indicators.mask, words[0], point)
                row = torch.where(gone[i], row, y[i])
                value = float(energy.energy.cost(row[None], point[None]).detach())
                best = min(best, (value, row), key=lambda pair: pair[0])
        torch.testing.assert_close(filled[i], best[1], rtol=0, atol=0)
        value = float(energy(filled[i : i + 1]).detach())
        assert value == pytest.approx(best[0])
    assert torch.equal(filled[~gone], y[~gone])
    assert torch.equal(project(energy, filled), complete(energy, energy.reconstruct(filled)))


def makes():
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(2, 8, generator=generator, dtype=DOUBLE)
    atoms = torch.nn.functional.normalize(
        torch.randn(6, 8, generator=generator, dtype=DOUBLE), dim=1
    )
    net = Perceptron((8, 6, 2), generator=generator)
    wide = Perceptron((8, 6, 4), generator=generator)
    decoder = Perceptron((2, 6, 8), generator=generator)
    offset = 0.3 * torch.ones(8, dtype=DOUBLE)
    half = make(SquaredError(0.5), torch.ones(2, dtype=DOUBLE))
    return {
        "k-means": k_means(),
        "soft k-means": k_means(beta=2.0),
        "pca": FreeEnergy(
            Reconstruction(Affine(w, offset), Flat(2), make()), BySquares(LeastSquares())
        ),
        "ridge": FreeEnergy(
            Reconstruction(Affine(w, offset), GaussianCodes(2), make()), BySquares(LeastSquares())
        ),
        "sparse coding": FreeEnergy(
            Reconstruction(Affine(atoms), Sparse(6, 0.1), half), BySquares(ActiveSet(1e-10))
        ),
        "sparse coding by fista": FreeEnergy(
            Reconstruction(Affine(atoms), Sparse(6, 0.1), half),
            BySquares(ProximalGradient(tol=1e-9)),
        ),
        "autoencoder": FreeEnergy(Reconstruction(decoder, Flat(2), make()), Encoder(net)),
        "vae": FreeEnergy(
            Reconstruction(
                decoder, GaussianCodes(2),
                make(GaussianNoise(0.5), torch.ones(2, dtype=DOUBLE)),
            ),
            GaussianEncoder(wide, 2, 8), 1.0,
        ),
        "logits": FreeEnergy(
            Reconstruction(
                decoder, Flat(2),
                TableCost(SquaredError(0.7), WordLogits(LAYOUT, PRIOR, 0.1, SHIFT, UNIT), WEIGHT),
            ),
            Encoder(net),
        ),
        "other units": Rescaled(k_means(), SHIFT, UNIT),
        "ae in other units": Rescaled(
            FreeEnergy(Reconstruction(decoder, Flat(2), make()), Encoder(net)), SHIFT, UNIT
        ),
    }  # fmt: skip


KINDS = list(makes())
QUICK = [name for name in KINDS if not name.endswith("fista")]


@pytest.mark.parametrize("name", QUICK)
def test_no_random_filling_is_below_the_completion(name):
    energy = makes()[name].double().eval()
    (y, _), (starts, _) = rows(10, hidden=0.4), rows(20, seed=9)
    starts[:, NUMBERS] *= 2
    if isinstance(energy, Rescaled):
        y, starts = y * UNIT + SHIFT, starts * UNIT + SHIFT
    gone = y.isnan()
    filled = complete(energy, y, starts=starts)
    assert torch.equal(filled[~gone], y[~gone])
    words = energy.indicators
    exact = words.settled(filled)
    torch.testing.assert_close(exact, filled, rtol=1e-12, atol=1e-12)
    assert torch.equal(exact[gone], filled[gone])
    with torch.no_grad():
        value = energy(filled)
        for other in fillings(y, gone):
            if isinstance(energy, Rescaled):
                other = torch.where(gone, other * UNIT + SHIFT, y)
            assert (value <= energy(other) + 1e-9).all()


@pytest.mark.parametrize("name", QUICK)
def test_the_gradient_counts_how_the_codes_move(name):
    energy = makes()[name].double().eval()
    y, _ = rows(4)
    y = y * UNIT + SHIFT if isinstance(energy, Rescaled) else y
    assert torch.autograd.gradcheck(energy, (y.clone().requires_grad_(),), atol=1e-5)
    if name.startswith(("pca", "ridge", "sparse")):
        named = {k: v.detach().clone().requires_grad_() for k, v in energy.named_parameters()}

        def value(*parts):
            parts = dict(zip(named, parts, strict=True))
            return torch.func.functional_call(energy, parts, (y,))

        assert torch.autograd.gradcheck(value, tuple(named.values()), atol=1e-5)


@pytest.mark.parametrize("name", QUICK)
def test_a_projected_row_has_whole_words_and_no_more_energy(name):
    energy = makes()[name].double().eval()
    y, _ = rows(8)
    y = y * UNIT + SHIFT if isinstance(energy, Rescaled) else y
    near = project(energy, y)
    torch.testing.assert_close(energy.indicators.settled(near), near, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        assert (energy(near) <= energy(y) + 1e-9).all()


def test_codes_by_squares_are_those_of_the_energy_without_words():
    energy = makes()["pca"].double()
    y, _ = rows(hidden=0.3)
    decoder, visible = energy.energy.decoder, ~y.isnan()
    twin = FreeEnergy(Reconstruction(decoder, Flat(2), SquaredError(0.7)), LeastSquares())
    with torch.no_grad():
        view = energy.restricted(visible)
        codes = view.codes(y)
        torch.testing.assert_close(codes, twin.restricted(visible).codes(y))
        torch.testing.assert_close(view(y), view.energy.cost(y, decoder(codes)))


def test_codes_do_not_depend_on_what_solves_for_them():
    y, _ = rows(4)
    found = []
    for name in ("sparse coding", "sparse coding by fista"):
        with torch.enable_grad():
            at = y.clone().requires_grad_()
            value = makes()[name].double()(at)
            found.append((value, torch.autograd.grad(value.sum(), at)[0]))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-2, atol=1e-2)


def test_means_of_hidden_words_are_probabilities():
    energy, (y, _) = k_means(beta=2.0), rows(10)
    y[:, 1:4] = math.nan
    with torch.no_grad():
        view = energy.restricted(~y.isnan())
        share = view.responsibilities(y)
        each = energy.energy.cost.expected(energy.energy.decoder.weight)
        mean = expect(energy, y)
    torch.testing.assert_close(mean[:, 1:4], (share.T @ each)[:, 1:4])
    p = mean[:, 1:4] * UNIT[1:4] + SHIFT[1:4]
    torch.testing.assert_close(p.sum(dim=1), torch.ones(10, dtype=DOUBLE))


def test_codes_are_drawn_as_often_as_their_words_add_up_to():
    energy, n = k_means(beta=2.0), 20_000
    with torch.no_grad():
        drawn = energy.draw(n, torch.Generator().manual_seed(0))
        some = list(every_word())
        # a number's integral is the same for all codes; that over words is not
        cost, points = energy.energy.cost, energy.energy.decoder.weight
        mass = torch.stack(
            [
                torch.logsumexp(
                    torch.stack([-2 * (cost(row, p[None])[0] - cost.numbers(
                        row[:, NUMBERS], p[None][:, NUMBERS])[0]) for _, row in some]), dim=0)
                for p in points
            ]
        )  # fmt: skip
        mean = torch.softmax(mass, dim=0) @ points[:, NUMBERS]
    error = 5 * drawn[:, NUMBERS].std(dim=0) / math.sqrt(n)
    assert (abs(drawn[:, NUMBERS].mean(dim=0) - mean) < error).all()


def test_learning_to_bring_words_back_costs_minus_their_log():
    energy = makes()["autoencoder"].double()
    (y, plain), asked = rows(6), torch.zeros(6, 8, dtype=torch.bool)
    asked[:, 1:4] = asked[::2, 4] = True
    y[1, 0] = plain[1, 0] = math.nan
    spoiled = torch.where(asked, 0.0, y.nan_to_num(nan=0.0))
    with torch.no_grad():
        prediction = energy.decode(energy.codes(spoiled))
        found = energy.recovery_cost(y, spoiled, asked)
    for i in range(6):
        # nothing but what is asked for: other entries where they are predicted, at no cost
        masked = torch.where(asked[i, NUMBERS], plain[i, NUMBERS], prediction[i, NUMBERS])
        row = plain[i].clone()
        row[NUMBERS] = masked
        of_all = slowly(row, prediction[i])
        row[1:4] = 0
        rest = slowly(row, prediction[i])
        row[NUMBERS] = prediction[i, NUMBERS]
        squares = rest - slowly(row, prediction[i])
        assert float(found[i]) == pytest.approx((of_all - rest + squares) / 0.7)
    assert found.isfinite().all()


def test_a_denoising_autoencoder_learns_words():
    energy = makes()["autoencoder"].float()
    y = rows(200)[0].float()
    y[:, 1:4] = y[:1, 1:4]
    optimizer = torch.optim.Adam(energy.parameters(), lr=0.05)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(60):
        loss = Denoising(MaskingNoise(0.3))(energy, Batch(y), generator).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_saved_cost_comes_back_in_a_blank():
    cost = make()
    blank = TableCost.blank(LAYOUT, SquaredError(0.7)).double()
    assert set(cost.state_dict()) == {
        "weight", "words.prior", "words.epsilon", "words.shift", "words.unit",
    }  # fmt: skip
    blank.load_state_dict(cost.state_dict())
    (y, _), points = rows(), predictions()
    assert torch.equal(blank.pairwise(y, points), cost.pairwise(y, points))


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match=r"prior of word 0, entries 1 to 3"):
        WordProbabilities(LAYOUT, torch.where(PRIOR == 0.1, 0.0, PRIOR))
    with pytest.raises(InputError, match="epsilon must be above 0"):
        WordProbabilities(LAYOUT, PRIOR, 0.0)
    with pytest.raises(InputError, match="has no words"):
        WordProbabilities(Layout(2), torch.ones(2))
    with pytest.raises(InputError, match=r"prior has shape \(3,\)"):
        WordProbabilities(LAYOUT, PRIOR[:3])
    with pytest.raises(InputError, match="for each of 2 words"):
        TableCost(SquaredError(), words_of(), torch.ones(3))
    with pytest.raises(InputError, match="7 columns; expected 8"):
        make()(torch.zeros(1, 7), torch.zeros(1, 8))
    with pytest.raises(InputError, match="has no words"):
        BySquares(LeastSquares()).solve(
            Reconstruction(Affine(torch.ones(1, 2)), Flat(1)), torch.ones(1, 2)
        )


def test_logits_are_those_of_softmax_with_a_floor():
    words = WordLogits(LAYOUT, PRIOR, 0.1, SHIFT, UNIT)
    point = 3 * predictions(4)
    for (start, stop), part in zip(BLOCKS, words.log_p(point).exp().split([3, 2], 1), strict=True):
        soft = (point[:, start:stop] + PRIOR[start:stop].log()).softmax(dim=1)
        torch.testing.assert_close(part, (soft + 0.1 * PRIOR[start:stop]) / 1.1)
    # rows have units all the same
    assert torch.equal(words.indicators.on, words_of().indicators.on)


def test_rows_of_words_alone():
    layout = Layout(5, ((0, 2), (2, 5)))
    prior = torch.tensor([0.5, 0.5, 0.2, 0.3, 0.5], dtype=DOUBLE)
    cost = TableCost(SquaredError(), WordProbabilities(layout, prior), torch.ones(2, dtype=DOUBLE))
    points = torch.tensor([[1, 0, 0, 1, 0], [0.2, 0.8, 0.5, 0, 0.5]], dtype=DOUBLE)
    energy = FreeEnergy(Reconstruction(Affine(points), OneHot(2), cost), Exhaustive()).double()
    y = torch.tensor([[1, 0, math.nan, math.nan, math.nan], [0, 1, 0, 0, 1]], dtype=DOUBLE)
    assert complete(energy, y).tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]
    with torch.no_grad():
        assert float(energy(y[1:])) == pytest.approx(-math.log(0.805 * 0.505 / 1.01**2), rel=1e-9)
