"""Dates and times of many formats: found, read as Python reads them, written as they were."""

import datetime

import numpy as np
import polars as pl
import pytest

from thalweg.data.columns import BadCells, dates
from thalweg.data.columns.evidence import Evidence
from thalweg.data.columns.moment import CYCLES

DAYS = [datetime.datetime(2019, 1, 3, 14, 5, 9) + 13.17 * i * datetime.timedelta(1)
        for i in range(60)]  # fmt: skip
DAYS = [day.replace(microsecond=0) for day in DAYS]

FORMATS = [
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y",
    "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d%b%Y", "%Y.%m.%d", "%d.%m.%y", "%m/%d/%y", "%Y%m%d",
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y, %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S.250", "%Y-%m-%d %H:%M:%S,250", "%H:%M", "%H:%M:%S", "%I:%M %p",
]  # fmt: skip


def column_of(cells):
    evidence = Evidence("when")
    evidence.add(pl.Series("when", cells))
    return evidence.kind()


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_found_and_read_as_python_reads_it(form):
    cells = [day.strftime(form) for day in DAYS]
    column = column_of([*cells, None])
    assert column.kind == "date or time"
    found = column.moments_of(pl.Series(cells))
    plain = form.replace("Z", "").replace("+00:00", "").replace(" UTC", "")
    plain = plain.replace(".250", ".%f").replace(",250", ",%f")
    texts = [day.strftime(plain.replace("%f", "250000")) for day in DAYS]
    expected = [datetime.datetime.strptime(text, plain) for text in texts]
    if found.dtype == pl.Time:
        assert found.to_list() == [each.time() for each in expected]
    else:
        assert found.cast(pl.Datetime("us")).to_list() == expected


@pytest.mark.parametrize("form", [form for form in FORMATS if "250" not in form])
def test_moments_come_back_as_they_were_written(form):
    cells = [day.strftime(form) for day in DAYS]
    column = column_of(cells)
    bad = BadCells()
    values = column.decode(column.encode(pl.Series("when", cells), bad))
    assert bad.count == 0
    written = column.written(values).to_list()
    # Z is one way to write UTC
    assert [text.replace("+00:00", "Z") for text in written] == [
        cell.replace("+00:00", "Z") for cell in cells
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["1.5", "2.5", "3.5"],
        ["10.0.0.1", "10.0.0.2", "192.168.1.1"],
        ["0170-12-34", "0170-55-99"],
        ["v1-2-3", "v1-2-4"],
        ["3/4", "1/2"],
        ["A 1", "B 2"],
        ["12/25/0001", "01/02/0003"],
    ],
)
def test_what_is_no_date(cells):
    assert dates.format_of(pl.Series(cells)) is None


def test_days_and_months_are_told_apart_by_what_shows_it():
    both = pl.Series(["03/04/2021", "05/06/2021"])
    assert dates.format_of(both) == "%m/%d/%Y"
    assert dates.format_of(both, day_first=True) == "%d/%m/%Y"
    told = pl.Series(["03/04/2021", "25/06/2021"])
    assert dates.format_of(told) == "%d/%m/%Y"
    assert dates.format_of(pl.Series(["03/25/2021"]), day_first=True) == "%m/%d/%Y"


def test_zones_are_read_to_one_clock():
    cells = pl.Series(["2021-03-01T10:00:00+02:00", "2021-03-01T10:00:00-05:30"] * 2)
    found = column_of(cells).moments_of(cells).to_list()
    assert found[0] == datetime.datetime(2021, 3, 1, 8)
    assert found[1] == datetime.datetime(2021, 3, 1, 15, 30)


def test_a_date_is_days_and_places_in_its_cycles():
    first = datetime.date(2020, 1, 6)
    cells = pl.Series("when", [first + datetime.timedelta(i) for i in range(800)])
    column = column_of(cells)
    assert column.cycles == ("day of week", "time of year")
    assert column.turns == (False, True, True, True, True)
    rows = column.encode(cells, BadCells())
    np.testing.assert_array_equal(rows[:, 0], 18267 + np.arange(800))
    # a Monday is where the week begins, and comes back after seven days
    np.testing.assert_allclose(rows[::7, 1:3], [[0.0, 1.0]] * 115, atol=1e-9)
    angle = 2 * np.pi * np.arange(800) / 7
    np.testing.assert_allclose(rows[:, 1], np.sin(angle), atol=1e-9)
    np.testing.assert_allclose(np.hypot(rows[:, 3], rows[:, 4]), 1)
    year = np.rad2deg(np.unwrap(np.arctan2(rows[:, 3], rows[:, 4])))
    np.testing.assert_allclose(np.diff(year), 360 / CYCLES["time of year"])


@pytest.mark.parametrize(
    ("cells", "cycles"),
    [
        ([datetime.date(2021, 3, i) for i in range(1, 9)], ()),
        ([datetime.date(2021, 3, i) for i in range(1, 29)], ("day of week",)),
        ([datetime.datetime(2021, 3, 1, hour) for hour in range(24)], ("time of day",)),
        ([datetime.datetime(2021, m, 1) for m in range(1, 13)], ("day of week",)),
        ([datetime.time(hour) for hour in range(24)], ("time of day",)),
    ],
)
def test_cycles_are_those_that_the_column_goes_through(cells, cycles):
    assert column_of(cells).cycles == cycles


def test_times_of_day_are_a_circle():
    cells = pl.Series("when", [datetime.time(23, 59, 59), datetime.time(0, 0, 1)])
    column = column_of(cells)
    rows = column.encode(cells, BadCells())
    assert np.linalg.norm(rows[0] - rows[1]) < 1e-3
    assert column.decode(rows).to_list() == cells.to_list()


def test_a_cell_that_is_no_date_is_bad():
    column = column_of([day.strftime("%d.%m.%Y") for day in DAYS])
    bad = BadCells()
    rows = column.encode(pl.Series("when", ["31.12.2021", "31.02.2021", "soon", ""]), bad)
    assert np.isnan(rows[:, 0]).tolist() == [False, True, True, True]
    assert [cell.row for cell in bad.first] == [1, 2]
    assert "expected a date or a time" in str(bad.first[0])


def test_days_that_are_numbers_of_a_type_are_read_and_written():
    cells = pl.Series("when", [20210131, 20210228, 20211231, 20220101])
    column = column_of(cells)
    assert (column.kind, column.form) == ("date or time", "%Y%m%d")
    rows = column.encode(cells, BadCells())
    assert column.decode(rows)[0] == datetime.date(2021, 1, 31)
    assert column.written(column.decode(rows)).to_list() == [str(each) for each in cells]
