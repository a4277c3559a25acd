import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.cluster import KMeans as Reference
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import thalweg
from thalweg.core import InputError
from thalweg.estimators import KMeans
from thalweg.training import partition

SEEDING = "k-means++ draws from the rows as they stand, and a repeated row is two rows to draw from"
EXPECTED_FAILURES = {
    f"check_sample_weight_equivalence_on_{kind}_data": SEEDING for kind in ("dense", "sparse")
}


@parametrize_with_checks(
    [KMeans(n_clusters=2, random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    return load_digits().data


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_from_the_same_start(digits, dtype, weighted):
    # whole-number pixels tie, and a tie may go either way
    X = (digits + 0.01 * np.random.default_rng(1).normal(size=digits.shape)).astype(dtype)
    init = X[:20]
    weight = np.random.default_rng(0).random(len(X)) if weighted else None
    ours = KMeans(20, init=init).fit(X, sample_weight=weight)
    theirs = Reference(20, init=init, n_init=1).fit(X, sample_weight=weight)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-5)
    assert ours.cluster_centers_.dtype == dtype
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-4)
    np.testing.assert_array_equal(ours.predict(X), ours.labels_)
    assert ours.score(X, sample_weight=weight) == pytest.approx(-ours.inertia_, rel=1e-5)


def test_fast_way_equals_the_general_one(digits, monkeypatch):
    fast = KMeans(20, random_state=0).fit(digits)
    monkeypatch.setattr(
        partition,
        "RememberingPartition",
        lambda rows, s, k, w: partition.ChunkedPartition(rows, energy[0], w),
    )
    energy = []
    make = KMeans._energy_at
    monkeypatch.setattr(
        KMeans,
        "_energy_at",
        lambda self, c: (energy.clear(), energy.append(make(self, c)), energy[0])[2],
    )
    slow = KMeans(20, random_state=0).fit(digits)
    np.testing.assert_array_equal(fast.labels_, slow.labels_)
    np.testing.assert_allclose(fast.history_.losses, slow.history_.losses, rtol=1e-9)


@pytest.mark.parametrize("beta", [0.01, math.inf])
def test_lloyd_never_raises_the_loss(digits, beta):
    losses = KMeans(10, beta=beta, random_state=0).fit(digits).history_.losses
    assert np.all(np.diff(losses) <= 1e-9 * losses[0])


@pytest.mark.parametrize("algorithm", ["gradient", "minibatch"])
def test_other_ways_come_close_to_lloyd(algorithm):
    X, _ = make_blobs(2000, centers=8, n_features=4, cluster_std=0.5, random_state=0)
    best = KMeans(8, random_state=0).fit(X).inertia_
    other = KMeans(8, random_state=0, algorithm=algorithm, batch_size=256).fit(X)
    assert other.inertia_ < 1.05 * best


def test_empty_clusters_take_over_far_rows():
    X, _ = make_blobs(300, centers=4, cluster_std=0.3, random_state=0)
    init = np.concatenate([X[:1], X[:1] + 1000 + np.arange(3)[:, None]])
    model = KMeans(4, init=init).fit(X)
    assert len(np.unique(model.labels_)) == 4


def test_hidden_entries(digits):
    X = digits.copy()
    hidden = np.random.default_rng(0).random(X.shape) < 0.2
    X[hidden] = np.nan
    model = KMeans(20, random_state=0).fit(X)
    assert np.all(np.diff(model.history_.losses) <= 1e-9)
    filled = model.complete(X)
    assert np.array_equal(filled[~hidden], digits[~hidden])
    error = np.sqrt(np.mean((filled - digits)[hidden] ** 2))
    column = np.sqrt(np.mean((np.nanmean(X, axis=0) - digits)[hidden] ** 2))
    assert error < 0.8 * column
    np.testing.assert_allclose(model.energy(filled), model.energy(X), rtol=1e-6)


def test_codes_decode_to_the_projection(digits):
    model = KMeans(20, random_state=0).fit(digits)
    codes = model.transform(digits)
    assert codes.shape == (len(digits), 20)
    np.testing.assert_array_equal(codes.argmax(1), model.predict(digits))
    np.testing.assert_allclose(model.inverse_transform(codes), model.project(digits))
    np.testing.assert_array_equal(model.score_samples(digits), -model.energy(digits))


def test_works_inside_scikit_learn(digits):
    search = GridSearchCV(KMeans(random_state=0), {"n_clusters": [2, 10]}, cv=2).fit(digits[:300])
    assert search.best_params_ == {"n_clusters": 10}
    frame = pd.DataFrame(digits[:200, 10:14], columns=list("abcd"))
    steps = ColumnTransformer([("k", make_pipeline(StandardScaler(), KMeans(3)), ["a", "b"])])
    assert steps.fit_transform(frame).shape == (200, 3)
    out = KMeans(3, random_state=0).set_output(transform="pandas").fit(frame).transform(frame)
    assert list(out.columns) == ["kmeans0", "kmeans1", "kmeans2"]


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_data_frames_keep_names_and_kind(kind):
    frame = kind({"a": [0.0, 1.0, 5.0, 6.0], "b": [0.0, 1.0, 5.0, 6.0]})
    model = KMeans(2, random_state=0).fit(frame)
    assert list(model.feature_names_in_) == ["a", "b"]
    holed = kind({"a": [0.0, 5.5], "b": [float("nan"), 5.0]})
    filled = model.complete(holed)
    assert isinstance(filled, kind)
    assert list(filled["b"]) == [0.5, 5.0]
    with pytest.raises(ValueError, match="feature names"):
        model.energy(kind({"b": [0.0], "a": [0.0]}))
    with pytest.raises(InputError, match="column 'b' holds 'x' in row 1"):
        model.energy(kind({"a": [0.0, 1.0], "b": [None, "x"]}))


def test_tensors_in_tensors_out(digits):
    y = torch.from_numpy(digits[:100])
    model = KMeans(5, random_state=0).fit(y)
    assert isinstance(model.project(y), torch.Tensor)


def test_memory_map_gives_the_same_fit(digits, tmp_path):
    np.save(tmp_path / "x.npy", digits)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    plain = KMeans(10, init=digits[:10]).fit(digits)
    from_disk = KMeans(10, init=digits[:10]).fit(mapped)
    np.testing.assert_array_equal(plain.labels_, from_disk.labels_)
    np.testing.assert_allclose(plain.cluster_centers_, from_disk.cluster_centers_, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, c in KMeans.parameters.items() for value in c.constraint.violations()],
    ids=str,
)
def test_every_parameter_is_held_to_its_constraint(name, value):
    with pytest.raises(InputError, match=f"KMeans: {name} must be"):
        KMeans(**{name: value}).fit(np.zeros((4, 2)))


def test_bad_rows_are_named(digits):
    X = digits[:20].copy()
    X[3, 5] = np.inf
    with pytest.raises(InputError, match="row 3, column 5 is inf"):
        KMeans(2).fit(X)
    with pytest.raises(InputError, match="n_clusters=3 is more than the 2 distinct rows"):
        KMeans(3).fit(np.array([[0.0], [1.0], [1.0], [0.0]]))
    with pytest.raises(InputError, match=r"init has shape \(2, 1\); expected \(2, 64\)"):
        KMeans(2, init=[[0.0], [1.0]]).fit(digits)


def test_saved_models_give_the_same_energies(digits, tmp_path):
    path = tmp_path / "m.safetensors"
    for model in (KMeans(7, beta=0.5, random_state=0), KMeans(7, init=digits[:7])):
        model.fit(digits).save(path)
        again = thalweg.load(path)
        np.testing.assert_array_equal(model.energy(digits), again.energy(digits))
        np.testing.assert_array_equal(model.labels_, again.labels_)
        assert (again.inertia_, again.n_iter_) == (model.inertia_, model.n_iter_)


def test_damaged_foreign_and_newer_files_are_named(digits, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "m.safetensors"
    KMeans(3, random_state=0).fit(digits).save(path)
    whole = path.read_bytes()
    for cut in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"m\.safetensors is damaged, cut short"):
            thalweg.load(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="of something else"):
        thalweg.load(path)
    path.write_bytes(whole.replace(b'"thalweg":"1"', b'"thalweg":"9"'))
    with pytest.raises(InputError, match="newer thalweg"):
        thalweg.load(path)
    with pytest.raises(InputError, match="no such file"):
        thalweg.load(tmp_path / "nothing")


def test_a_failed_write_leaves_the_old_file(digits, tmp_path, monkeypatch):
    from pathlib import Path

    path = tmp_path / "m.safetensors"
    model = KMeans(3, random_state=0).fit(digits)
    model.save(path)
    before = path.read_bytes()

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_labels_are_what_is_predicted_ties_included():
    """Rows of small whole numbers, many of them as near to one point as to another."""
    for seed in range(60, 80):
        rows = np.random.default_rng(seed).integers(0, 4, (30, 2)).astype(float)
        if len(np.unique(rows, axis=0)) >= 6:
            model = KMeans(6, random_state=seed).fit(rows)
            np.testing.assert_array_equal(model.predict(rows), model.labels_)
            np.testing.assert_allclose(
                model.energy(rows),
                np.square(rows[:, None] - model.cluster_centers_).sum(-1).min(1),
                atol=1e-12,
            )
