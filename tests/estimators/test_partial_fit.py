"""Learning on: what parts give, in the end, is what the whole gives, or nearly."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import IncrementalPCA
from test_contract import make

import thalweg
from thalweg.core import InputError
from thalweg.estimators import (
    GLO,
    PCA,
    BernoulliRBM,
    GaussianMixture,
    KMeans,
    SparseCoding,
    VQAutoencoder,
)
from thalweg.estimators.registry import estimator, names_in

RANDOM = np.random.default_rng(0)
MIX = RANDOM.normal(size=(3, 6))
PLANE = RANDOM.normal(size=(900, 3)) @ MIX + 0.3 * RANDOM.normal(size=(900, 6)) + 1e3
CENTERS = 4 * RANDOM.normal(size=(6, 3))
GROUPS = CENTERS[RANDOM.integers(6, size=6000)] + RANDOM.normal(size=(6000, 3))
CURVE = np.tanh(RANDOM.normal(size=(1200, 2)) @ RANDOM.normal(size=(2, 4)))
CURVE += 0.05 * RANDOM.normal(size=CURVE.shape)
UNCONVERGED = pytest.mark.filterwarnings("ignore:.*did not converge")
LEARN_ON = sorted(n for n in names_in("tables") if n not in ("SquareICA", "Imputer"))


def hidden(rows, share=0.2):
    gone = np.random.default_rng(1).random(rows.shape) < share
    gone[gone.all(axis=1)] = False
    return np.where(gone, np.nan, rows)


def in_parts(model, rows, parts):
    for part in np.array_split(rows, parts):
        assert model.partial_fit(part) is model
    return model


@pytest.mark.parametrize("kind", [PCA(3), PCA(0.9), PCA(6)], ids=repr)
@pytest.mark.parametrize("parts", [1, 7])
def test_the_plane_of_parts_is_that_of_the_whole(kind, parts):
    whole, found = clone(kind).fit(PLANE), in_parts(clone(kind), PLANE, parts)
    for name in ("mean_", "components_", "explained_variance_", "explained_variance_ratio_"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-9)
    np.testing.assert_allclose(found.energy(PLANE), whole.energy(PLANE), rtol=1e-9, atol=1e-12)
    holed = hidden(PLANE)
    # the whole space fits any filling
    for answer in ("lowest", "mean") if kind.n_components != 6 else ():
        np.testing.assert_allclose(found.complete(holed, answer), whole.complete(holed, answer))
    assert found.n_samples_seen_ == 900


def test_the_plane_of_parts_beside_scikit_learns():
    theirs = IncrementalPCA(3)
    for part in np.array_split(PLANE, 7):
        theirs.partial_fit(part)
    found, whole = in_parts(PCA(3), PLANE, 7), PCA(3).fit(PLANE)

    def off(plane):
        return np.linalg.norm(plane.T @ plane - whole.components_.T @ whole.components_)

    assert off(found.components_) < 1e-9 < off(theirs.components_)


def test_a_plane_of_parts_with_hidden_entries_is_near_that_of_the_whole():
    holed = hidden(PLANE)
    found, full = in_parts(PCA(3), holed, 6), PCA(3).fit(PLANE)
    mean_filled = np.where(np.isnan(holed), np.nanmean(holed, axis=0), holed)

    def excess(model):
        return model.energy(PLANE).mean() / full.energy(PLANE).mean() - 1

    assert excess(found) < 0.02 < excess(PCA(3).fit(mean_filled))
    np.testing.assert_allclose(found.explained_variance_, full.explained_variance_, rtol=0.1)


@pytest.mark.parametrize("rows", [PLANE, hidden(PLANE)], ids=["complete", "hidden"])
def test_after_fit_rows_are_known_across_the_plane_by_their_mean_variance(rows):
    found = PCA(3).fit(rows[:300])
    assert found.scatter_ is None
    in_parts(found, rows[300:], 3)
    full = PCA(3).fit(PLANE)
    assert 1 <= found.energy(PLANE).mean() / full.energy(PLANE).mean() < 1.02
    np.testing.assert_allclose(found.explained_variance_, full.explained_variance_, rtol=0.1)
    # all of the space is known whole
    whole = PCA(6).fit(PLANE[:300]).partial_fit(PLANE[300:])
    np.testing.assert_allclose(whole.scatter_ / 899, np.cov(PLANE.T), rtol=1e-6)


def test_too_many_columns_for_their_covariances():
    with pytest.raises(InputError, match="expected at most 4096 where rows are sparse or come in"):
        PCA(2).partial_fit(np.ones((3, 5000)) * np.arange(3)[:, None])


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_one_component_of_parts_is_that_of_the_whole(kind):
    def make_one(**settings):
        return GaussianMixture(covariance_type=kind, batch_size=64, **settings)

    whole, found = make_one().fit(PLANE), in_parts(make_one(), PLANE, 5)
    np.testing.assert_allclose(found.means_, whole.means_, rtol=1e-12)
    np.testing.assert_allclose(found.covariances_, whole.covariances_, rtol=1e-8)
    assert found.n_samples_seen_ == 900
    weight = RANDOM.integers(0, 4, 900).astype(float)
    found = make_one()
    for part in np.array_split(np.arange(900), 5):
        found.partial_fit(PLANE[part], sample_weight=weight[part])
    repeated = make_one().fit(np.repeat(PLANE, weight.astype(int), axis=0))
    np.testing.assert_allclose(found.covariances_, repeated.covariances_, rtol=1e-8)
    assert found.n_samples_seen_ == weight.sum()


def test_a_step_of_a_mixture_is_that_of_the_formula():
    first, second = GROUPS[:300], GROUPS[300:360]
    model = GaussianMixture(3, random_state=0, reg_covar=1e-3, beta=0.7).fit(first)
    share = model.predict_proba(second)
    counts, means, old = 300 * model.weights_, model.means_, model.covariances_ - 1e-3 * np.eye(3)
    model.partial_fit(second)
    for k in range(3):
        n, b = counts[k], share[:, k].sum()
        sums = n * means[k] + share[:, k] @ second
        squares = n * (old[k] + np.outer(means[k], means[k])) + (second.T * share[:, k]) @ second
        mean = sums / (n + b)
        np.testing.assert_allclose(model.weights_[k], (n + b) / 360, rtol=1e-6)
        np.testing.assert_allclose(model.means_[k], mean, rtol=1e-6)
        covariance = squares / (n + b) - np.outer(mean, mean) + 1e-3 * np.eye(3)
        np.testing.assert_allclose(model.covariances_[k], covariance, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("holes", [False, True])
def test_a_mixture_of_parts_is_near_that_of_the_whole(holes):
    rows = hidden(GROUPS[:3000], 0.1) if holes else GROUPS[:3000]
    whole = GaussianMixture(6, random_state=0, max_iter=30).fit(rows)
    start = GaussianMixture(6, random_state=0).fit(rows[:150])
    before = start.score(GROUPS[3000:])
    after = in_parts(start, rows[150:], 19).score(GROUPS[3000:])
    assert before < after
    assert after > whole.score(GROUPS[3000:]) - 0.02
    with pytest.raises(InputError, match="n_pooled=2; partial_fit expects n_pooled=1"):
        GaussianMixture(2, n_pooled=2).partial_fit(rows)


def test_points_of_parts_are_the_means_of_their_rows():
    model = KMeans(6, random_state=0, batch_size=50).fit(GROUPS[:300])
    sums, counts = model.cluster_centers_ * model.counts_, model.counts_[:, 0].copy()
    np.testing.assert_array_equal(counts, np.bincount(model.labels_))
    weight = RANDOM.uniform(0, 2, 50)
    labels = model.predict(GROUPS[300:350])
    model.partial_fit(GROUPS[300:350], sample_weight=weight)
    np.add.at(sums, labels, weight[:, None] * GROUPS[300:350])
    np.add.at(counts, labels, weight)
    np.testing.assert_allclose(model.cluster_centers_, sums / counts[:, None])
    np.testing.assert_allclose(model.counts_[:, 0], counts)
    np.testing.assert_array_equal(model.labels_, model.predict(GROUPS[300:350]))
    assert model.n_samples_seen_ == pytest.approx(300 + weight.sum())
    heavy = KMeans(6, random_state=0).fit(GROUPS[:50], sample_weight=weight)
    np.testing.assert_allclose(heavy.counts_[:, 2], np.bincount(heavy.labels_, weight, 6))
    energy = model.energy(GROUPS[300:350])
    assert model.inertia_ == pytest.approx(float(energy @ weight))


def test_points_of_many_parts_are_about_as_good_as_those_of_the_whole():
    whole = KMeans(6, random_state=0, n_init=10).fit(GROUPS)
    model = in_parts(KMeans(6, random_state=0, n_init=10), GROUPS, 60)
    theirs = in_parts(MiniBatchKMeans(6, random_state=0, n_init=10), GROUPS, 60)
    assert -model.score(GROUPS) < 1.02 * whole.inertia_
    assert -model.score(GROUPS) < 1.02 * -theirs.score(GROUPS)


def test_hidden_entries_count_for_no_point():
    rows = hidden(GROUPS[:600], 0.3)
    model = KMeans(4, random_state=0).fit(rows[:300])
    seen = [(~np.isnan(rows[:300][model.labels_ == k])).sum(axis=0) for k in range(4)]
    np.testing.assert_array_equal(model.counts_, seen)
    weight = RANDOM.uniform(0, 2, 300)
    heavy = KMeans(4, random_state=0).fit(rows[:300], sample_weight=weight)
    here = [weight @ (~np.isnan(rows[:300]) & (heavy.labels_ == k)[:, None]) for k in range(4)]
    np.testing.assert_allclose(heavy.counts_, here)
    model.partial_fit(rows[300:])
    assert model.counts_.sum() == (~np.isnan(rows)).sum()
    assert np.isfinite(model.cluster_centers_).all()


@UNCONVERGED
@pytest.mark.parametrize(
    "settings",
    [{}, {"algorithm": "gradient"}, {"solver": "lista", "batch_size": 256}],
    ids=str,
)
def test_dictionaries_get_better_with_more_rows(settings):
    atoms = RANDOM.normal(size=(8, 6))
    codes = 3 * RANDOM.normal(size=(2200, 8)) * (RANDOM.random((2200, 8)) < 0.15)
    rows = codes @ atoms + 0.05 * RANDOM.normal(size=(2200, 6))
    model = SparseCoding(8, alpha=0.3, random_state=0, max_iter=5, **{"batch_size": 64, **settings})
    model.partial_fit(rows[:60])
    offset, before = model.mean_, model.energy(rows[2000:]).mean()
    in_parts(model, rows[60:2000], 5)
    assert model.energy(rows[2000:]).mean() < 0.97 * before
    np.testing.assert_allclose(np.linalg.norm(model.components_, axis=1), 1)
    np.testing.assert_array_equal(model.mean_, offset)
    assert model.n_samples_seen_ == 2000
    assert model.n_iter_ > 5


NETWORKS = [n for n in LEARN_ON if "n_steps" in estimator(n).parameters]


@UNCONVERGED
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_learn_on(name):
    """The gap between rows held out and rows elsewhere: losses differ in what they bring down."""
    rows, held_out = CURVE[:600], CURVE[900:]
    quick = {"descent_iter": 30} if name == "GLO" else {}
    model = make(name, batch_size=16, **quick)
    away = held_out[:, [1, 2, 3, 0]]

    def gap():
        energy = model.energy(held_out)
        return float(energy.mean() - model.energy(away).mean()) / float(energy.std())

    model.partial_fit(rows[:200])
    first, units = gap(), [b.clone() for n, b in model.energy_.named_buffers() if n == "shift"]
    for _ in range(4):
        in_parts(model, rows, 2)
    assert gap() < first
    for before, after in zip(units, model.energy_.buffers(), strict=False):
        torch.testing.assert_close(before, after)
    assert model.n_samples_seen_ == 200 + 4 * 600
    assert len(model.history_) == -(-300 // 16)


@UNCONVERGED
@pytest.mark.parametrize("name", LEARN_ON)
def test_a_loaded_model_goes_on_as_if_it_had_never_been_away(name, tmp_path):
    quick = {"descent_iter": 20} if name == "GLO" else {}
    model = make(name, **quick).partial_fit(CURVE[:200])
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    for each in (model, again):
        each.partial_fit(CURVE[200:300]).partial_fit(CURVE[300:350])
    np.testing.assert_array_equal(again.energy(CURVE[:99]), model.energy(CURVE[:99]))
    assert again.n_samples_seen_ == 350


@UNCONVERGED
@pytest.mark.parametrize("name", LEARN_ON)
def test_after_fit_and_in_single_precision(name):
    quick = {"descent_iter": 20} if name == "GLO" else {}
    model = make(name, **quick)
    rows = CURVE[:300].astype(np.float32)
    model.fit(rows)
    before = model.energy(rows[:20])
    model.partial_fit(CURVE[300:600])
    after = model.energy(rows[:20])
    assert before.dtype == after.dtype == np.float32
    assert not np.array_equal(before, after)
    assert model.n_samples_seen_ == 600


@UNCONVERGED
@pytest.mark.parametrize("name", LEARN_ON)
def test_later_rows_are_held_to_the_first(name):
    quick = {"descent_iter": 20} if name == "GLO" else {}
    model = make(name, **quick).partial_fit(CURVE[:100])
    with pytest.raises(InputError, match="X has 3 features, but"):
        model.partial_fit(CURVE[:50, :3])
    bad = CURVE[:50].copy()
    bad[3, 2] = np.inf
    with pytest.raises(InputError, match="row 3, column 2 is inf"):
        model.partial_fit(bad)
    holed = hidden(CURVE[100:160])
    model.partial_fit(holed)
    assert np.isfinite(model.energy(holed)).all()


def test_bits_stay_bits():
    bits = (CURVE > 0).astype(float)
    model = BernoulliRBM(3, random_state=0).partial_fit(bits[:300]).partial_fit(bits[300:])
    assert model.energy_.space == "binary"
    with pytest.raises(InputError, match=r"row 2, column 1 is 0\.5; expected 0 or 1 as all rows"):
        model.partial_fit(
            np.where(np.arange(4) + 10 * np.arange(50)[:, None] == 21, 0.5, bits[:50])
        )


def test_entries_of_a_codebook_are_not_drawn_anew():
    model = VQAutoencoder(2, n_codes=8, n_steps=200, learning_rate=1e-12, random_state=0).fit(
        CURVE[:300]
    )
    before = model.transform(CURVE[:50])
    np.testing.assert_allclose(model.partial_fit(CURVE[300:400]).transform(CURVE[:50]), before)


def test_codes_of_new_rows_begin_where_the_decoder_has_them():
    settings = {"learning_rate": 1e-12, "code_learning_rate": 1e-12, "random_state": 0}
    model = GLO(2, **{**settings, "learning_rate": 0.01, "n_steps": 200}).fit(CURVE[:200])
    expected = model.transform(CURVE[200:260])
    model.set_params(**settings).partial_fit(CURVE[200:260])
    np.testing.assert_allclose(model.codes_, expected, atol=1e-4)


def test_models_of_earlier_versions_say_that_they_cannot():
    from test_saved_models import SAVED

    for name, missing in (("KMeans", "counts_"), ("GaussianMixture", "n_samples_seen_")):
        model = thalweg.load(SAVED / "version_0_1_0" / f"{name}.safetensors")
        rows = RANDOM.normal(size=(30, model.n_features_in_))
        with pytest.raises(InputError, match=f"of a version that kept less; .* has {missing}"):
            model.partial_fit(rows)
    assert not hasattr(estimator("SquareICA"), "partial_fit")
