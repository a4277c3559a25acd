"""Small export files as spreadsheets, databases and programs write them, built in code.

Each has what a careful person reads in it: names, cells, and the kind of each column.
"""

# each module adds its own
import exports_of_sheets  # noqa: F401, I001
import exports_of_databases  # noqa: F401
import exports_of_languages  # noqa: F401
import exports_of_machines  # noqa: F401
from export_files import EXPORTS, ROWS, Export

__all__ = ["EXPORTS", "ROWS", "Export"]
