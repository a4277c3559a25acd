"""What R, pandas and polars write."""

import csv
import gzip

from export_files import (
    CITIES,
    COUNTED,
    INDEX,
    ROWS,
    add,
    days,
    floats,
    gaps,
    of,
    pick,
    random,
    sales,
    same,
    text_of,
    whole,
)


def from_r(name, columns, separator=",", decimal=".", rows=COUNTED, ending=".csv", empty=True):
    """write.csv, write.csv2 and write.table: words in quotes, names of rows first."""

    def cell(text, kind):
        text = text.replace(".", decimal) if kind == "number" else text
        return text if kind in ("number", "truth value") or text == "NA" else f'"{text}"'

    header = ['""'] if empty else []
    header += [f'"{each}"' for each, *_ in columns]
    lines = [separator.join(header)]
    for i, row in enumerate(zip(*(cells for _, cells, _ in columns), strict=True)):
        cells = [cell(text, kind) for text, (*_, kind) in zip(row, columns, strict=True)]
        lines.append(separator.join([f'"{rows[i]}"', *cells]))
    read = [
        (each, [c.replace(".", decimal) for c in cells] if kind == "number" else cells, kind)
        for each, cells, kind in columns
    ]
    first = ("column 1" if empty else "row name", rows, "identifier")
    add(name, "\n".join(lines) + "\n", [first, *read], ending)


def iris():
    return [
        ("Sepal.Length", floats(1, 2.0), "number"),
        ("Species", gaps(pick(["setosa", "virginica"]), "NA"), "category"),
        ("large", pick(["TRUE", "FALSE"]), "truth value"),
        ("Petal.Width", gaps(floats(1, 2.0), "NA", 5), "number"),
    ]


from_r("R, write.csv", iris())
from_r("R, write.csv2", iris(), ";", ",")
from_r("R, write.table with commas", iris(), empty=False)
from_r("R, write.table with tabs", iris(), "\t", ending=".txt", empty=False)
from_r("R, write.table with spaces", iris(), " ", ending=".dat", empty=False)
from_r("R, cars by their names", iris(), rows=[f"car {i}" for i in range(ROWS)])
of("R, row.names=FALSE", iris(), quoting=csv.QUOTE_NONNUMERIC)
of("readr, write_tsv", iris(), ".tsv", separator="\t")

# pandas
pandas_columns = [
    ("age", gaps([f"{int(v)}.0" for v in whole(18, 90)]), "number"),
    ("member", pick(["True", "False"]), "truth value"),
    ("joined", [f"{d} 00:00:00" for d in days()], "date"),
    ("city", pick(CITIES), "category"),
]
add(
    "pandas, to_csv with its index",
    text_of(["", *(n for n, *_ in pandas_columns)], [INDEX, *(c for _, c, _ in pandas_columns)]),
    [("column 1", INDEX, "identifier"), *pandas_columns],
)
of("pandas, index read and written again", [("Unnamed: 0", INDEX, "identifier"), *pandas_columns])
of(
    "pandas, na_rep",
    [
        ("x", gaps(floats(), "NaN"), "number"),
        ("y", [f"{v:e}" for v in random.normal(size=ROWS)], "number"),
        ("label", gaps(pick(["a", "b"]), "NaN"), "category"),
    ],
)
of(
    "pandas, ISO timestamps",
    [
        ("time", [f"{d}T10:00:0{i % 10}+00:00" for i, d in enumerate(days())], "date"),
        ("value", floats(6, 0.1), "number"),
    ],
)
zipped = sales(same)
add(
    "pandas, compressed",
    gzip.compress(text_of([n for n, *_ in zipped], [c for _, c, _ in zipped]).encode()),
    zipped,
    ".csv.gz",
)
of("polars", [("x", floats(8, 1.0), "number"), ("ok", pick(["true", "false"]), "truth value")])
