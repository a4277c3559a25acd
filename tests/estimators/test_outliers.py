"""Usual or unusual: every model of tables that predicts nothing else."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import thalweg
from thalweg import estimators
from thalweg.core import InputError
from thalweg.estimators.registry import names_in
from thalweg.estimators.tables.outliers import PredictsMixin

TABLES = names_in("tables")
OTHER = {"KMeans", "GaussianMixture"}
"""whose predict is something else"""


def rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.normal(size=(n, 2)) @ np.random.default_rng(9).normal(size=(2, 5))
    return low + 0.1 * rng.normal(size=(n, 5))


def made(name, **more):
    cls = getattr(estimators, name)
    few = {"n_steps": 60, "random_state": 0, "n_components": 2, **more}
    return cls(**{key: value for key, value in few.items() if key in cls.parameters})


@pytest.mark.parametrize("name", [name for name in TABLES if name not in OTHER])
def test_a_tenth_of_the_training_rows_is_unusual_and_so_is_what_is_far(name, tmp_path):
    X = rows()
    if name == "BernoulliRBM":
        X = (X > 0).astype(float)
    model = made(name).fit(X)
    found = model.predict(X)
    assert set(found) <= {1, -1}
    # of 256 rows that are looked at, 4 standard errors of a tenth; bits have many ties
    near = 4 * np.sqrt(0.09 / 256)
    assert np.mean(found == -1) < 0.1 + near
    # under a kernel of its own no training row is far
    if name != "KernelDensity":
        assert np.mean(model.energy(X) >= model.threshold_) > 0.1 - near
    else:
        assert abs(np.mean(model.predict(rows(seed=1)) == -1) - 0.1) < near + 4 * np.sqrt(
            0.09 / 300
        )
    np.testing.assert_array_equal(found, np.where(model.energy(X) > model.threshold_, -1, 1))
    np.testing.assert_allclose(
        model.decision_function(X), model.threshold_ - model.energy(X), rtol=1e-5, atol=1e-5
    )
    if name != "BernoulliRBM":
        assert (model.predict(X[:20] + np.array([40, -40, 40, -40, 40])) == -1).all()
    model.save(tmp_path / "model.safetensors")
    again = thalweg.load(tmp_path / "model.safetensors")
    assert again.threshold_ == model.threshold_
    np.testing.assert_array_equal(again.predict(X), found)


def test_all_that_predict_nothing_else_do():
    for name in TABLES:
        assert issubclass(getattr(estimators, name), PredictsMixin) == (name not in OTHER), name


def test_a_nearest_neighbour_is_not_the_row_itself():
    X = rows()
    model = estimators.Neighbors(n_neighbors=1).fit(X)
    assert np.mean(model.predict(rows(seed=1)) == -1) < 0.25
    assert model.threshold_ > 0


def test_calibration_moves_the_threshold():
    X = rows()
    model = estimators.PCA(n_components=2).fit(X)
    before = model.threshold_
    model.calibrate(3 * rows(seed=1))
    assert model.threshold_ == np.quantile(model.calibration_, 0.9) > before
    model.fit(X)
    assert model.threshold_ == before


def test_learning_on_counts_old_rows_and_new_ones():
    X, more = rows(2000), rows(1000, seed=1) + 30
    model = estimators.PCA(n_components=2).partial_fit(X)
    before = model.threshold_
    model.partial_fit(more)
    assert model.threshold_ != before
    seen = model._seen
    assert seen.count == 3000
    assert sum(map(len, seen.parts)) == 256
    # a third of the rows are the new ones
    kept = np.concatenate([part.values for part in seen.parts])
    new = (np.abs(kept.mean(axis=1) - 30) < 15).mean()
    assert abs(new - 1 / 3) < 0.01
    assert np.mean(model.predict(np.vstack([X, more])) == -1) == pytest.approx(0.1, abs=0.08)


def test_a_file_of_a_version_without_threshold_says_so(tmp_path):
    path = tmp_path / "model.safetensors"
    estimators.PCA(n_components=2).fit(rows()).save(path)
    changed(path, lambda extra: extra.pop("threshold"))
    old = thalweg.load(path)
    with pytest.raises(InputError, match="no threshold is known"):
        old.predict(rows())
    assert (old.calibrate(rows()).predict(rows()) == -1).mean() == pytest.approx(0.1, abs=0.01)


def test_a_loaded_model_that_learns_on_knows_no_threshold(tmp_path):
    X = rows()
    estimators.PCA(n_components=2).partial_fit(X).save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    assert np.mean(again.predict(X) == -1) == pytest.approx(0.1, abs=0.08)
    again.partial_fit(rows(5, seed=1) + 30)
    with pytest.raises(InputError, match=r"no threshold is known.*expected calibrate"):
        again.predict(X)


@pytest.mark.parametrize("bad", ["a", True, [1.0], {}])
def test_a_threshold_that_is_no_number_is_refused(bad, tmp_path):
    path = tmp_path / "model.safetensors"
    estimators.PCA(n_components=2).fit(rows()).save(path)
    changed(path, lambda extra: extra.update(threshold=bad))
    with pytest.raises(InputError, match="threshold must be a finite number"):
        thalweg.load(path)


def changed(path, how):
    with safe_open(path, "numpy") as file:
        told = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = json.loads(told["model"])
    how(header["extra"])
    save_file(tensors, path, {**told, "model": json.dumps(header)})
