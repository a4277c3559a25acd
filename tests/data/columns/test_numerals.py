"""Numbers as they are written, held to Python's own reading of them."""

import numpy as np
import polars as pl
import pytest

from thalweg.core import InputError
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
    if prefix + thousands + suffix and thousands not in ("\u00a0", "\u202f"):
        gains = pl.Series(VALUES > 0)
        assert written.filter(gains).to_list() == text.filter(gains).to_list()
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


def test_amounts_are_written_with_the_digits_and_spaces_of_the_column():
    text = pl.Series(["€ 1,098.50", "€ 12.00", "€ -3.25", "n/a"])
    style = style_of(text)
    made = style.write(pl.Series([1234.5678, 0.001, -0.001, -12.345, None, 1e6]))
    assert made.to_list() == [
        "€ 1,234.57", "€ 0.00", "€ 0.00", "-€ 12.35", None, "€ 1,000,000.00",
    ]  # fmt: skip
    assert style.parse(made).to_list() == [1234.57, 0, 0, -12.35, None, 1e6]
    shares = style_of(pl.Series(["12 %", "30 %", "7 %"]))
    assert shares.write(pl.Series([12.7, -0.2])).to_list() == ["13 %", "0 %"]


def test_styles_of_models_before_amounts_are_read():
    assert NumberStyle.from_json([",", ".", "", "€"]) == NumberStyle(",", ".", "", "€")
    style = style_of(pl.Series(["$1.50", "$2.25"]))
    assert NumberStyle.from_json(list(style)) == style
    for wrong in ([",", "."], [",", ".", "", "", -1], [",", ".", "", "", True], [1, "", "", "", 2]):
        with pytest.raises(InputError, match="style"):
            NumberStyle.from_json(wrong)


def test_a_style_that_is_saved_is_read_however_many_digits_there_are():
    style = style_of(pl.Series([f"{i / 7:.25f}%" for i in range(1, 9)]))
    assert NumberStyle.from_json(list(style)) == style
    # and those of before keep their signs
    assert NumberStyle(".", ",", "$", "").write(pl.Series([1234.5])).to_list() == ["$1234.5"]
