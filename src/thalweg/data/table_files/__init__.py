"""Files of tables: read whole or in batches, cells as they were written, and written back."""

from thalweg.data.table_files.base import TableFile
from thalweg.data.table_files.csv_file import CsvFile
from thalweg.data.table_files.form import CsvForm
from thalweg.data.table_files.opening import open_table
from thalweg.data.table_files.parquet_file import ParquetFile
from thalweg.data.table_files.said import FormSaid
from thalweg.data.table_files.writer import TableWriter

__all__ = [
    "CsvFile",
    "CsvForm",
    "FormSaid",
    "ParquetFile",
    "TableFile",
    "TableWriter",
    "open_table",
]
