"""What comes out is in the container that went in, or in the one that was asked for."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from test_contract import make

from thalweg.estimators.registry import estimator, names_in

NAMES = ["length", "width", "height", "weight"]
KINDS = sorted(names_in("tables"))
WITH_CODES = [name for name in KINDS if hasattr(estimator(name), "inverse_transform")]
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(60, 2)) @ RANDOM.normal(size=(2, 4))
ROWS += 0.1 * RANDOM.normal(size=ROWS.shape)
HOLED = ROWS[:6].copy()
HOLED[::2, 1] = np.nan
PANDAS = pd.DataFrame(HOLED, columns=NAMES, index=list("uvwxyz"))
POLARS = pl.DataFrame(HOLED, schema=NAMES)


@pytest.fixture(scope="module")
def fitted():
    models = {}

    def of(name):
        if name not in models:
            quick = {"descent_iter": 20, "n_steps": 30}
            declared = estimator(name).parameters
            quick = {key: value for key, value in quick.items() if key in declared}
            models[name] = make(name, **quick).fit(pd.DataFrame(ROWS, columns=NAMES))
        return models[name]

    return of


@pytest.mark.parametrize("name", WITH_CODES)
@pytest.mark.filterwarnings("ignore:.*did not converge")
def test_codes_have_names_and_come_as_the_frame_that_was_asked_for(fitted, name):
    model = fitted(name)
    frame = pd.DataFrame(ROWS, columns=NAMES, index=np.arange(5, 65))
    plain = model.set_output(transform="default").transform(frame)
    names = list(model.get_feature_names_out())
    assert type(plain) is np.ndarray
    assert names == [f"{name.lower()}{i}" for i in range(plain.shape[1])]
    for kind, frame_of in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        codes = model.set_output(transform=kind).transform(frame)
        assert type(codes) is frame_of
        assert list(codes.columns) == names
        np.testing.assert_array_equal(codes.to_numpy(), plain)
        if kind == "pandas":
            assert list(codes.index) == list(frame.index)
            np.testing.assert_array_equal(
                model.inverse_transform(codes), model.inverse_transform(plain)
            )
    model.set_output(transform="default")


def held_to(answer, given):
    """An answer is rows like those given, whole, the visible ones as they were."""
    assert type(answer) is type(given)
    values = np.asarray(answer)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert values.shape == np.asarray(given).shape
    if isinstance(given, (pd.DataFrame, pl.DataFrame)):
        assert list(answer.columns) == NAMES
    if isinstance(given, pd.DataFrame):
        assert list(answer.index) == list(given.index)


def kept(filled, given):
    seen = ~np.isnan(np.asarray(given))
    np.testing.assert_array_equal(np.asarray(filled)[seen], np.asarray(given)[seen])


@pytest.mark.parametrize("given", [PANDAS, POLARS, torch.from_numpy(HOLED), HOLED], ids=type)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_the_container_of_the_rows_is_kept(fitted, given):
    for name in ("KMeans", "PCA"):
        model = fitted(name)
        held_to(model.complete(given), given)
        held_to(model.project(given), given)
        kept(model.complete(given), given)


@pytest.mark.parametrize("name", KINDS)
def test_every_estimator_keeps_it(fitted, name):
    model = fitted(name)
    holed, whole = PANDAS[:1], POLARS[1:2]
    filled = model.complete(holed)
    held_to(filled, holed)
    kept(filled, holed)
    held_to(model.project(whole), whole)


@pytest.mark.parametrize("name", KINDS)
def test_rows_that_are_asked_about_have_the_columns_of_training(fitted, name):
    with pytest.raises(ValueError, match="feature names should match"):
        fitted(name).energy(PANDAS.rename(columns={"width": "depth"}))
