"""Tables that are hard on arithmetic, held to plain formulas in double precision by differences."""

import warnings

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from thalweg.core import InputError
from thalweg.estimators import PCA, DenoisingAutoencoder, GaussianMixture, KMeans, SquareICA
from thalweg.estimators.registry import estimator, names_in

RANDOM = np.random.default_rng(0)
GROUPS = np.repeat([[0.0, 0.0, 0.0], [1e7, 0.0, -1e7]], [60, 40], axis=0)
APART = RANDOM.normal(size=(100, 3)) + GROUPS


def with_hidden(rows):
    hidden = rows.copy()
    hidden[::4, 1] = np.nan
    hidden[1::7, 2] = np.nan
    return hidden


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_components_1e7_of_their_width_apart_are_those_of_each_group(kind):
    model = GaussianMixture(2, covariance_type=kind, random_state=0, reg_covar=0).fit(APART)
    groups = [APART[:60], APART[60:]]
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(model.weights_[order], [0.6, 0.4], rtol=1e-6)
    scatter = [np.cov((g - g[0]).T, bias=True) for g in groups]
    expected = {
        "full": scatter,
        "tied": 0.6 * scatter[0] + 0.4 * scatter[1],
        "diag": [np.diag(s) for s in scatter],
        "spherical": [np.trace(s) / 3 for s in scatter],
    }[kind]
    found = model.covariances_ if kind == "tied" else model.covariances_[order]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_hidden_entries_of_components_far_apart():
    rows = with_hidden(APART)
    model = GaussianMixture(2, random_state=0, max_iter=30, tol=0, reg_covar=0)
    with pytest.warns(match="not converged"):
        model.fit(rows)
    alone = GaussianMixture(1, random_state=0, max_iter=30, tol=0, reg_covar=0)
    with pytest.warns(match="not converged"):
        alone.fit(rows[:60])
    near = int(np.argmin(np.abs(model.means_[:, 0])))
    np.testing.assert_allclose(model.means_[near], alone.means_[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.covariances_[near], alone.covariances_[0], rtol=1e-4)


@pytest.mark.parametrize("hidden", [False, True])
def test_energies_of_a_mixture_are_those_of_the_formula(hidden):
    model = GaussianMixture(2, random_state=0).fit(APART)
    rows = with_hidden(APART) if hidden else APART
    expected = []
    for row in rows:
        seen = ~np.isnan(row)
        each = [
            np.log(w) + multivariate_normal(np.zeros(seen.sum()), c[np.ix_(seen, seen)]).logpdf(
                row[seen] - m[seen])
            for w, m, c in zip(model.weights_, model.means_, model.covariances_, strict=True)
        ]  # fmt: skip
        expected.append(-logsumexp(each))
    np.testing.assert_allclose(model.energy(rows), expected, rtol=1e-6)


def test_nearly_equal_columns_of_a_mixture_with_hidden_entries():
    rows = RANDOM.normal(size=(80, 1)) + 1e-6 * RANDOM.normal(size=(80, 3))
    rows += [1e4, 0, 0]
    model = GaussianMixture(1, reg_covar=0).fit(rows)
    seen = np.array([True, False, True])
    hidden = np.where(seen, rows, np.nan)
    away = (rows - model.means_[0])[:, seen].astype(np.longdouble)
    s = model.covariances_[0][np.ix_(seen, seen)].astype(np.longdouble)
    det = s[0, 0] * s[1, 1] - s[0, 1] ** 2
    square = s[1, 1] * away[:, 0] ** 2 - 2 * s[0, 1] * away[:, 0] * away[:, 1]
    square = (square + s[0, 0] * away[:, 1] ** 2) / det
    expected = 0.5 * (square + np.log(det)) + np.log(2 * np.pi)
    # the covariance itself is known to 1e-16, its determinant to 1e-4
    np.testing.assert_allclose(model.energy(hidden), expected.astype(float), atol=1e-2)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30])
def test_only_how_weights_compare_counts(size):
    weight = RANDOM.uniform(0.5, 2, len(APART))
    same = GaussianMixture(2, random_state=0).fit(APART, sample_weight=weight)
    other = GaussianMixture(2, random_state=0).fit(APART, sample_weight=size * weight)
    np.testing.assert_allclose(other.energy(APART), same.energy(APART), rtol=1e-6)


def test_gradient_steps_stay_in_narrow_components_and_say_when_they_have_not_arrived():
    rows = np.concatenate([np.zeros(50), 1.7e9 + RANDOM.normal(0, 60, 450)])
    rows = np.stack([rows, RANDOM.normal(size=500)], axis=1)
    model = GaussianMixture(2, random_state=0, algorithm="gradient").fit(rows)
    em = GaussianMixture(2, random_state=0).fit(rows)
    assert model.converged_
    assert model.score(rows) == pytest.approx(em.score(rows), abs=0.05)
    rough = GaussianMixture(3, random_state=0, algorithm="gradient", tol=10.0, init_params="random")
    with pytest.warns(match="not converged"):
        rough.fit(rows + RANDOM.normal(0, 5, rows.shape))
    assert not rough.converged_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [KMeans, GaussianMixture, PCA, SquareICA])
def test_what_cannot_be_squared_is_refused_in_training_and_has_energy_inf(kind, dtype):
    rows = RANDOM.normal(size=(40, 3)).astype(dtype)
    model = kind().set_params(**({"n_clusters": 3} if kind is KMeans else {})).fit(rows)
    large = rows[:4].copy()
    large[1, 2] = 9.96921e36 if dtype == np.float32 else 1e300
    large[2, 0] = -large[1, 2]
    energy = model.energy(large)
    assert np.isfinite(energy[[0, 3]]).all()
    assert not np.isnan(energy).any()
    assert (energy[[1, 2]] > 1e30).all()
    fit = rows.copy()
    fit[7, 1] = large[1, 2]
    message = rf"row 7, column 1 is .*, which cannot be squared in {np.dtype(dtype).name}"
    with pytest.raises(InputError, match=message):
        kind().set_params(**({"n_clusters": 3} if kind is KMeans else {})).fit(fit)


def test_a_network_has_energy_inf_for_a_row_out_of_reach():
    rows = RANDOM.normal(size=(40, 3))
    model = DenoisingAutoencoder(n_steps=3, n_components=2, hidden=(4,), random_state=0).fit(rows)
    large = rows[:3].copy()
    large[1] = [1e300, -1e300, 1e300]
    energy = model.energy(large)
    assert np.isfinite(energy[[0, 2]]).all()
    assert energy[1] == np.inf


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_the_distance_to_a_plane_is_that_of_the_plane(offset):
    rows = (RANDOM.normal(size=(50, 2)) @ RANDOM.normal(size=(2, 4))).astype(np.float64)
    rows = (rows + 0.1 * RANDOM.normal(size=(50, 4)) + offset).astype(np.float32)
    model = PCA(2).fit(rows)
    decoder = model.energy_.energy.decoder
    plane = decoder.weight.detach().double().numpy().T
    away = rows.astype(np.float64) - decoder.offset.detach().double().numpy()
    left = away - away @ np.linalg.pinv(plane).T @ plane.T
    np.testing.assert_allclose(model.energy(rows), (left**2).sum(1), rtol=1e-4, atol=1e-9)


def test_epoch_nanoseconds_have_labels_that_exist():
    rows = 1.7e18 + 1e15 * RANDOM.normal(size=(60, 1))
    for scaled in (rows, rows.astype(np.float32), RANDOM.normal(size=(60, 3)) * 1e15):
        model = KMeans(2, random_state=0).fit(scaled)
        assert set(model.predict(scaled)) == {0, 1}
        assert (model.predict(RANDOM.normal(size=(5, scaled.shape[1])) + 1e15) < 2).all()


def test_a_far_row_that_leaves_a_cluster_leaves_nothing_behind():
    rows = RANDOM.normal(size=(90, 2))
    rows[0] = 1e17
    # the far row begins in the first cluster and then has one of its own
    start = np.array([[0.0, 0.0], [0.5, 0.5], [3e16, 3e16]])
    model = KMeans(3, init=start, tol=0).fit(rows)
    near = model.labels_[1:]
    for k in set(near):
        center = rows[1:][near == k].mean(axis=0)
        np.testing.assert_allclose(model.cluster_centers_[k], center, rtol=1e-9, atol=1e-12)


QUICK = {
    "n_steps": 5, "n_components": 2, "n_clusters": 3, "max_iter": 3, "hidden": (6,),
    "random_state": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", names_in("tables"))
def test_no_row_sees_that_another_hides_something(name):
    kind = estimator(name)
    settings = {k: v for k, v in QUICK.items() if k in kind.parameters and "Sparse" not in name}
    rows = np.random.default_rng(0).normal(size=(40, 4))
    rows = (rows > 0).astype(float) if name == "BernoulliRBM" else rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hardly trained
        model = kind(**settings).fit(rows)
        hidden = rows.copy()
        hidden[::2, 1] = np.nan
        found = model.energy(hidden)[1::2]
        np.testing.assert_allclose(found, model.energy(rows)[1::2], rtol=1e-6)
        if hasattr(model, "transform"):
            codes = model.transform(hidden)[1::2]
            np.testing.assert_allclose(codes, model.transform(rows)[1::2], rtol=1e-3, atol=1e-3)


def test_what_is_no_number_on_its_way_is_an_energy_of_inf(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(3, 2))
    model = KMeans(2, random_state=0).fit(rows)
    said = np.array([1.0, np.nan, -np.inf], np.float32)
    monkeypatch.setattr(KMeans, "_answers", lambda self, rows, question: said)
    energy = model.energy(rows)
    assert energy.dtype == np.float32
    np.testing.assert_array_equal(energy, [1, np.inf, np.inf])
