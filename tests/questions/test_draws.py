"""Draws of what is missing: of the right law, for each way that they are made."""

import numpy as np
import polars as pl
import pytest
import torch

import thalweg
from thalweg.core import InputError
from thalweg.energies import Normal
from thalweg.estimators import (
    PCA,
    AnomalyDetector,
    BernoulliRBM,
    EnergyDensity,
    GaussianMixture,
    Imputer,
    KMeans,
    MaskedAutoencoder,
    Neighbors,
    SquareICA,
    VariationalAutoencoder,
)
from thalweg.questions import draw_fillings

COVARIANCE = np.array([[2.0, 1.2, 0.3], [1.2, 1.5, -0.2], [0.3, -0.2, 0.7]])
MEAN = np.array([1.0, -2.0, 10.0])


def normal(n, seed=0):
    return np.random.default_rng(seed).multivariate_normal(MEAN, COVARIANCE, n)


def conditional(row):
    """Mean and covariance of what is hidden of a row."""
    h = np.isnan(row)
    gain = COVARIANCE[np.ix_(h, ~h)] @ np.linalg.inv(COVARIANCE[np.ix_(~h, ~h)])
    mean = MEAN[h] + gain @ (row[~h] - MEAN[~h])
    return mean, COVARIANCE[np.ix_(h, h)] - gain @ COVARIANCE[np.ix_(~h, h)]


def test_of_one_component_they_are_normal():
    model = GaussianMixture(random_state=0).fit(normal(200_000))
    for row in ([2.0, np.nan, np.nan], [np.nan, np.nan, 9.0], [np.nan, -3.0, 11.0]):
        drawn = model.complete([row], draws=40_000, random_state=0)[:, 0]
        h = np.isnan(row)
        mean, covariance = conditional(np.array(row))
        seen = np.array(row)[~h]
        np.testing.assert_array_equal(drawn[:, ~h], np.tile(seen, (40_000, 1)))
        error = np.sqrt(np.diag(covariance) / 40_000)
        assert (abs(drawn[:, h].mean(axis=0) - mean) < 5 * error + 0.02).all()
        np.testing.assert_allclose(np.cov(drawn[:, h].T), covariance.squeeze(), atol=0.04)


def test_of_several_components_each_has_its_share():
    rows = np.concatenate([normal(5000) - 20, normal(15_000)])
    model = GaussianMixture(2, random_state=0).fit(rows)
    view = model.energy_.restricted(torch.tensor([[False, False, True]]))
    row = np.array([[np.nan, np.nan, 10.0]])
    drawn = model.complete(row, draws=4000, random_state=1)[:, 0]
    shares = np.sort(view.responsibilities(torch.from_numpy(row)).detach().numpy()[:, 0])
    assert shares[0] < 1e-6
    assert (drawn[:, 0] > -10).all()
    drawn = model.complete([[np.nan] * 2 + [0.0]], draws=500, random_state=1)[:, 0]
    assert np.isfinite(drawn).all()


def test_of_a_plane_they_are_those_of_probabilistic_pca():
    random = np.random.default_rng(0)
    rows = random.normal(size=(50_000, 2)) @ random.normal(size=(2, 5)) * 3
    rows += 0.5 * random.normal(size=rows.shape)
    model = PCA(2).fit(rows)
    assert model.noise_variance_ == pytest.approx(0.25, rel=0.02)
    w, v = model.components_, model.explained_variance_
    covariance = w.T @ np.diag(v - model.noise_variance_) @ w + model.noise_variance_ * np.eye(5)
    row = np.array([np.nan, 1.0, np.nan, -2.0, 0.5])
    h = np.isnan(row)
    gain = covariance[np.ix_(h, ~h)] @ np.linalg.inv(covariance[np.ix_(~h, ~h)])
    mean = model.mean_[h] + gain @ (row[~h] - model.mean_[~h])
    expected = covariance[np.ix_(h, h)] - gain @ covariance[np.ix_(~h, h)]
    drawn = model.complete([row], draws=40_000, random_state=0)[:, 0][:, h]
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), expected, rtol=0.05, atol=0.02)


def test_of_neighbours_they_are_what_these_have():
    rows = np.array([[0.0, 1.0], [0.1, 2.0], [5.0, 9.0]])
    model = Neighbors(n_neighbors=2, scale="none").fit(rows)
    drawn = model.complete([[0.05, np.nan]], draws=2000, random_state=0)[:, 0, 1]
    assert set(drawn) == {1.0, 2.0}
    assert abs((drawn == 1).mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)


def test_of_soft_kmeans_the_wells_are_normal():
    model = KMeans(2, beta=8.0, random_state=0).fit([[0.0, 0.0], [4.0, 4.0]])
    drawn = model.complete([[0.0, np.nan]], draws=20_000, random_state=0)[:, 0, 1]
    center = model.cluster_centers_[np.argmin(model.cluster_centers_[:, 0]), 1]
    assert drawn.mean() == pytest.approx(center, abs=0.02)
    assert drawn.var() == pytest.approx(1 / 16, rel=0.05)


def coverage(model, rows, level, seed=0):
    random = np.random.default_rng(seed)
    given = rows.copy()
    at = random.integers(rows.shape[1], size=len(rows))
    given[np.arange(len(rows)), at] = np.nan
    lower, upper = model.complete(given, interval=level, random_state=seed)
    hidden = np.isnan(given)
    assert np.array_equal(lower[~hidden], rows[~hidden])
    assert np.array_equal(upper[~hidden], rows[~hidden])
    assert (lower[hidden] < upper[hidden]).all()
    return ((lower <= rows) & (rows <= upper))[hidden].mean()


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_hold_what_they_say(level):
    rows = normal(4000, seed=3)
    error = 3 * np.sqrt(level * (1 - level) / 4000)
    for model in (GaussianMixture(random_state=0), PCA(2)):
        model.fit(normal(100_000))
        if isinstance(model, PCA):
            # a law that it has: the same noise along what is not of the plane
            e = np.random.default_rng(1).normal(size=(104_000, 5))
            plane = e[:, :2] @ np.diag([3.0, 2.0]) @ np.eye(2, 3) + 0.6 * e[:, 2:]
            model.fit(plane[:100_000])
            rows = plane[100_000:]
        assert abs(coverage(model, rows, level) - level) < error


def curve(n, seed=0):
    random = np.random.default_rng(seed)
    t = random.random(n)
    rows = np.column_stack([np.sin(5 * t), np.cos(5 * t), t])
    return rows + 0.1 * random.normal(size=rows.shape)


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (VariationalAutoencoder(2, n_steps=1500, random_state=0), 0.75),
        (MaskedAutoencoder(n_steps=1500, random_state=0), 0.8),
        (Imputer(n_steps=500, random_state=0), 0.82),
        (AnomalyDetector(random_state=0), 0.8),
    ],
    ids=lambda m: type(m).__name__ if hasattr(m, "fit") else "",
)
def test_intervals_of_what_was_learned_are_about_right(model, least):
    # fitted models are no laws: bounds that tell an interval from one of no width, or of any
    found = coverage(model.fit(curve(1500)), curve(300, seed=1), 0.9)
    assert least < found < 0.99


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_chains_draw_what_the_density_says():
    energy = Normal(torch.from_numpy(MEAN), torch.from_numpy(COVARIANCE))
    row = torch.tensor([[2.0, torch.nan, torch.nan]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    drawn = draw_fillings(energy, row, 4000, generator, starts=torch.from_numpy(normal(50)))
    mean, covariance = conditional(row[0].numpy())
    error = np.sqrt(np.diag(covariance) / 4000)
    assert (abs(drawn[:, 0, 1:].mean(dim=0).numpy() - mean) < 5 * error).all()
    np.testing.assert_allclose(np.cov(drawn[:, 0, 1:].numpy().T), covariance, atol=0.08)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model",
    [EnergyDensity(n_steps=60, hidden=(8,), random_state=0), SquareICA(random_state=0),
     BernoulliRBM(3, n_steps=30, random_state=0)],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_chains_of_estimators_keep_what_is_visible(model):
    rows = curve(200)
    if isinstance(model, BernoulliRBM):
        rows = (rows > 0.3).astype(float)
    given = rows[:6].copy()
    given[::2, 1] = np.nan
    with np.errstate(all="ignore"):
        drawn = model.fit(rows).complete(given, draws=3, random_state=0)
    assert drawn.shape == (3, 6, 3)
    seen = ~np.isnan(given)
    assert (drawn[:, seen] == given[seen]).all()
    assert np.isfinite(drawn).all()
    if isinstance(model, BernoulliRBM):
        assert set(np.unique(drawn)) <= {0.0, 1.0}


def test_chains_that_do_not_mix_are_told_of():
    class Apart(thalweg.core.Energy):
        def forward(self, y, x=None):
            # two wells that no step of the proposals joins
            return 50 * ((y[:, 1].abs() - 40).square())

    row = torch.tensor([[0.0, torch.nan]], dtype=torch.float64)
    starts = torch.tensor([[0.0, 40.0], [0.0, -40.0]], dtype=torch.float64)
    with pytest.warns(RuntimeWarning, match="do not agree"):
        draw_fillings(Apart(), row, 8, torch.Generator().manual_seed(0), starts=starts)


def test_pooled_draws_give_the_standard_error_of_a_mean():
    """Rubin's rules: within, plus 1 + 1/m times between; 95% intervals hold about 95%."""
    m, inside, widths = 10, 0, []
    for seed in range(200):
        rows = normal(120, seed=seed)
        random = np.random.default_rng(seed)
        given = rows.copy()
        given[random.random(120) < 0.4, 0] = np.nan
        model = GaussianMixture(random_state=0).fit(given)
        drawn = model.complete(given, draws=m, random_state=seed)[:, :, 0]
        means = drawn.mean(axis=1)
        variance = (drawn.var(axis=1, ddof=1) / 120).mean() + (1 + 1 / m) * means.var(ddof=1)
        inside += abs(means.mean() - MEAN[0]) < 1.96 * np.sqrt(variance)
        widths.append(np.sqrt(variance))
    # filled in once by their mean, intervals hold 84%; parameters are taken as known, which costs
    # a little
    assert 0.9 < inside / 200 < 0.99
    assert np.mean(widths) > 1.04 * np.sqrt(COVARIANCE[0, 0] / 120)


def test_words_and_containers():
    random = np.random.default_rng(0)
    word = random.choice(["a", "b"], 300, p=[0.7, 0.3])
    frame = pl.DataFrame({"w": word, "x": (word == "a") * 3 + random.normal(size=300)})
    model = GaussianMixture(2, reg_covar=1e-2, random_state=0).fit(frame)
    asked = pl.DataFrame({"w": [None, "b"], "x": [1.5, None]}, schema=frame.schema)
    drawn = model.complete(asked, draws=400, random_state=0)
    assert all(type(each) is pl.DataFrame and each.schema == frame.schema for each in drawn)
    share = np.mean([each["w"][0] == "a" for each in drawn])
    assert 0.3 < share < 0.95
    assert np.std([each["x"][1] for each in drawn]) > 0.5
    lower, upper = model.complete(asked, interval=0.8, random_state=0)
    assert lower["w"].to_list() == upper["w"].to_list() == [lower["w"][0], "b"]
    assert lower["x"][1] < upper["x"][1]


def test_the_same_seed_draws_the_same():
    model = GaussianMixture().fit(normal(100))
    one, two, three = (model.complete([[1.0, np.nan, 2.0]], draws=2, random_state=s)
                       for s in (0, 0, 1))  # fmt: skip
    np.testing.assert_array_equal(one, two)
    assert (one != three).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"draws": 0}, "draws must be"),
        ({"interval": 1.0}, "interval must be"),
        ({"interval": 0.9, "draws": 2}, "expected one of them"),
    ],
)
def test_bad_questions(given, message):
    with pytest.raises(InputError, match=message):
        GaussianMixture().fit(normal(30)).complete(normal(3), **given)


def test_what_is_no_density_is_not_drawn_from():
    model = KMeans(2, random_state=0).fit(normal(50))
    with pytest.raises(InputError, match="no density"):
        model.complete([[1.0, np.nan, 2.0]], draws=2)
    # nothing is hidden: nothing to draw
    assert model.complete(normal(4), draws=2).shape == (2, 4, 3)
