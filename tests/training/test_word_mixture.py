"""Expectation maximization with words: held to its formula, to numbers alone, to words alone."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from thalweg.core import InputError, Layout
from thalweg.data import Rows
from thalweg.energies import WordBlocks, WordComponents
from thalweg.latents import Exhaustive, FreeEnergy
from thalweg.training import train
from thalweg.training.mixture import build, em_step
from thalweg.training.mixture_fit import Settings
from thalweg.training.weighted import Weighted
from thalweg.training.word_mixture import (
    WordPrior,
    components_of_shares,
    fit_words,
    pooled_words,
    word_em_step,
)

DOUBLE = torch.float64
LAYOUT = Layout(7, ((1, 4), (5, 7)))
NUMBERS, BLOCKS, K = [0, 4], [(1, 4), (5, 7)], 2
PRIOR = torch.tensor([0, 0.5, 0.4, 0.1, 0, 0.7, 0.3], dtype=DOUBLE)
TYPES = ["full", "tied", "diag", "spherical"]


def data(n=60, hidden=0.0, weight=None, seed=0):
    """Two kinds of rows: where numbers lie, and which words they have."""
    random = np.random.default_rng(seed)
    kind = random.integers(2, size=n)
    y = np.zeros((n, 7))
    y[:, NUMBERS] = 2 * kind[:, None] + random.normal(size=(n, 2))
    for start, stop in BLOCKS:
        # the last word of the first block is never seen
        p = np.array([[0.8, 0.2, 0.0], [0.3, 0.7, 0.0]])[:, : stop - start]
        for i in range(n):
            y[i, start + random.choice(stop - start, p=p[kind[i]] / p[kind[i]].sum())] = 1
    for part in [(i, i + 1) for i in NUMBERS] + BLOCKS:
        y[random.random(n) < hidden, slice(*part)] = np.nan
    # a summary takes no row that hides everything
    y[np.isnan(y).all(axis=1), 5:7] = [1, 0]
    rows = Rows(y)
    return Weighted(rows, weight, torch.zeros(7, dtype=DOUBLE), bool(np.isnan(y).any()))


def start(given, kind="full", k=K, layout=LAYOUT, prior=PRIOR, rows=1.0):
    share = np.random.default_rng(5).random((len(given.rows), k))
    share /= share.sum(axis=1, keepdims=True)
    words = WordBlocks(layout, torch.zeros(layout.width, dtype=DOUBLE))
    summary = given.rows.summary()
    return components_of_shares(words, given, share, summary, kind, 1e-6, WordPrior(prior, rows))


def steps(energy, given, count, kind="full", rows=1.0, prior=PRIOR, reg=1e-6):
    step = word_em_step(energy, kind, reg, WordPrior(prior, rows))
    history = train(step, itertools.repeat(given, count), torch.Generator())
    return np.array([float(each) for each in history.values])


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize("beta", [0.7, 1.0])
def test_the_loss_never_rises(kind, hidden, beta):
    given = data(hidden=hidden)
    energy = FreeEnergy(start(given, kind), Exhaustive(), beta)
    losses = steps(energy, given, 25, kind, reg=0.0)
    assert (np.diff(losses) < 1e-9).all()
    assert losses[-1] < losses[0] - 0.01


def of_one_row(energy, y):
    """Responsibilities of a row, from the energy of what is visible of it."""
    with torch.no_grad():
        view = energy.restricted(~y[None].isnan())
        return view.responsibilities(y[None])[:, 0]


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_a_step_is_the_formula(hidden):
    random = np.random.default_rng(2)
    given = data(40, hidden, weight=random.random(40) + 0.5)
    energy, beta, a = FreeEnergy(start(given), Exhaustive(), 1.3), 1.3, 0.8
    if hidden:
        given.rows.values[0] = np.nan
    y, w = torch.from_numpy(given.rows.values), torch.from_numpy(given.weight)
    share = torch.stack([of_one_row(energy, each) for each in y], dim=1) * w
    old = energy.energy
    log_p, penalty = old.log_p.detach(), 0.0
    for (first, stop), at in zip(BLOCKS, (0, 3), strict=True):
        prior = PRIOR[first:stop]
        for z in range(K):
            penalty += a * float(
                (prior * (prior / log_p[z, at : at + stop - first].exp()).log()).sum()
            )
    with torch.no_grad():
        value = float((energy.restricted(~y.isnan())(y) * w).sum())
    means, precision = old.numbers.means.detach().clone(), old.numbers.precisions().detach()
    losses = steps(energy, given, 1, rows=a)
    assert losses[0] == pytest.approx((value + penalty) / float(w.sum()), rel=1e-10)
    assert energy.beta == beta
    for z in range(K):
        expected = []
        for first, stop in BLOCKS:
            block, r = y[:, first:stop], share[z]
            seen = ~block.isnan().any(dim=1)
            count = r[seen] @ block[seen]
            expected.append((count + a * PRIOR[first:stop]) / (r[seen].sum() + a))
        torch.testing.assert_close(energy.energy.log_p[z].exp().detach(), torch.cat(expected))
        # numbers: hidden ones at their conditional mean, with their conditional covariance
        total, outer = torch.zeros(2, dtype=DOUBLE), torch.zeros(2, 2, dtype=DOUBLE)
        for each, r in zip(y[:, NUMBERS], share[z], strict=True):
            gone, e, extra = each.isnan(), each.clone(), torch.zeros(2, 2, dtype=DOUBLE)
            if gone.any():
                p = precision[z]
                inverse = torch.linalg.inv(p[gone][:, gone])
                away = each[~gone] - means[z][~gone]
                e[gone] = means[z][gone] - inverse @ p[gone][:, ~gone] @ away
                extra[gone.nonzero(), gone.nonzero()[:, 0]] = inverse
            total, outer = total + r * e, outer + r * (torch.outer(e, e) + extra)
        mean = total / share[z].sum()
        covariance = outer / share[z].sum() - torch.outer(mean, mean)
        covariance += 1e-6 * torch.eye(2, dtype=DOUBLE)
        new = energy.energy.numbers
        torch.testing.assert_close(new.means[z].detach(), mean)
        found = torch.linalg.inv(new.precisions()[z].detach())
        torch.testing.assert_close(found, covariance, rtol=1e-6, atol=1e-9)
        weight = share[z].sum() / w.sum()
        torch.testing.assert_close(energy.energy.weights[z].detach(), weight)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize("far", [0.0, 1e5])
def test_words_that_say_nothing_leave_the_numbers_as_they_are(kind, hidden, far):
    given = data(80, hidden)
    y = given.rows.values
    y[:, NUMBERS] += far
    y[:, 1:4], y[:, 5:7] = [1, 0, 0], [0, 1]
    # next to no smoothing, which makes the tables of components with fewer rows wider
    energy = FreeEnergy(start(given, kind, rows=1e-12), Exhaustive(), 1.0)
    numbers = np.ascontiguousarray(y[:, NUMBERS])
    alone = Weighted(Rows(numbers), None, torch.from_numpy(np.nanmean(numbers, axis=0)),
                     given.hidden)  # fmt: skip
    old = energy.energy.numbers
    means, weights = old.means.detach(), old.weights.detach()
    factors = old.covariance_factors().detach()
    covariances = factors @ factors.transpose(1, 2)
    shapes = {"full": covariances, "tied": covariances[:1],
              "diag": covariances.diagonal(dim1=1, dim2=2),
              "spherical": covariances.diagonal(dim1=1, dim2=2)[:, :1]}  # fmt: skip
    other = FreeEnergy(build(means, weights, shapes[kind], kind), Exhaustive(), 1.0)
    train(em_step(other, kind, 1e-6), itertools.repeat(alone, 8), torch.Generator())
    steps(energy, given, 8, kind, rows=1e-12)
    new = energy.energy.numbers
    torch.testing.assert_close(new.means, other.energy.means, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(new.weights, other.energy.weights, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(new.precisions(), other.energy.precisions(), rtol=1e-5, atol=1e-7)


def latent_classes(y, log_p, weights, count, prior, a):
    """Latent class analysis in plain Python: words (n, 2), -1 where hidden."""
    k = len(weights)
    for _ in range(count):
        share = []
        for row in y:
            terms = [
                weights[z] * math.prod(log_p[z][j][c] for j, c in enumerate(row) if c >= 0)
                for z in range(k)
            ]
            share.append([term / sum(terms) for term in terms])
        weights = [sum(r[z] for r in share) / len(y) for z in range(k)]
        log_p = [
            [
                [
                    (sum(r[z] for r, row in zip(share, y, strict=True) if row[j] == c) + a * p)
                    / (sum(r[z] for r, row in zip(share, y, strict=True) if row[j] >= 0) + a)
                    for c, p in enumerate(prior[j])
                ]
                for j in range(2)
            ]
            for z in range(k)
        ]
    return log_p, weights


def test_words_alone_are_latent_class_analysis():
    layout, prior = Layout(5, ((0, 3), (3, 5))), PRIOR[[1, 2, 3, 5, 6]]
    whole = data(50, hidden=0.2)
    whole.rows.values[np.isnan(whole.rows.values[:, [1, 5]]).all(axis=1), 5:7] = [1, 0]
    given = replace(whole, rows=Rows(np.ascontiguousarray(whole.rows.values[:, [1, 2, 3, 5, 6]])))
    first = start(given, layout=layout, prior=prior)
    p = first.log_p.detach().exp().tolist()
    y = [
        [-1 if math.isnan(part[0]) else int(np.argmax(part)) for part in (each[:3], each[3:])]
        for each in given.rows.values.tolist()
    ]
    expected, weights = latent_classes(
        y, [[each[:3], each[3:]] for each in p], first.weights.tolist(), 10,
        [prior[:3].tolist(), prior[3:].tolist()], 1.0,
    )  # fmt: skip
    energy = FreeEnergy(first, Exhaustive(), 1.0)
    losses = steps(energy, given, 10, prior=prior)
    assert (np.diff(losses) < 1e-9).all()
    found = energy.energy.log_p.exp().tolist()
    for z in range(K):
        assert found[z] == pytest.approx(expected[z][0] + expected[z][1], rel=1e-9)
    assert energy.energy.weights.tolist() == pytest.approx(weights, rel=1e-9)
    # never seen, and still not impossible
    assert 0 < found[0][2] < 0.01


@pytest.mark.parametrize("hidden", [0.0, 0.3])
def test_a_row_that_counts_twice_is_two_rows(hidden):
    given = data(30, hidden)
    twice = np.arange(30) % 3 == 0
    y = given.rows.values
    more = replace(given, rows=Rows(np.concatenate([y, y[twice]])))
    once = replace(given, weight=np.where(twice, 2.0, 1.0))
    first = start(given)
    found = []
    for each in (more, once):
        components = WordComponents(LAYOUT, build_again(first), first.log_p.detach())
        energy = FreeEnergy(components, Exhaustive(), 1.0)
        losses = steps(energy, each, 6)
        found.append((losses, energy.energy.state_dict()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-10)
    for name, value in found[0][1].items():
        torch.testing.assert_close(value, found[1][1][name])


def build_again(components):
    factors = components.numbers.covariance_factors().detach()
    numbers = components.numbers
    covariances = factors @ factors.transpose(1, 2)
    return build(numbers.means.detach(), numbers.weights.detach(), covariances, "full")


def test_hard_assignment_counts_whole_rows():
    given = data(40)
    energy = FreeEnergy(start(given), Exhaustive(), math.inf)
    steps(energy, given, 1)
    counts = energy.energy.weights.detach() * 40
    torch.testing.assert_close(counts, counts.round(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("beta_start", [None, 0.4])
def test_fitting_ends_by_itself_and_tells_kinds_apart(beta_start):
    given = data(200, hidden=0.1)
    energy = FreeEnergy(start(given), Exhaustive(), 1.0)
    settings = Settings("em", "full", 1e-6, 1.0, beta_start, 300, 1e-4, 1024, 0.02, False)
    summary, generator = given.rows.summary(), torch.Generator().manual_seed(0)
    ended = fit_words(energy, given, summary, settings, generator, WordPrior(PRIOR))
    assert ended.converged
    assert ended.n_iter < 300
    means = energy.energy.numbers.means.detach()
    assert float((means[0] - means[1]).abs().min()) > 1
    by = Settings("gradient", "full", 1e-6, 1.0, None, 3, 1e-4, 1024, 0.02, False)
    with pytest.raises(InputError, match="rows must be above 0"):
        WordPrior(PRIOR, 0.0)
    with pytest.raises(InputError, match="algorithm='gradient' does not learn words"):
        fit_words(energy, given, summary, by, generator, WordPrior(PRIOR))


def test_annealing_parts_classes_that_begin_as_one():
    layout, prior = Layout(5, ((0, 3), (3, 5))), PRIOR[[1, 2, 3, 5, 6]]
    which = np.arange(60) % 2
    given = Weighted(Rows(np.eye(5)[which] + np.eye(5)[3 + which]), None, torch.zeros(5), False)
    first = start(given, layout=layout, prior=prior)
    first.word_logits.data[:] = first.word_logits.data[:1].clone()
    energy = FreeEnergy(first, Exhaustive(), 1.0)
    settings = Settings("em", "full", 1e-6, 1.0, 0.3, 8, 1e-6, 1024, 0.02, False)
    summary, generator = given.rows.summary(), torch.Generator().manual_seed(0)
    fit_words(energy, given, summary, settings, generator, WordPrior(prior))
    p = energy.energy.log_p.detach().exp()
    assert float((p[0, :2] - p[1, :2]).abs().min()) > 0.8


def test_pooled_fits_have_the_mean_of_their_densities():
    given = data(40)
    parts = [start(given), start(data(40, seed=3))]
    y = torch.from_numpy(given.rows.values)
    with torch.no_grad():
        both = FreeEnergy(pooled_words(parts), Exhaustive(), 1.0)(y)
        each = [torch.exp(-FreeEnergy(part, Exhaustive(), 1.0)(y)) for part in parts]
    torch.testing.assert_close(both, -torch.log(sum(each) / 2))
    layout, prior = Layout(5, ((0, 3), (3, 5))), PRIOR[[1, 2, 3, 5, 6]]
    words = replace(given, rows=Rows(np.ascontiguousarray(given.rows.values[:, [1, 2, 3, 5, 6]])))
    parts = [start(words, layout=layout, prior=prior), start(words, "full", 3, layout, prior)]
    y = torch.from_numpy(words.rows.values)
    with torch.no_grad():
        both = FreeEnergy(pooled_words(parts), Exhaustive(), 1.0)(y)
        each = [torch.exp(-FreeEnergy(part, Exhaustive(), 1.0)(y)) for part in parts]
    torch.testing.assert_close(both, -torch.log(sum(each) / 2))
