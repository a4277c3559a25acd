"""Columns of files as people export them are of the kinds that a careful person sees in them."""

import numpy as np
import pytest
from exports import EXPORTS

import thalweg
from thalweg.core import InputError
from thalweg.data.columns import BadCells, Schema
from thalweg.data.columns.missing import cells_of

NAMES = {"date": "date or time", "text": "free text"}


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_kinds_of_columns_and_their_cells_come_back(export, tmp_path):
    path = tmp_path / f"export{export.ending}"
    path.write_bytes(export.content)
    table = thalweg.read_table(path)
    if not any(kind in ("number", "category", "truth value", "date") for kind in export.kinds):
        with pytest.raises(InputError, match="nothing is left to learn from"):
            table.schema()
        return
    schema = table.schema()
    found = [column.kind for column in schema.columns]
    assert found == [NAMES.get(kind, kind) for kind in export.kinds]
    pieces = [table.frame.slice(start, 10) for start in range(0, table.frame.height, 10)]
    assert Schema.of(pieces, "X", table.decimal).to_json() == schema.to_json()
    bad = BadCells()
    rows = schema.encode(table.frame, bad)
    assert bad.sentences() == []
    decoded = schema.decode(rows)
    for column in schema.columns:
        cells = cells_of(table.frame[column.name])
        if column.kind in ("category", "truth value", "constant"):
            again = column.written(decoded[column.name])
            assert again.filter(cells.is_not_null()).to_list() == cells.drop_nulls().to_list()
        elif column.width:
            visible = cells.is_not_null().to_numpy()
            again = column.encode(column.written(decoded[column.name]), bad)
            place = rows[:, schema.places(column.name)]
            # moments are given back in whole seconds
            np.testing.assert_allclose(again[visible], place[visible], atol=1e-4, rtol=1e-12)
