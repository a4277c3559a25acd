"""Numbers as they are written, held to Python's own reading of them."""

import numpy as np
import polars as pl
import pytest

from thalweg.data.columns.numerals import PLAIN, NumberStyle, style_of

VALUES = np.random.default_rng(0).normal(scale=1e5, size=200).round(2)


def marked(value, decimal, thousands):
    text = f"{value:,.2f}"
    return text.replace(",", "_").replace(".", decimal).replace("_", thousands)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("thousands", ["", ",", ".", " ", "'", "\u00a0", "\u202f", "’"])
@pytest.mark.parametrize(("prefix", "suffix"), [("", ""), ("$", ""), ("", " €"), ("", "%")])
def test_a_style_is_found_and_reads_what_was_written(decimal, thousands, prefix, suffix):
    if decimal == thousands or (decimal == "," and thousands in ("'", "’")):
        return
    text = pl.Series([prefix + marked(value, decimal, thousands) + suffix for value in VALUES])
    style = style_of(text)
    np.testing.assert_array_equal(style.parse(text).to_numpy(), VALUES)
    # what it writes it reads again
    written = style.write(pl.Series(VALUES))
    np.testing.assert_array_equal(style.parse(written).to_numpy(), VALUES)
    assert style.decimal == decimal
    assert (style == PLAIN) == (decimal == "." and not thousands + prefix + suffix)


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (PLAIN, "1,5"),
        (PLAIN, "0x10"),
        (PLAIN, "1e999"),
        (PLAIN, "inf"),
        (PLAIN, "1 2"),
        (NumberStyle(",", "."), "1.23,4"),
        (NumberStyle(",", "."), "12.34.567"),
        (NumberStyle(".", ","), "1,23"),
        (NumberStyle(".", ","), "0,123"),
        (NumberStyle(".", ","), ",123"),
        (NumberStyle(",", ""), "1.5"),
        (NumberStyle(".", "", "$"), "$"),
        (NumberStyle(".", "", "", "%"), "%"),
        (NumberStyle(".", "", "", "%"), "5 percent"),
    ],
)
def test_what_is_no_number_of_a_style_is_none(style, text):
    assert style.parse(pl.Series([text])).to_list() == [None]


def test_a_missing_cell_stays_missing():
    for style in (PLAIN, NumberStyle(",", ".", "", "€")):
        assert style.parse(pl.Series(["1", None])).to_list() == [1, None]
