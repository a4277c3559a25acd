"""Rows that are gathered batch by batch are the rows, in memory or on disk."""

import numpy as np
import pytest

from thalweg.data.columns import spooling
from thalweg.data.columns.spooling import RowSpool


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("limit", [0, 500, 10**9])
def test_rows_are_those_that_came_in_their_order(kind, limit, monkeypatch):
    monkeypatch.setattr(spooling, "IN_MEMORY", limit)
    rows = np.random.default_rng(0).normal(size=(101, 3)).astype(kind)
    rows[7, 1] = np.nan
    spool = RowSpool(3)
    for start in range(0, 101, 10):
        spool.append(rows[start : start + 10])
    found = spool.rows()
    np.testing.assert_array_equal(found, rows)
    assert found.dtype == kind
    assert isinstance(found, np.memmap) == (limit < rows.nbytes)


def test_without_rows_there_are_none():
    assert RowSpool(4).rows().shape == (0, 4)


def test_one_batch_is_not_copied():
    rows = np.ones((5, 2))
    spool = RowSpool(2)
    spool.append(rows)
    assert spool.rows() is rows
