"""Units of columns: medians and quartiles, means and deviations, words, circles."""

import json

import numpy as np
import polars as pl
import pytest

from thalweg.core import InputError
from thalweg.data import Rows
from thalweg.data.columns import Table
from thalweg.data.columns.scaling import LEAST_SPREAD, Scaling, scaling_of

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(5, 2, size=(400, 3)) * [1, 1e6, 1e-9]


def of_array(values, how):
    rows = Rows(values)
    return scaling_of(rows, rows.summary(), None, how)


def of_table(frame, how, words=True):
    table = Table(frame)
    schema = table.schema()
    rows = Rows(table.encoded(schema)[0])
    scaling = scaling_of(rows, rows.summary(), schema, how, words=words)
    return schema, rows.values, scaling


def test_robust_units_are_quartiles_and_standard_ones_moments():
    values = NUMBERS.copy()
    values[::7, 1] = np.nan
    robust = of_array(values, "robust")
    low, middle, high = np.nanquantile(values, (0.25, 0.5, 0.75), axis=0)
    np.testing.assert_allclose(robust.shift, middle)
    np.testing.assert_allclose(robust.scale, (high - low) / 1.3489795003921634)
    standard = of_array(values, "standard")
    np.testing.assert_allclose(standard.shift, np.nanmean(values, axis=0))
    np.testing.assert_allclose(standard.scale, np.nanstd(values, axis=0))


def test_quartiles_say_what_a_normal_column_deviates_by():
    many = RANDOM.normal(3, 2, size=(20_000, 1))
    assert of_array(many, "robust").scale[0] == pytest.approx(2, rel=0.05)
    # and one wild value does not matter
    wild = many.copy()
    wild[0] = 1e9
    assert of_array(wild, "robust").scale[0] == pytest.approx(2, rel=0.05)


def test_a_column_that_is_mostly_one_value_is_scaled_by_its_moments():
    values = np.zeros((100, 1))
    values[:5] = 7
    scaling = of_array(values, "robust")
    assert scaling.scale[0] == pytest.approx(values.std())
    assert of_array(np.full((9, 1), 3.0), "robust").scale[0] == 1


def test_variances_of_a_word_sum_to_1():
    frame = pl.DataFrame({"kind": RANDOM.choice(list("abcde"), 300), "x": NUMBERS[:300, 0]})
    schema, rows, scaling = of_table(frame, "robust")
    start, stop = schema.layout.words[0]
    inside = scaling.into(rows)
    assert inside[:, start:stop].var(axis=0).sum() == pytest.approx(1)
    np.testing.assert_allclose(inside[:, start:stop].mean(axis=0), 0, atol=1e-12)
    # no word is nearer to another than its indicators are, but for the one divisor of all
    assert len(set(scaling.scale[start:stop])) == 1


def test_a_word_that_is_nearly_always_the_same_does_not_blow_up():
    frame = pl.DataFrame({"kind": ["a"] * 999 + ["b"], "x": range(1000)})
    schema, _, scaling = of_table(frame, "robust")
    start, stop = schema.layout.words[0]
    np.testing.assert_allclose(scaling.scale[start:stop], np.sqrt(LEAST_SPREAD))


def test_words_stay_0_and_1_where_that_is_asked_and_none_leaves_numbers():
    frame = pl.DataFrame({"kind": ["a", "b"] * 50, "x": NUMBERS[:100, 1]})
    schema, rows, scaling = of_table(frame, "standard", words=False)
    start, stop = schema.layout.words[0]
    np.testing.assert_array_equal(scaling.into(rows)[:, start:stop], rows[:, start:stop])
    _, _, none = of_table(frame, "none")
    assert none.shift[stop] == 0
    assert none.scale[stop] == 1


def test_circles_keep_their_shape_and_a_date_counts_as_one_column():
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2022, 1, 1), eager=True)
    schema, rows, scaling = of_table(
        pl.DataFrame({"when": days, "x": range(len(days))}), "standard"
    )
    assert schema.shares.tolist() == [3] * 5 + [1]
    np.testing.assert_array_equal(scaling.shift[1:5], 0)
    np.testing.assert_allclose(scaling.scale[1:5], np.sqrt(3))
    inside = scaling.into(rows)
    # each circle has a variance of 1 in all, and so has the line: together 1 after sharing
    assert inside[:, :5].var(axis=0).sum() == pytest.approx(1, rel=0.01)
    assert inside[:, 5].var() == pytest.approx(1)


def test_units_put_on_and_off_are_the_rows_and_are_saved_exactly():
    scaling = of_array(NUMBERS, "robust")
    np.testing.assert_allclose(scaling.out(scaling.into(NUMBERS)), NUMBERS, rtol=1e-12)
    again = Scaling.from_json(json.loads(json.dumps(scaling.to_json())), 3)
    np.testing.assert_array_equal(again.shift, scaling.shift)
    np.testing.assert_array_equal(again.scale, scaling.scale)
    assert scaling.into(NUMBERS.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"shift": [0.0]},
        {"shift": [0.0], "scale": [0.0]},
        {"shift": [0.0], "scale": [-1.0]},
        {"shift": [0.0], "scale": [1.0, 1.0]},
        {"shift": ["0"], "scale": [1.0]},
        {"shift": [float("nan")], "scale": [1.0]},
        {"shift": [0.0], "scale": [float("inf")]},
    ],
)
def test_damaged_units_are_refused_in_words(value):
    with pytest.raises(InputError, match="units"):
        Scaling.from_json(value, 1)
