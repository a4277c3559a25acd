"""PCA, square ICA and sparse coding held to scikit-learn and to closed forms."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA as ReferencePCA
from sklearn.decomposition import FastICA, sparse_encode
from sklearn.exceptions import ConvergenceWarning

from thalweg.core import InputError
from thalweg.estimators import PCA, SparseCoding, SquareICA


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(178, 13), (10, 13)])
def test_pca_equals_scikit_learn(dtype, shape):
    X = load_wine().data[: shape[0]]
    X = ((X - X.mean(0)) / X.std(0)).astype(dtype)
    ours, theirs = PCA(4).fit(X), ReferencePCA(4).fit(X)
    between = ours.components_ @ theirs.components_.T
    np.testing.assert_allclose(np.abs(between), np.eye(4), atol=1e-5)
    np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(
        ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-5
    )
    residual = X - theirs.inverse_transform(theirs.transform(X))
    np.testing.assert_allclose(ours.energy(X), (residual**2).sum(1), rtol=1e-3, atol=1e-5)


def test_pca_takes_a_share_of_the_variance():
    X = load_digits().data
    model = PCA(0.8).fit(X)
    assert model.explained_variance_ratio_.sum() >= 0.8
    assert model.explained_variance_ratio_[:-1].sum() < 0.8
    with pytest.raises(InputError, match="n_components=65 is more than 64"):
        PCA(65).fit(X)


def test_pca_with_hidden_entries_finds_the_plane():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 2)) * [3, 1] @ np.linalg.qr(random.normal(size=(8, 2)))[0].T
    holed = np.where(random.random(X.shape) < 0.2, np.nan, X)
    holed = holed[~np.isnan(holed).all(axis=1)]
    model = PCA(2, tol=1e-8, max_iter=500).fit(holed)
    whole = ReferencePCA(2).fit(X)
    # the rows lie in a plane, so that their visible entries say which
    assert np.linalg.svd(model.components_ @ whole.components_.T)[1].min() > 1 - 1e-6
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(2), atol=1e-9)


def amari(transfer):
    """0 where the transfer matrix is a scaled permutation (Amari, Cichocki, Yang 1996)."""
    size = np.abs(transfer)
    rows = (size / size.max(axis=1, keepdims=True)).sum() - len(size)
    columns = (size / size.max(axis=0, keepdims=True)).sum() - len(size)
    return (rows + columns) / (2 * len(size) * (len(size) - 1))


def test_ica_recovers_mixed_sources_as_well_as_fastica():
    ours, theirs = [], []
    for seed in range(6):
        random = np.random.default_rng(seed)
        columns = [random.laplace(size=4000), random.uniform(-1, 1, size=4000),
                   random.standard_t(4, size=4000), random.choice([-1, 1], size=4000)
                   + 0.3 * random.normal(size=4000)]  # fmt: skip
        mixing = random.normal(size=(4, 4))
        X = np.stack(columns, axis=1) @ mixing
        model = SquareICA(random_state=seed).fit(X)
        assert model.energy_.heavy.sum() == 2
        ours.append(amari(mixing @ model.components_.T))
        reference = FastICA(random_state=seed, whiten="unit-variance", max_iter=1000, tol=1e-6)
        theirs.append(amari(mixing @ reference.fit(X).components_.T))
    spread = np.std(np.subtract(ours, theirs)) / np.sqrt(6)
    assert np.mean(ours) < np.mean(theirs) + 3 * spread
    assert np.max(ours) < 0.03


def test_ica_is_a_normalized_density():
    random = np.random.default_rng(0)
    sources = np.stack([random.laplace(size=3000), random.uniform(-1, 1, size=3000)], axis=1)
    model = SquareICA(random_state=0).fit(sources @ [[1.0, 0.5], [-0.3, 1.0]])
    line = np.linspace(-30, 30, 801)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    # in units of the sources' spread, that the tails fit
    center, spread = model.mean_, np.abs(model.mixing_).sum(axis=1).max()
    total = np.exp(model.score_samples(center + spread * grid)).sum()
    assert total * (spread * (line[1] - line[0])) ** 2 == pytest.approx(1, abs=1e-2)


def test_ica_says_when_columns_depend_on_one_another():
    X = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(InputError, match="columns have rank 2"):
        SquareICA().fit(np.c_[X, X.sum(axis=1)])


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:600] / 16


@pytest.mark.parametrize("nonnegative", [False, True])
def test_sparse_codes_are_those_of_scikit_learn(digits, nonnegative):
    model = SparseCoding(40, alpha=0.2, max_iter=3, nonnegative=nonnegative, random_state=0)
    model.fit(digits)
    np.testing.assert_allclose(np.linalg.norm(model.components_, axis=1), 1)
    codes = model.transform(digits)
    theirs = sparse_encode(
        digits - model.mean_, model.components_, algorithm="lasso_cd", alpha=0.2,
        max_iter=100_000, positive=nonnegative,
    )  # fmt: skip
    explained = codes @ model.components_, theirs @ model.components_
    np.testing.assert_allclose(*explained, atol=2e-3)


def test_learning_lowers_the_energy_and_uses_every_atom(digits):
    before = SparseCoding(40, alpha=0.2, max_iter=0, random_state=0).fit(digits)
    after = SparseCoding(40, alpha=0.2, max_iter=20, random_state=0).fit(digits)
    assert after.energy(digits).mean() < 0.8 * before.energy(digits).mean()
    assert (after.transform(digits) != 0).any(axis=0).all()


def test_the_gradient_way_comes_close(digits):
    coordinate = SparseCoding(40, alpha=0.2, max_iter=40, random_state=0).fit(digits)
    gradient = SparseCoding(
        40, alpha=0.2, max_iter=60, algorithm="gradient", batch_size=128, random_state=0
    ).fit(digits)
    assert gradient.energy(digits).mean() < 1.1 * coordinate.energy(digits).mean()


def test_lista_comes_near_in_few_layers_and_all_the_way_with_refinement(digits):
    settings = {"n_components": 40, "alpha": 0.2, "max_iter": 8, "random_state": 0}
    exact = SparseCoding(**settings).fit(digits)
    best = exact.energy(digits).mean()
    learned = SparseCoding(**settings, solver="lista", n_layers=5).fit(digits)
    np.testing.assert_allclose(learned.components_, exact.components_)
    iterated = SparseCoding(
        **{**settings, "max_iter": 0}, solver="ista", solver_iter=5,
        dictionary_init=exact.components_,
    ).fit(digits)  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="codes of 600 of 600 rows did not converge"):
        five_steps = iterated.energy(digits).mean() - best
    assert learned.energy(digits).mean() - best < 0.3 * five_steps
    refined = SparseCoding(**settings, solver="lista", n_layers=1, refine_iter=300).fit(digits)
    assert refined.energy(digits).mean() == pytest.approx(best, rel=1e-3)


def test_one_warning_counts_the_rows_that_did_not_converge(digits):
    model = SparseCoding(40, alpha=0.2, max_iter=1, solver="fista", solver_iter=2, random_state=0)
    model.fit(digits)
    with pytest.warns(ConvergenceWarning) as caught:
        model.transform(digits)
    assert len(caught) == 1


def test_a_zero_atom_is_said():
    atoms = np.eye(3)
    atoms[1] = 0
    with pytest.raises(InputError, match="atom 1 is all zeros"):
        SparseCoding(3, dictionary_init=atoms).fit(np.eye(3))
    with pytest.raises(InputError, match=r"dictionary_init has shape \(3, 3\); expected"):
        SparseCoding(2, dictionary_init=atoms).fit(np.eye(3))


@pytest.mark.parametrize("alpha", [0.2, 0.002])
def test_sparse_codes_in_single_precision_converge(digits, alpha):
    # with a small penalty nearly all of a row is explained, and its gap is below single precision
    model = SparseCoding(80, alpha=alpha, max_iter=1, random_state=0).fit(digits)
    single = SparseCoding(
        80, alpha=alpha, max_iter=0, dictionary_init=model.components_
    ).fit(digits.astype(np.float32))  # fmt: skip
    np.testing.assert_allclose(
        single.energy(digits.astype(np.float32)), model.energy(digits), rtol=1e-3
    )


def test_ica_draws_have_the_moments_of_the_sources():
    random = np.random.default_rng(0)
    sources = np.stack([random.laplace(size=5000), random.uniform(-1, 1, size=5000)], axis=1)
    model = SquareICA(random_state=0).fit(sources)
    drawn = model.transform(model.sample(50_000, random_state=0))
    heavy = model.energy_.heavy.numpy()
    # hyperbolic secant: variance pi^2 / 4, fourth moment 5 pi^4 / 16; the mixture: 2, and 10
    for column, second, fourth in (
        (drawn[:, heavy][:, 0], np.pi**2 / 4, 5 * np.pi**4 / 16),
        (drawn[:, ~heavy][:, 0], 2.0, 10.0),
    ):
        error = np.sqrt((fourth - second**2) / 50_000)
        assert abs((column**2).mean() - second) < 5 * error


def test_ica_does_not_depend_on_units():
    random = np.random.default_rng(0)
    X = random.laplace(size=(2000, 2)) @ [[1.0, 0.4], [-0.3, 1.0]]
    plain = SquareICA(random_state=0).fit(X)
    scaled = SquareICA(random_state=0).fit(X * [1e6, 1e-3])
    unmixed = scaled.mixing_ / [[1e6], [1e-3]]
    assert amari(np.linalg.solve(plain.mixing_, unmixed)) < 1e-2


def test_unused_atoms_take_over_rows_that_are_explained_worst():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 2)) @ np.eye(6)[:2]
    X += random.choice([0, 5], size=(400, 1)) * np.eye(6)[5]
    start = np.eye(6)[[3, 4, 3]] + 1e-3  # atoms that nothing needs
    model = SparseCoding(
        3, alpha=0.3, dictionary_init=start, max_iter=20, fit_offset=False, random_state=0
    ).fit(X)
    assert (model.transform(X) != 0).mean(axis=0).min() > 0.1


def test_no_penalty_is_least_squares(digits):
    model = SparseCoding(10, alpha=0.0, max_iter=1, random_state=0).fit(digits)
    residual = digits - model.mean_
    best = np.linalg.lstsq(model.components_.T, residual.T, rcond=None)[0]
    expected = 0.5 * ((residual - best.T @ model.components_) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.energy(digits), expected, rtol=1e-3, atol=1e-6)


def test_fista_in_single_precision_knows_that_it_converged(digits):
    single = digits.astype(np.float32)
    settings = {"solver": "fista", "solver_iter": 3000, "max_iter": 1, "random_state": 0}
    model = SparseCoding(40, alpha=0.2, **settings).fit(single)
    model.transform(single)
    assert (model.transform(0 * single[:1] + model.mean_) == 0).all()


def test_pca_mean_is_that_of_probabilistic_pca():
    random = np.random.default_rng(0)
    weight = random.normal(size=(2, 5))
    X = random.normal(size=(20_000, 2)) @ weight + 0.5 * random.normal(size=(20_000, 5))
    holed = np.where(random.random(X.shape) < 0.3, np.nan, X)
    holed = holed[~np.isnan(holed).all(axis=1)]
    model = PCA(2).fit(holed)
    # the covariance that made the rows says what a row with holes is expected to be
    covariance = weight.T @ weight + 0.25 * np.eye(5)
    row = np.array([1.0, np.nan, -1.0, np.nan, np.nan])
    seen = ~np.isnan(row)
    pull = np.linalg.solve(covariance[np.ix_(seen, seen)], row[seen])
    expected = covariance[np.ix_(~seen, seen)] @ pull
    found = model.complete(row[None], answer="mean")[0, ~seen]
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_pca_of_constant_columns_with_a_hole():
    model = PCA(1).fit([[1.0, np.nan], [1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_allclose(model.complete([[1.0, np.nan]], answer="mean"), [[1.0, 2.0]])


def test_projection_is_what_the_codes_decode_to_and_not_the_bottom(digits):
    # the energy of sparse coding has one lowest point, the offset, where all codes are zero
    model = SparseCoding(40, alpha=0.2, max_iter=3, random_state=0).fit(digits)
    closest = model.project(digits)
    np.testing.assert_allclose(closest, model.inverse_transform(model.transform(digits)))
    assert closest.std(axis=0).max() > 0.1
