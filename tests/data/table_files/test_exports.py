"""Files as people export them are read as a careful person would."""

import exports
import polars as pl
import pytest
from exports import EXPORTS

from thalweg.data.table_files import open_table

KINDS = {
    "number", "category", "truth value", "date", "identifier", "text", "constant", "empty",
}  # fmt: skip


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_an_export_is_read_cell_by_cell(export, tmp_path):
    path = tmp_path / f"export{export.ending}"
    path.write_bytes(export.content)
    table = open_table(path)
    assert table.names == export.names
    whole = table.read()
    assert whole.schema == dict.fromkeys(export.names, pl.String)
    assert whole.rows() == export.rows
    assert pl.concat(table.batches(10)).equals(whole)


def test_there_are_as_many_exports_as_said():
    assert len(EXPORTS) >= 50
    assert len({export.name for export in EXPORTS}) == len(EXPORTS)
    for export in EXPORTS:
        assert len(export.kinds) == len(export.names)
        assert set(export.kinds) <= KINDS
        assert len(export.rows) == exports.ROWS
