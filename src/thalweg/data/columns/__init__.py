"""Kinds of columns: one notion of what a table is, for files and data frames alike."""

from thalweg.data.columns.column import BadCells, Column
from thalweg.data.columns.schema import Schema
from thalweg.data.columns.table import FileTable, Table, read_table
from thalweg.data.table_files.names import listed

__all__ = ["BadCells", "Column", "FileTable", "Schema", "Table", "listed", "read_table"]
