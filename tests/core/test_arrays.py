"""An array from whatever a user has, and models that read what was meant."""

import datetime
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch

from thalweg.core import InputError, as_array, finite_array
from thalweg.data import Windows, as_images
from thalweg.estimators import PCA, GaussianMixture, KMeans, LatentRegressor

X = np.random.default_rng(0).normal(size=(12, 3)).round(2)
WITH_NAN = np.where(X > 0.5, np.nan, X)
WHOLE = np.arange(36).reshape(12, 3)
WHOLE_WITH_NAN = np.where(WHOLE % 5 == 0, np.nan, WHOLE)
NAMES = ["a", "b", "c"]

spoiled = np.ma.masked_array(np.where(X > 0.5, 1e4, X), X > 0.5)
masked_whole = np.ma.masked_array(WHOLE, WHOLE % 5 == 0)
objects = WITH_NAN.astype(object)
objects[np.isnan(WITH_NAN)] = None

ALIKE = {
    "masked": (spoiled, WITH_NAN),
    "masked single": (spoiled.astype(np.float32), WITH_NAN.astype(np.float32)),
    "masked whole": (masked_whole, WHOLE_WITH_NAN),
    "masked bytes": (masked_whole.astype(np.uint8), WHOLE_WITH_NAN),
    "a list of masked rows": (list(spoiled), WITH_NAN),
    "masked in a list of lists": ([[1.0, np.ma.masked], [2.0, 3.0]], [[1, np.nan], [2, 3]]),
    "nothing masked": (np.ma.masked_array(X), X),
    "objects": (X.astype(object), X),
    "None": (objects, WITH_NAN),
    "NA": (pd.DataFrame(WITH_NAN).astype("Float64").to_numpy(object), WITH_NAN),
    "decimals": ([[Decimal("1.5"), Decimal(2)]], [[1.5, 2]]),
    "half": (WHOLE.astype(np.float16), WHOLE),
    "other order of bytes": (X.astype(">f8"), X),
    "columns first": (np.asfortranarray(X), X),
    "backwards": (X[::-1], X[::-1].copy()),
    "one row many times": (np.broadcast_to(X[0], (4, 3)), np.tile(X[0], (4, 1))),
    "matrix": (np.asmatrix(X), X),
    "bools": (X > 0, (X > 0).astype(float)),
    "tensor with a gradient": (torch.tensor(X, requires_grad=True), X),
    "bfloat16": (torch.tensor(WHOLE).bfloat16(), WHOLE),
    "float16": (torch.tensor(WHOLE).half(), WHOLE),
    "whole tensor": (torch.tensor(WHOLE), WHOLE),
    "negated tensor": (torch.tensor(-X)._neg_view(), X),
    "a list of tensors": ([torch.tensor(row, requires_grad=True) for row in X], X),
    "pandas": (pd.DataFrame(X, columns=NAMES), X),
    "pandas nullable": (pd.DataFrame(WHOLE_WITH_NAN, columns=NAMES).astype("Int64"),
                        WHOLE_WITH_NAN),
    "pandas booleans": (pd.DataFrame({"a": [True, None], "b": [1, 2]}).astype({"a": "boolean"}),
                        [[1, 1], [np.nan, 2]]),
    "pandas arrow": (pd.DataFrame(WITH_NAN).convert_dtypes(dtype_backend="pyarrow"), WITH_NAN),
    "pandas series": (pd.Series([1, None, 3], dtype="Int64"), [1, np.nan, 3]),
    "polars": (pl.DataFrame(WITH_NAN, schema=NAMES, nan_to_null=True), WITH_NAN),
    "polars whole": (pl.DataFrame({"a": [1, None], "b": [2, 3]}), [[1, 2], [np.nan, 3]]),
    "polars booleans": (pl.DataFrame({"a": [True, None]}), [[1], [np.nan]]),
    "polars decimals": (pl.DataFrame({"a": [Decimal("1.5"), None]}), [[1.5], [np.nan]]),
}  # fmt: skip

DAY = datetime.date(2020, 1, 1)

REFUSED = {
    "dates": (WHOLE.astype("M8[s]"), "X holds datetime64.*dates; expected numbers"),
    "spans": (WHOLE.astype("m8[s]"), "X holds timedelta64.*spans of time; expected numbers"),
    "complex": (X + 1j, "X holds complex128: Complex data not supported"),
    "records": (np.zeros(3, "f8,f8"), "records; expected numbers"),
    "sparse": (scipy.sparse.csr_array(X), r"X is sparse \(csr_array\); expected a dense array"),
    "sparse tensor": (torch.tensor(X).to_sparse(), "X is a tensor that is sparse"),
    "meta tensor": (torch.empty(2, 2, device="meta"), "without values"),
    "ragged": ([[1, 2], [3]], "X: .*expected rows of numbers, all of one size"),
    "dict": ({"a": [1]}, "X is dict; expected an array"),
    "generator": ((row for row in X), "X is generator; expected an array"),
    "set": ({1, 2}, "X is set; expected an array"),
    "lazy": (pl.LazyFrame({"a": [1]}), "X is LazyFrame; expected an array"),
    "pandas dates": (pd.DataFrame({"t": pd.to_datetime([DAY])}), "column 't' holds datetime64"),
    "pandas spans": (pd.DataFrame({"t": pd.to_timedelta([1])}), "column 't' holds timedelta64"),
    "pandas words": (pd.DataFrame({"a": [1, 2], "t": ["1", "x"]}), "'t' holds '1' in row 0"),
    "pandas twice": (pd.DataFrame(X[:, :2], columns=["a", "a"]), "two columns are called 'a'"),
    "polars dates": (pl.DataFrame({"t": [DAY]}), "column 't' holds datetime64"),
    "polars spans": (pl.DataFrame({"a": [1.0], "t": [DAY - DAY]}), "column 't' holds timedelta"),
    "polars lists": (pl.DataFrame({"t": [[1, 2], [3, 4]]}), "column 't' holds .* in row 0"),
}
TABLES = [
    "pandas dates", "pandas spans", "pandas words", "polars dates", "polars spans", "polars lists",
]  # fmt: skip


@pytest.mark.parametrize("kind", ALIKE)
def test_arrays_are_what_was_meant(kind):
    given, expected = ALIKE[kind]
    found = as_array("X", given)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found.astype(float), np.asarray(expected, float))
    if kind == "masked single":
        assert found.dtype == np.float32


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_array_of_numbers_is_said(kind):
    given, said = REFUSED[kind]
    with pytest.raises(InputError, match=said):
        as_array("X", given)
    if kind in TABLES:
        return
    with pytest.raises(InputError, match=said):
        GaussianMixture(1).fit(given)


@pytest.mark.parametrize("kind", TABLES)
def test_frames_of_more_than_numbers_are_tables(kind):
    """The estimators that learn from rows take what is no array."""
    given, _ = REFUSED[kind]
    if kind == "polars lists":
        with pytest.raises(InputError, match=r"nothing is left to learn from \(1 nested\)"):
            PCA(1).fit(given)
        return
    model = PCA(1).fit(given)
    assert list(model.feature_names_in_) == list(given.columns)
    assert np.isfinite(model.energy(given)).all()


def test_none_is_missing_where_there_is_no_pandas(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    np.testing.assert_array_equal(as_array("X", objects), WITH_NAN)


def test_a_mask_stays_where_it_is():
    before = spoiled.copy()
    as_array("X", spoiled)
    np.testing.assert_array_equal(spoiled.mask, before.mask)
    np.testing.assert_array_equal(spoiled.data, before.data)


@pytest.mark.parametrize("model", [KMeans(2, random_state=0), GaussianMixture(1), PCA(1)])
def test_masked_rows_have_hidden_entries(model):
    expected = model.fit(WITH_NAN).energy(WITH_NAN)
    np.testing.assert_array_equal(model.fit(spoiled).energy(spoiled), expected)
    np.testing.assert_array_equal(model.complete(spoiled), model.complete(WITH_NAN))
    nullable = pd.DataFrame(WITH_NAN).convert_dtypes(dtype_backend="pyarrow").to_numpy()
    np.testing.assert_array_equal(model.energy(nullable), expected)


def test_masked_weights_and_starts_are_refused():
    weight = np.ma.masked_array(np.ones(12), np.arange(12) == 3)
    with pytest.raises(InputError, match="sample_weight: number 3 is NaN, masked or missing"):
        KMeans(2).fit(X, sample_weight=weight)
    with pytest.raises(InputError, match="init has an entry that is not finite"):
        KMeans(2, init=spoiled[:2]).fit(X)
    with pytest.raises(InputError, match=r"start: .*expected numbers"):
        finite_array("start", ["a", "b"], (2,))


def test_masked_targets_are_hidden():
    model = LatentRegressor(n_steps=2, n_init=1, random_state=0)
    y = np.ma.masked_array(X[:, 1:].copy(), WHOLE[:, 1:] % 5 == 0)
    expected = model.fit(X[:, :1], y.filled(np.nan)).energy(X[:, :1], y.filled(np.nan))
    y.data[y.mask] = 1e4
    np.testing.assert_array_equal(model.fit(X[:, :1], y).energy(X[:, :1], y), expected)
    np.testing.assert_array_equal(
        model.complete(X[:, :1], y), model.complete(X[:, :1], y.filled(np.nan))
    )


def test_masked_pixels_are_hidden_and_masked_frames_refused():
    eye = np.broadcast_to(np.eye(4, dtype=bool), (2, 4, 4))
    pixels = np.ma.masked_array(np.full((2, 4, 4), 7, np.uint8), eye)
    rows = as_images(pixels).take(np.arange(2))
    np.testing.assert_array_equal(np.isnan(rows), pixels.mask.reshape(2, -1))
    for dtype in (">u2", np.float16, bool, np.int64):
        rows = as_images(pixels.data.astype(dtype)).take(np.arange(2))
        assert (rows == (1 if dtype is bool else 7)).all()
    with pytest.raises(InputError, match=r"clip 0, frame 0, pixel \(0, 0\) of channel 0 is NaN"):
        Windows(pixels[None], 1).summary("clips")
