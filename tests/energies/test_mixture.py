"""Gaussian mixtures held to torch's distributions and to scikit-learn."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture as Reference
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from thalweg.core import InputError
from thalweg.energies import DiagonalGaussians, FullGaussians
from thalweg.energies import mixture as mixture_energies
from thalweg.estimators import GaussianMixture
from thalweg.latents import Exhaustive, FreeEnergy

K, D = 3, 4
TYPES = ["full", "tied", "diag", "spherical"]


@pytest.fixture
def parts():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(K, D, D, generator=generator, dtype=torch.float64)
    covariances = mixing @ mixing.transpose(1, 2) + 0.5 * torch.eye(D, dtype=torch.float64)
    means = torch.randn(K, D, generator=generator, dtype=torch.float64)
    return means, torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64), covariances


@pytest.fixture
def y():
    return torch.randn(30, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def mixture(means, weights, covariances, seen=slice(None)):
    normal = MultivariateNormal(means[:, seen], covariances[:, seen][:, :, seen])
    return MixtureSameFamily(Categorical(weights), normal)


def test_f_is_minus_the_log_likelihood(parts, y):
    energy = FreeEnergy(FullGaussians(*parts), Exhaustive(), 1.0)
    torch.testing.assert_close(energy(y).detach(), -mixture(*parts).log_prob(y))


def test_hidden_coordinates_are_integrated_out(parts, y):
    visible = torch.rand(30, D, generator=torch.Generator().manual_seed(2)) > 0.4
    visible[:, 0] = True
    energy = FreeEnergy(FullGaussians(*parts), Exhaustive(), 1.0).restricted(visible)
    value = energy(torch.where(visible, y, math.nan)).detach()
    for i in range(30):
        expected = -mixture(*parts, visible[i]).log_prob(y[i, visible[i]])
        torch.testing.assert_close(value[i], expected)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_the_compiled_form_is_that_of_torch(parts, kind, precision, monkeypatch):
    means, weights, covariances = (part.to(precision) for part in parts)
    made = {
        "full": lambda: FullGaussians(means, weights, covariances),
        "tied": lambda: FullGaussians(means, weights, covariances[:1]),
        "diag": lambda: DiagonalGaussians(means, weights, covariances.diagonal(dim1=1, dim2=2)),
        "spherical": lambda: DiagonalGaussians(means, weights, means[:, :1].square() + 0.1),
    }
    generator = torch.Generator().manual_seed(3)
    # few rows: of many that show the same, matrices are factored once
    y = torch.randn(40, D, generator=generator, dtype=precision)
    visible = torch.rand(40, D, generator=generator) > 0.4
    view = FreeEnergy(made[kind](), Exhaustive(), 1.0).restricted(visible)
    # what is hidden must not matter
    y = torch.where(visible, y, math.nan)
    slow = view(y).detach(), view.expect(y).detach()
    monkeypatch.setattr(mixture_energies, "SMALL", 0)
    with torch.no_grad():
        fast = view(torch.where(visible, y, 1e9)), view.expect(y)
    for one, other in zip(slow, fast, strict=True):
        torch.testing.assert_close(one, other)


def test_the_mean_of_what_is_hidden_is_that_of_many_draws(parts):
    means, weights, covariances = parts
    energy = FreeEnergy(FullGaussians(*parts), Exhaustive(), 1.0)
    row = torch.tensor([[0.5, math.nan, -0.2, math.nan]], dtype=torch.float64)
    with torch.no_grad():
        mean = energy.restricted(~row.isnan()).expect(row)[0]
    # the same by Bayes' rule, component by component
    seen, gone = [0, 2], [1, 3]
    share, each = [], []
    for mu, weight, s in zip(means, weights, covariances, strict=True):
        block = s[seen][:, seen]
        share.append(weight.log() + MultivariateNormal(mu[seen], block).log_prob(row[0, seen]))
        pull = torch.linalg.solve(block, row[0, seen] - mu[seen])
        each.append(mu[gone] + s[gone][:, seen] @ pull)
    expected = torch.softmax(torch.stack(share), 0) @ torch.stack(each)
    torch.testing.assert_close(mean[gone], expected)
    assert torch.equal(mean[seen], row[0, seen])


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_draws_at_any_temperature(beta):
    means = torch.tensor([[0.0], [3.0]], dtype=torch.float64)
    variances = torch.tensor([[0.3], [1.0]], dtype=torch.float64)
    weights = torch.tensor([0.4, 0.6], dtype=torch.float64)
    # E + log z would not do: exp(-beta F_beta) is the sum of powered densities
    energy = FreeEnergy(DiagonalGaussians(means, weights, variances), Exhaustive(), beta)
    line = torch.linspace(-12, 15, 20_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        density = torch.exp(-beta * energy(line))
        density /= density.sum()
        n = 40_000
        drawn = energy.draw(n, torch.Generator().manual_seed(0))
    for power in (1, 2):
        expected = float(density @ line[:, 0] ** power)
        spread = math.sqrt(float(density @ line[:, 0] ** (2 * power)) - expected**2)
        assert abs(float((drawn**power).mean()) - expected) < 5 * spread / math.sqrt(n)


def test_without_a_temperature_draws_stand_where_the_density_is_highest():
    means = torch.tensor([[0.0], [3.0]], dtype=torch.float64)
    # the second has less weight, and is narrower by more than that
    variances = torch.tensor([[4.0], [0.01]], dtype=torch.float64)
    weights = torch.tensor([0.7, 0.3], dtype=torch.float64)
    energy = FreeEnergy(DiagonalGaussians(means, weights, variances), Exhaustive())
    drawn = energy.draw(3, torch.Generator().manual_seed(0))
    assert drawn.tolist() == [[3.0]] * 3
    with torch.no_grad():
        assert energy(means[1:]) < energy(means[:1])


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_to_scikit_learn_from_the_same_start(kind, weighted):
    X = load_iris().data
    start = {
        "n_components": 3, "covariance_type": kind, "means_init": X[[0, 60, 120]], "tol": 0.0,
        "weights_init": [0.3, 0.3, 0.4], "max_iter": 20, "random_state": 0,
    }  # fmt: skip
    # scikit-learn has no weights: rows that count twice stand there twice
    twice = np.arange(len(X)) % 3 == 0
    weight = np.where(twice, 2.0, 1.0) if weighted else None
    rows = np.concatenate([X, X[twice]]) if weighted else X
    start["precisions_init"] = {
        "full": np.tile(np.eye(4), (3, 1, 1)), "tied": np.eye(4), "diag": np.ones((3, 4)),
        "spherical": np.ones(3),
    }[kind]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = GaussianMixture(**start).fit(X, sample_weight=weight)
        theirs = Reference(**start).fit(rows)
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-6)
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-6)
    np.testing.assert_allclose(ours.weights_, theirs.weights_, rtol=1e-6)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_hidden_entries_in_training_are_those_of_the_general_formula():
    # with entries hidden that the complete rows' kernel never sees, and none: the same result
    X = load_iris().data
    settings = {"n_components": 2, "max_iter": 15, "tol": 0.0, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = GaussianMixture(**settings, means_init=X[[0, 100]]).fit(X)
        # one more row, whose hidden entry tells nothing, and which hardly counts
        holed = np.concatenate([X, X[:1]])
        holed[-1, 2] = np.nan
        weight = np.r_[np.ones(len(X)), 1e-12]
        other = GaussianMixture(**settings, means_init=X[[0, 100]]).fit(holed, sample_weight=weight)
    np.testing.assert_allclose(other.means_, whole.means_, rtol=1e-6)
    np.testing.assert_allclose(other.covariances_, whole.covariances_, rtol=1e-5, atol=1e-8)


def test_em_with_hidden_entries_never_raises_the_energy():
    X = load_iris().data.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    bounds = []
    for steps in range(1, 12):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = GaussianMixture(3, max_iter=steps, tol=0.0, reg_covar=1e-9, random_state=0)
            bounds.append(model.fit(X).score(X))
    assert (np.diff(bounds) > -1e-7).all()


def test_the_gradient_way_comes_to_the_same_likelihood():
    X = load_iris().data
    em = GaussianMixture(2, random_state=0, tol=1e-6, max_iter=500).fit(X)
    gradient = GaussianMixture(
        2, random_state=0, algorithm="gradient", max_iter=600, tol=1e-5, batch_size=150
    ).fit(X)
    assert gradient.score(X) == pytest.approx(em.score(X), abs=0.02)


def test_annealing_parts_what_a_random_start_leaves_together():
    scores = {None: [], 0.3: []}
    for seed in range(3):
        random = np.random.default_rng(seed)
        X = np.concatenate([random.normal(c, 0.3, size=(100, 1)) for c in (-6, -5, 5, 6)])
        for beta_start, found in scores.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = GaussianMixture(4, init_params="random", beta_start=beta_start,
                                        max_iter=300, tol=1e-5, random_state=seed)  # fmt: skip
                found.append(model.fit(X).score(X))
    assert np.min(scores[0.3]) > np.max(scores[None]) + 1


def test_a_singular_covariance_is_said():
    X = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    with pytest.raises(InputError, match="the covariance of component 0 is singular"):
        GaussianMixture(1, reg_covar=0.0).fit(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 9}, "more than the 4 rows"),
        ({"n_components": 1, "means_init": [[0.0]]}, r"means_init has shape \(1, 1\); expected"),
        ({"n_components": 1, "weights_init": [0.0]}, "weights_init must be above 0"),
        ({"n_components": 1, "beta_start": 2.0}, "beta_start=2.0 must be below beta=1.0"),
    ],
)
def test_bad_starts_are_said(settings, message):
    with pytest.raises(InputError, match=message):
        GaussianMixture(**settings).fit(np.random.default_rng(0).normal(size=(4, 2)))


def test_pooling_is_the_mean_of_densities():
    X = load_iris().data
    pooled = GaussianMixture(2, n_pooled=3, init_params="random", random_state=0).fit(X)
    assert pooled.means_.shape == (6, 4)
    seeds = np.random.RandomState(0)
    single = []
    for _ in range(3):
        part = GaussianMixture(2, init_params="random", random_state=seeds).fit(X)
        single.append(np.exp(part.score_samples(X)))
    np.testing.assert_allclose(pooled.score_samples(X), np.log(np.mean(single, axis=0)), rtol=1e-6)


def test_the_loss_of_em_is_the_energy_of_the_rows_before_the_step():
    X = load_iris().data.copy()
    X[np.random.default_rng(1).random(X.shape) < 0.3] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"n_components": 2, "tol": 0.0, "random_state": 0}
        before = GaussianMixture(**settings, max_iter=3).fit(X)
        after = GaussianMixture(**settings, max_iter=4).fit(X)
    assert after.lower_bound_ == pytest.approx(before.score(X), rel=1e-9)


def test_single_precision_with_hidden_entries_and_columns_that_nearly_coincide():
    random = np.random.default_rng(0)
    wide = random.normal(size=(300, 1)) * 100
    X = np.hstack([wide, wide + 0.01 * random.normal(size=(300, 1)), random.normal(size=(300, 1))])
    holed = X.copy()
    holed[::7, 0] = np.nan
    double = GaussianMixture(1).fit(holed)
    complete = ~np.isnan(holed).any(axis=1)
    values = double.energy(holed.astype(np.float32))
    # energies of one row do not depend on whether another has a hole
    np.testing.assert_allclose(values[complete], double.energy(holed[complete].astype(np.float32)))
    model = GaussianMixture(1).fit(holed.astype(np.float32))
    single = model.energy(holed.astype(np.float32))
    np.testing.assert_allclose(
        single[complete], model.energy(holed[complete].astype(np.float32)), atol=0.5
    )


def test_completion_tries_every_component():
    X = np.array([[0.0, 0.0]])
    model = GaussianMixture(
        2, covariance_type="diag", weights_init=[0.6, 0.4], means_init=[[0.0, 0.0], [0.0, 30.0]],
        precisions_init=[[1.0, 0.04], [1.0, 400.0]], max_iter=1, tol=1e9,
    )  # fmt: skip
    rows = np.repeat([[0.0, 0.0], [0.0, 30.0]], [60, 40], axis=0)
    rows = rows + np.random.default_rng(0).normal(size=rows.shape) * np.repeat(
        [[1, 5], [1, 0.05]], [60, 40], axis=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows)
    assert model.complete([[X[0, 0], np.nan]])[0, 1] == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("bad", [np.zeros((1, 2, 2)), [[[1.0, 2.0], [0.0, 1.0]]], [-np.eye(2)]])
def test_precisions_that_are_none_are_said(bad):
    rows = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(InputError, match="precisions_init must be symmetric and positive"):
        GaussianMixture(1, precisions_init=bad).fit(rows)
