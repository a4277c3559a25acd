"""Why a row is unusual and how rare that is, for every estimator of tables."""

import warnings

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.exceptions import NotFittedError

from thalweg import load
from thalweg.core import InputError
from thalweg.energies import FullGaussians
from thalweg.estimators import (
    PCA,
    AnomalyDetector,
    GaussianMixture,
    KernelDensity,
    KMeans,
    Neighbors,
    SquareICA,
)
from thalweg.estimators.registry import estimator, names_in
from thalweg.latents import Exhaustive, FreeEnergy
from thalweg.questions import explain

TINY = {
    "KMeans": {"n_clusters": 12},
    "GaussianMixture": {"n_components": 2},
    "PCA": {"n_components": 2},
    "SparseCoding": {"n_components": 12, "max_iter": 3},
    "GLO": {"n_components": 2, "descent_iter": 40, "n_starts": 1, "n_steps": 300},
    "VQAutoencoder": {"n_components": 2, "n_codes": 16, "code_size": 1},
}
NAMES = names_in("tables")


def rows(n=400, seed=0):
    """A plane in five columns, and a little noise."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(2, 5))
    return random.normal(size=(n, 2)) @ mixing + 0.1 * random.normal(size=(n, 5))


def fitted(name, X):
    kind = estimator(name)
    said = {"n_steps": 100, "random_state": 0, "hidden": (16,), "n_components": 3,
            **TINY.get(name, {})}  # fmt: skip
    given = {each: value for each, value in said.items() if each in kind.parameters}
    if name == "BernoulliRBM":
        X = (X > 0).astype(float)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*not converged")
        return kind(**given).fit(X)


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return fitted(request.param, rows())


def test_what_a_normal_density_says_of_an_entry_is_its_surprise():
    covariance = torch.tensor([[1.0, 0.8, 0.0], [0.8, 2.0, -0.5], [0.0, -0.5, 1.0]]).double()
    normal = FullGaussians(torch.zeros(1, 3).double(), torch.ones(1).double(), covariance[None])
    energy = FreeEnergy(normal, Exhaustive(), 1.0)
    y = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).double()
    found = explain(energy, y)
    for j in range(3):
        rest = [i for i in range(3) if i != j]
        pull = torch.linalg.solve(covariance[rest][:, rest], covariance[rest, j])
        mean, variance = y[:, rest] @ pull, covariance[j, j] - covariance[rest, j] @ pull
        expected = 0.5 * ((y[:, j] - mean) ** 2 / variance + torch.log(2 * np.pi * variance))
        torch.testing.assert_close(found[:, j], expected)


def test_hiding_a_cell_lowers_the_energy_by_its_share(model):
    asked = rows(12, 5) if type(model).__name__ != "BernoulliRBM" else (rows(12, 5) > 0) * 1.0
    asked[3, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = model.explain(asked)
        whole = model.energy(asked)
        for j in range(5):
            without = asked.copy()
            without[:, j] = np.nan
            lowered = whole - model.energy(without)
            np.testing.assert_allclose(said.contribution[:, j], lowered, rtol=2e-4, atol=2e-4)
    assert said.columns == ["0", "1", "2", "3", "4"]
    assert said.contribution[3, 1] == 0
    assert said.usual.shape == asked.shape
    assert np.isfinite(said.usual).all()
    row, column = said.most(1)[0]
    assert said.contribution[row, column] == said.contribution.max()


@pytest.mark.parametrize(
    "model",
    [PCA(2), GaussianMixture(2, random_state=0), KMeans(40, random_state=0), KernelDensity(),
     Neighbors(), Neighbors(metric="euclidean"), AnomalyDetector(random_state=0),
     SquareICA(random_state=0)],
    ids=str,
)  # fmt: skip
def test_a_planted_cell_is_ranked_first_and_its_usual_value_is_near(model):
    X, random = rows(2000), np.random.default_rng(3)
    model.fit(X)
    asked = rows(100, 7)
    column = random.integers(5, size=100)
    right = asked[np.arange(100), column].copy()
    asked[np.arange(100), column] += random.choice([-1, 1], 100) * 8 * X.std(axis=0)[column]
    said = model.explain(asked)
    assert (said.contribution.argmax(axis=1) == column).sum() >= 95
    off = np.abs(said.usual[np.arange(100), column] - right) / X.std(axis=0)[column]
    assert np.median(off) < 0.5


def test_a_word_that_does_not_fit_is_explained_in_a_frame():
    random = np.random.default_rng(0)
    kind = random.integers(3, size=300)
    size = 10.0 * kind + random.normal(size=300)
    frame = pl.DataFrame({
        "id": [f"r{i:03d}" for i in range(300)],
        "kind": np.array(["bolt", "nut", "screw"])[kind], "size": size,
    })  # fmt: skip
    model = GaussianMixture(3, random_state=0).fit(frame)
    wrong = frame[:1].with_columns(kind=pl.lit("screw"), size=pl.lit(0.0), id=pl.lit("x"))
    said = model.explain(wrong)
    assert said.columns == ["kind", "size"]
    assert said.usual["kind"].to_list() == ["bolt"]
    assert said.usual["id"].to_list() == ["x"]
    assert model.explain(wrong, usual=False).usual is None


def test_p_values_are_of_rows_like_those_of_the_fit(tmp_path):
    model = GaussianMixture(2, random_state=0).fit(rows())
    with pytest.raises(NotFittedError, match="calibrate"):
        model.p_values(rows(3))
    model.calibrate(rows(300, 1))
    alike, odd = rows(2000, 2), 10 + rows(50, 3)
    p = model.p_values(alike)
    # one calibration of 300: about as even as its own quantiles are
    assert abs(np.mean(p <= 0.1) - 0.1) < 3 * np.sqrt(0.09 / 300)
    assert (model.p_values(odd) == 1 / 301).all()
    found = model.select(np.concatenate([alike[:100], odd]), fdr=0.1)
    assert found[100:].all()
    assert model.select(alike[:100], 0.1, delta=0.1).sum() <= model.select(alike[:100], 0.1).sum()
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").p_values(odd), model.p_values(odd))
    model.fit(rows())
    with pytest.raises(NotFittedError, match="calibrate"):
        model.p_values(odd)


def test_rows_of_the_fit_calibrate_in_folds():
    model = KMeans(20, random_state=0).fit(rows())
    crossed = model.calibrate(rows(), folds=5).p_values(rows(1000, 2))
    naive = model.calibrate(rows()).p_values(rows(1000, 2))
    # rows that were learned from have energies that are too low
    assert abs(np.median(crossed) - 0.5) < 0.1
    assert np.median(naive) < np.median(crossed)
    for wrong in (1, 401, 2.5):
        with pytest.raises(InputError, match="folds"):
            model.calibrate(rows(), folds=wrong)
