"""Which kind of file has a table."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from thalweg.core import InputError
from thalweg.data.table_files.base import TableFile
from thalweg.data.table_files.csv_file import CsvFile
from thalweg.data.table_files.parquet_file import ParquetFile
from thalweg.data.table_files.said import FormSaid
from thalweg.data.table_files.streams import STANDARD_INPUT

CSV_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat")

COMPRESSED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")

PARQUET_ENDINGS = (".parquet", ".pq")

OTHERS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)",
    b"ARROW1": "an Arrow file",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"$FL2": "an SPSS file",
    b"<stata_dta>": "a Stata file",
    b"\x93NUMPY": "a .npy file",
}
"""What may be taken for a table of text, by how it begins"""

BOOKS = {
    "xl/workbook.xml": "an Excel workbook (.xlsx)",
    "xl/workbook.bin": "an Excel workbook (.xlsb)",
    "content.xml": "an OpenDocument file (.ods)",
}
"""What may be taken for a compressed table, by what is in it"""


def open_table(path: str | os.PathLike[str], said: FormSaid | None = None) -> TableFile:
    """The table of a file, by what it begins with and by the ending of its name.

    Parameters
    ----------
    path : path
        Of a CSV file (.csv, .tsv, .txt, .tab, .dat, compressed or not), of a Parquet file, or
        ``"-"`` for CSV from standard input.
    said : FormSaid, optional
        What a person says of the form of a CSV file; the rest is found.

    Raises
    ------
    InputError
        If there is no such file, or it is empty, of another kind or damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "prices.csv")
    ...     _ = path.write_text("price;colour\\n1,50;red\\n20,25;\\n")
    ...     table = open_table(path)
    ...     print(table.names, table.read().rows())
    ['price', 'colour'] [('1,50', 'red'), ('20,25', None)]
    """
    source = Path(path)
    if str(source) == STANDARD_INPUT:
        return CsvFile(source, said)
    start = _start(source)
    if start is None:
        return CsvFile(source, said)
    ending = _ending(source)
    if start.startswith(b"PAR1") or ending in PARQUET_ENDINGS:
        return ParquetFile(source)
    other = _other(source, start)
    if other is not None:
        raise InputError(f"{path} is {other}; expected a table exported as CSV (or Parquet)")
    if ending not in CSV_ENDINGS:
        raise InputError(
            f"{path} ends in {source.suffix.lower()!r}; expected .csv, .tsv, .txt, .tab, .dat "
            "(compressed or not) or .parquet"
        )
    return CsvFile(source, said)


def _start(path: Path) -> bytes | None:
    """How a file begins; None of a pipe, which is read once."""
    try:
        found = path.stat()
        if stat.S_ISFIFO(found.st_mode):
            return None
        if stat.S_ISREG(found.st_mode):
            with open(path, "rb") as file:
                start = file.read(16)
            if not start:
                raise InputError(f"{path} is empty; expected a table with at least one row")
            str(path).encode()
            return start
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: its name is not UTF-8, which tables are read by; expected a name that is"
        ) from error
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; expected a CSV or Parquet file") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); expected a CSV or Parquet file"
        ) from error
    kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
    raise InputError(f"{path} is {kind}; expected a CSV or Parquet file")


def _ending(path: Path) -> str:
    """The ending of a name, without that of compression."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSED_ENDINGS:
        # what is in it is looked at
        return Path(path.stem).suffix.lower() or CSV_ENDINGS[0]
    return suffix


def _other(path: Path, start: bytes) -> str | None:
    """What else a file is, of the kinds that are given by mistake."""
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
        return next((kind for name, kind in BOOKS.items() if name in members), None)
    return next((kind for mark, kind in OTHERS.items() if start.startswith(mark)), None)
