"""A Pipeline that is asked what its last step is, in the units of the table."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA as TheirPCA
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import thalweg
from thalweg.core import InputError
from thalweg.estimators import PCA, BernoulliRBM, EnergyDensity, GaussianMixture, KMeans

ROWS = load_wine().data[:, :4] * [1, 1e3, 1e-2, 1]
HOLED = ROWS[::4].copy()
HOLED[::3, 1] = np.nan
HOLED[1::5, 3] = np.nan
HIDDEN = np.isnan(HOLED)
SCALERS = [
    StandardScaler(), RobustScaler(), MinMaxScaler(), MaxAbsScaler(), PowerTransformer(),
    QuantileTransformer(n_quantiles=50),
]  # fmt: skip


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda s: type(s).__name__)
def test_answers_are_those_of_the_model_between_there_and_back(scaler):
    pipe = thalweg.pipeline(clone(scaler), GaussianMixture(2, random_state=0)).fit(ROWS)
    there = scaler.fit(ROWS).transform
    alone = GaussianMixture(2, random_state=0).fit(there(ROWS))
    np.testing.assert_allclose(pipe.energy(ROWS), alone.energy(there(ROWS)))
    np.testing.assert_allclose(pipe.energy(HOLED), alone.energy(there(HOLED)))
    np.testing.assert_array_equal(pipe.score_samples(HOLED), -pipe.energy(HOLED))
    filled = pipe.complete(HOLED)
    np.testing.assert_array_equal(filled[~HIDDEN], HOLED[~HIDDEN])
    expected = scaler.inverse_transform(alone.complete(there(HOLED)))
    np.testing.assert_allclose(filled[HIDDEN], expected[HIDDEN])
    mean = pipe.complete(HOLED, answer="mean")
    expected = scaler.inverse_transform(alone.complete(there(HOLED), answer="mean"))
    np.testing.assert_allclose(mean[HIDDEN], expected[HIDDEN])
    assert not np.allclose(mean, filled)
    for rows in (ROWS, HOLED):
        np.testing.assert_allclose(
            pipe.project(rows), scaler.inverse_transform(alone.project(there(rows)))
        )
    np.testing.assert_allclose(
        pipe.sample(7, random_state=3), scaler.inverse_transform(alone.sample(7, random_state=3))
    )
    np.testing.assert_array_equal(pipe.transform(ROWS), alone.transform(there(ROWS)))
    codes = pipe.transform(ROWS)
    np.testing.assert_allclose(
        pipe.inverse_transform(codes), scaler.inverse_transform(alone.inverse_transform(codes))
    )


@pytest.mark.parametrize("kind", ["pandas", "polars", "tensor", "single", "masked", "whole"])
def test_the_container_and_its_numbers_are_kept(kind):
    pipe = thalweg.pipeline(StandardScaler(), PowerTransformer(), KMeans(3, random_state=0))
    names = ["a", "b", "c", "d"]
    given = {
        "pandas": lambda: pd.DataFrame(HOLED, columns=names, index=range(5, 5 + len(HOLED))),
        "polars": lambda: pl.DataFrame(HOLED, schema=names),
        "tensor": lambda: torch.from_numpy(HOLED),
        "single": lambda: HOLED.astype(np.float32),
        "masked": lambda: np.ma.MaskedArray(ROWS[::4], HIDDEN),
        "whole": lambda: ROWS[::4].astype(int),
    }[kind]()
    framed = kind in ("pandas", "polars")
    # fitted on what has names, where there are any
    pipe.fit(type(given)(ROWS, **({"columns": names} if kind == "pandas" else {"schema": names}))
             if framed else ROWS)  # fmt: skip
    filled, lowest = pipe.complete(given), pipe.project(given)
    wanted = np.ndarray if kind in ("single", "masked", "whole") else type(given)
    assert type(filled) is type(lowest) is wanted
    if kind == "pandas":
        assert list(filled.index) == list(given.index)
    if framed:
        assert list(filled.columns) == list(lowest.columns) == names
    if kind == "single":
        assert filled.dtype == lowest.dtype == np.float32
    values = np.asarray(filled)
    assert np.isfinite(values).all()
    before = ROWS[::4].astype(int) if kind == "whole" else HOLED
    kept = ~np.isnan(before)
    np.testing.assert_array_equal(values[kept], before.astype(values.dtype)[kept])


def test_it_is_a_pipeline_of_scikit_learn():
    pipe = thalweg.pipeline(StandardScaler(), StandardScaler(), "passthrough", KMeans(2))
    assert isinstance(pipe, Pipeline)
    assert [name for name, _ in pipe.steps] == [
        "standardscaler-1", "standardscaler-2", "passthrough", "model"
    ]  # fmt: skip
    copy = clone(pipe).set_params(model__n_clusters=5, model__random_state=0)
    assert type(copy) is type(pipe)
    assert copy.get_params()["model__n_clusters"] == 5
    assert pipe.get_params()["model__n_clusters"] == 2
    filled = copy.fit(ROWS).complete(HOLED)
    assert np.isfinite(filled).all()
    assert pipe[:-1].fit_transform(ROWS).shape == ROWS.shape
    np.testing.assert_array_equal(copy.predict(ROWS), copy.transform(ROWS).argmax(axis=1))


def test_a_grid_is_searched_by_score():
    pipe = thalweg.pipeline(StandardScaler(), KMeans(random_state=0))
    found = GridSearchCV(pipe, {"model__n_clusters": [2, 3, 6]}, cv=3).fit(ROWS)
    assert found.best_params_ == {"model__n_clusters": 6}
    assert found.best_estimator_.energy(ROWS).shape == (len(ROWS),)


def test_what_the_last_step_cannot_answer_is_not_there():
    no_draws = thalweg.pipeline(StandardScaler(), PCA(2))
    assert not hasattr(no_draws, "sample")
    assert hasattr(no_draws, "transform")
    no_codes = thalweg.pipeline(StandardScaler(), EnergyDensity())
    assert not hasattr(no_codes, "transform")
    assert hasattr(no_codes, "sample")
    theirs = thalweg.pipeline(StandardScaler(), TheirPCA(2))
    for name in ("energy", "complete", "project", "sample"):
        assert not hasattr(theirs, name)
    with pytest.raises(InputError, match="there is no step"):
        thalweg.pipeline()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Normalizer(), r"complete: step 'normalizer' \(Normalizer\) has no inverse_transform"),
        (SimpleImputer(), r"'simpleimputer' \(SimpleImputer\) does not pass hidden"),
        (TheirPCA(4), r"'pca' \(PCA\) does not pass hidden"),
        (FunctionTransformer(np.cbrt), "'functiontransformer' .* has no inverse_func"),
        (KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
         r"'kbinsdiscretizer' \(KBinsDiscretizer\) does not pass hidden"),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_a_transformer_that_cannot_is_named(step, message):
    pipe = thalweg.pipeline(StandardScaler(), step, KMeans(2, random_state=0)).fit(ROWS)
    assert np.isfinite(pipe.energy(ROWS)).all()
    with pytest.raises(InputError, match=message):
        pipe.complete(HOLED)


def test_there_and_back_by_functions():
    both = FunctionTransformer(np.log, np.exp)
    pipe = thalweg.pipeline(both, PCA(2)).fit(ROWS)
    alone = PCA(2).fit(np.log(ROWS))
    np.testing.assert_allclose(
        pipe.complete(HOLED)[HIDDEN], np.exp(alone.complete(np.log(HOLED)))[HIDDEN]
    )


def test_frames_between_the_steps_and_sparse_rows():
    pipe = thalweg.pipeline(StandardScaler(), KMeans(3, random_state=0))
    pipe.set_output(transform="pandas")
    frame = pd.DataFrame(ROWS, columns=list("abcd"))
    assert list(pipe.fit(frame).transform(frame).columns) == ["kmeans0", "kmeans1", "kmeans2"]
    assert np.isfinite(np.asarray(pipe.complete(pd.DataFrame(HOLED, columns=list("abcd"))))).all()
    bits = (np.random.default_rng(0).random((60, 5)) < 0.3).astype(float)
    rbm = thalweg.pipeline(MaxAbsScaler(), BernoulliRBM(2, n_steps=20, random_state=0))
    rbm.fit(sp.csr_array(bits))
    np.testing.assert_allclose(rbm.energy(sp.csr_array(bits)), rbm.energy(bits))


def test_several_fillings_and_p_values_come_back_through_the_steps():
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 1)) @ [[1.0, 3.0]] + 0.1 * random.normal(size=(300, 2))
    model = thalweg.pipeline(StandardScaler(), GaussianMixture(1)).fit(rows[:200])
    holed = rows[200:].copy()
    holed[:, 1] = np.nan
    drawn = model.complete(holed, draws=4, random_state=0)
    assert drawn.shape == (4, 100, 2)
    np.testing.assert_array_equal(drawn[:, :, 0], np.broadcast_to(holed[:, 0], (4, 100)))
    off = drawn[:, :, 1] - rows[200:, 1]
    # the noise of y2 given y1, twice: of what is there, and of what is drawn
    assert np.sqrt((off**2).mean()) == pytest.approx(np.sqrt(2) * 0.1 * np.sqrt(10), rel=0.2)
    lower, upper = model.complete(holed, interval=0.8, random_state=0)
    inside = ((lower <= rows[200:]) & (rows[200:] <= upper))[:, 1].mean()
    assert abs(inside - 0.8) < 4 * np.sqrt(0.16 / 100)
    assert model.calibrate(rows[200:]).p_values(rows[200:]).min() == pytest.approx(1 / 101, rel=1.1)
    assert model.select([[0.0, 0.0], [9.0, -9.0]], fdr=0.2).tolist() == [False, True]
