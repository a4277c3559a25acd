"""Small export files as spreadsheets, databases and programs write them, built in code.

Each has what a careful person reads in it: names, the first rows as cells, the kind of each column.
"""

import csv
import gzip
import io
from typing import NamedTuple

import numpy as np

ROWS = 36


class Export(NamedTuple):
    name: str
    content: bytes
    names: list[str]
    rows: list[tuple]
    """the first cells of the file, None where there is nothing"""
    kinds: list[str]
    """number, category, truth value, date, identifier, text, constant or empty"""
    ending: str = ".csv"


EXPORTS: list[Export] = []

random = np.random.default_rng(20)
CITIES = ["Berlin", "Paris", "London", "Madrid"]
UMLAUTS = ["Köln", "München", "Düsseldorf", "Nürnberg"]
ACCENTS = ["Orléans", "Besançon", "Nîmes", "Sète"]


def pick(words):
    return [words[i] for i in random.integers(0, len(words), ROWS)]


def floats(digits=2, scale=100.0):
    return [f"{value:.{digits}f}" for value in random.gamma(2.0, scale, ROWS)]


def whole(low, high):
    return [str(value) for value in random.integers(low, high, ROWS)]


def days():
    return [f"{2021 + i % 3}-{1 + (i * 5) % 12:02}-{1 + (i * 7) % 28:02}" for i in range(ROWS)]


def german(values):
    return [value.replace(".", ",") for value in values]


def grouped(values, mark):
    return [f"{float(value) * 100:,.2f}".replace(",", mark) for value in values]


def sentences():
    verbs, things = ["called", "wrote", "came", "asked"], ["invoice", "delivery", "visit", "refund"]
    return [
        f"Customer {verb} twice about the {thing}, see note {i * 37 + 11}"
        for i, (verb, thing) in enumerate(zip(pick(verbs), pick(things), strict=True))
    ]


def gaps(values, marker="", every=7):
    return [marker if i % every == 3 else value for i, value in enumerate(values)]


def ids(prefix, start=100):
    return [f"{prefix}{start + 7 * i}" for i in range(ROWS)]


COUNTED = [str(i + 1) for i in range(ROWS)]


def text_of(header, columns, separator=",", quoting=csv.QUOTE_MINIMAL, end="\n"):
    """What Python's csv writes of some columns."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end)
    if header is not None:
        writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return file.getvalue()


def plain(header, columns, separator=",", end="\n"):
    """Cells between separators, with nothing around them."""
    lines = [*([] if header is None else [header]), *zip(*columns, strict=True)]
    return "".join(separator.join(line) + end for line in lines)


def add(name, content, columns, ending=".csv", encoding="utf-8"):
    """Of columns as (name, cells, kind)."""
    names, cells = [n for n, *_ in columns], [c for _, c, _ in columns]
    rows = [tuple(cell or None for cell in row) for row in zip(*cells, strict=True)]
    content = content if isinstance(content, bytes) else content.encode(encoding)
    EXPORTS.append(Export(name, content, names, rows, [kind for *_, kind in columns], ending))


def of(name, columns, ending=".csv", encoding="utf-8", before="", write=text_of, **how):
    """A file that is written as it is read."""
    text = before + write([each for each, _, _ in columns], [c for _, c, _ in columns], **how)
    add(name, text, columns, ending, encoding)


def sales(decimal=str, cities=CITIES):
    return [
        ("Order", ids("A-"), "identifier"),
        ("City", pick(cities), "category"),
        ("Amount", decimal(floats()), "number"),
        ("Units", whole(1, 40), "number"),
        ("Date", days(), "date"),
    ]


def same(values):
    return values


# spreadsheets
of("excel, english", sales(same), end="\r\n")
of("excel, english, with a byte order mark", sales(same), encoding="utf-8-sig", end="\r\n")
of("excel, german", sales(german, UMLAUTS), encoding="cp1252", separator=";", end="\r\n")
of("excel, german, UTF-8", sales(german, UMLAUTS), encoding="utf-8-sig", separator=";", end="\r\n")
of("excel, french", sales(german, ACCENTS), encoding="cp1252", separator=";", end="\r\n")
of("excel, sep= line", sales(german), before="sep=;\r\n", separator=";", end="\r\n")
of("excel, sep= line of a comma", sales(same), before="sep=,\r\n", end="\r\n")
of("excel, unicode text", sales(german, UMLAUTS), ".txt", "utf-16", separator="\t", end="\r\n")
of("excel, text with tabs", sales(same), ".txt", separator="\t", end="\r\n")
of("excel for mac, old", sales(same), end="\r")
of(
    "excel, errors of formulas",
    [
        ("Item", ids("item "), "identifier"),
        ("Ratio", gaps(gaps(floats(), "#DIV/0!"), "#N/A", 11), "number"),
        ("Lookup", gaps(pick(CITIES), "#N/A"), "category"),
    ],
    end="\r\n",
)
of(
    "excel, thousands in quotes",
    [
        ("Account", ids("DE"), "identifier"),
        ("Balance", grouped(floats(), ","), "number"),
        ("Branch", pick(CITIES), "category"),
    ],
)
of(
    "excel, german thousands",
    [
        ("Konto", ids("K"), "identifier"),
        (
            "Saldo",
            [
                value.replace(",", "_").replace(".", ",").replace("_", ".")
                for value in grouped(floats(), ",")
            ],
            "number",
        ),
        ("Filiale", pick(UMLAUTS), "category"),
    ],
    separator=";",
    encoding="cp1252",
)
of(
    "excel, french thousands",
    [
        ("Compte", ids("C"), "identifier"),
        ("Solde", [v.replace(".", ",") for v in grouped(floats(), "\u00a0")], "number"),
        ("Agence", pick(ACCENTS), "category"),
    ],
    separator=";",
    encoding="cp1252",
)
of(
    "excel, percent signs",
    [
        ("Team", pick(["red", "blue", "green"]), "category"),
        ("Share", [f"{v}%" for v in floats(1, 10)], "number"),
        ("Change", [f"{v} %" for v in floats(1, 10)], "number"),
    ],
)
of(
    "excel, currency",
    [
        ("Invoice", ids("R", 5000), "identifier"),
        ("Total", [f"${v}" for v in grouped(floats(), ",")], "number"),
        ("Paid", pick(["Yes", "No"]), "truth value"),
    ],
)
trailing = sales(german)
add(
    "excel, trailing separators",
    "".join(
        ";".join(line) + ";\r\n"
        for line in [[n for n, *_ in trailing], *zip(*(c for _, c, _ in trailing), strict=True)]
    ),
    [*trailing, ("column 6", [""] * ROWS, "empty")],
)
rows_alone = sales(german)
add(
    "trailing separators of rows alone",
    ";".join(n for n, *_ in rows_alone)
    + "\n"
    + "".join(";".join(line) + ";\n" for line in zip(*(c for _, c, _ in rows_alone), strict=True)),
    [*rows_alone, ("column 6", [""] * ROWS, "empty")],
)
of(
    "excel, truth values in german",
    [
        ("Nr", COUNTED, "identifier"),
        ("aktiv", pick(["WAHR", "FALSCH"]), "truth value"),
        ("Größe", german(floats(2, 1.0)), "number"),
    ],
    separator=";",
    encoding="cp1252",
)
of(
    "excel, dates of days first",
    [
        ("Datum", [f"{d[8:]}.{d[5:7]}.{d[:4]}" for d in days()], "date"),
        ("Wert", german(floats()), "number"),
    ],
    separator=";",
)
of(
    "excel, dates of months first",
    [
        ("Date", [f"{int(d[5:7])}/{int(d[8:])}/{d[:4]}" for d in days()], "date"),
        ("Value", floats(), "number"),
    ],
)
of(
    "excel, postal codes with zeros",
    [
        ("zip", [f"{n:05}" for n in random.integers(1000, 1006, ROWS)], "category"),
        ("income", whole(20_000, 90_000), "number"),
    ],
)
of(
    "libreoffice, semicolons and quotes",
    sales(german),
    separator=";",
    quoting=csv.QUOTE_ALL,
)
of(
    "libreoffice, notes of several lines",
    [
        ("id", COUNTED, "identifier"),
        ("note", [f"{s}\nsecond line; {i}" for i, s in enumerate(sentences())], "text"),
        ("score", floats(1), "number"),
    ],
    separator=";",
)
of(
    "google sheets",
    [
        ("Timestamp", [f"{int(d[5:7])}/{int(d[8:])}/{d[:4]} 9:0{i % 10}:12"
                       for i, d in enumerate(days())], "date"),
        ("How often?", pick(["Daily", "Weekly", "Never"]), "category"),
        ("Rate us (1-5)", whole(1, 6), "number"),
        ("Comments, if any", gaps(sentences()), "text"),
    ],
    end="\r\n",
)  # fmt: skip
of(
    "google sheets, check boxes",
    [
        ("Task", [f"Task number {i}" for i in range(ROWS)], "identifier"),
        ("Done", pick(["TRUE", "FALSE"]), "truth value"),
        ("Hours", floats(1, 2.0), "number"),
    ],
    end="\r\n",
)

# databases
of(
    "psql, COPY to text",
    [
        ("id", COUNTED, "identifier"),
        ("name", gaps(pick(CITIES), "\\N"), "category"),
        ("price", gaps(floats(), "\\N", 5), "number"),
        ("created_at", [f"{d} 12:00:0{i % 10}.123+00" for i, d in enumerate(days())], "date"),
        ("active", pick(["t", "f"]), "truth value"),
    ],
    ".txt",
    write=plain,
    separator="\t",
)
of(
    "psql, COPY to CSV",
    [
        ("id", COUNTED, "identifier"),
        ("name", gaps(pick(CITIES)), "category"),
        ("price", gaps(floats(), "", 5), "number"),
    ],
)
of(
    "mysql -B",
    [
        ("id", COUNTED, "identifier"),
        ("size", pick(['3" pipe', '5" pipe', "none"]), "category"),
        ("qty", gaps(whole(0, 90), "NULL"), "number"),
        ("at", [f"{d} 10:11:12" for d in days()], "date"),
    ],
    ".tsv",
    write=plain,
    separator="\t",
)
quoted = [
    ("id", COUNTED, "identifier"),
    ("said", [f'He said "{s}"' for s in sentences()], "text"),
    ("n", whole(0, 9), "number"),
]
add(
    "mysql, INTO OUTFILE with backslashes",
    "id,said,n\n"
    + "".join(
        '{},"{}",{}\n'.format(a, b.replace('"', '\\"'), c)
        for a, b, c in zip(*(cells for _, cells, _ in quoted), strict=True)
    ),
    quoted,
)
of(
    "sqlite, .mode csv",
    [
        ("rowid", COUNTED, "identifier"),
        ("species", pick(["setosa", "virginica"]), "category"),
        ("length", floats(1, 1.0), "number"),
    ],
    end="\r\n",
)
of("sqlite, .mode list", sales(same), ".txt", write=plain, separator="|")
of("oracle, everything quoted", sales(same), quoting=csv.QUOTE_ALL, end="\r\n")
of(
    "sql server, NULL",
    [
        ("CustomerID", ids("", 11_000), "identifier"),
        ("Region", gaps(pick(["EMEA", "APAC"]), "NULL"), "category"),
        ("Revenue", gaps(floats(4), "NULL", 5), "number"),
        ("Deleted", ["0"] * ROWS, "constant"),
    ],
    ending=".csv",
    encoding="utf-8-sig",
    end="\r\n",
)
of(
    "bigquery",
    [
        ("event_date", [d.replace("-", "") for d in days()], "date"),
        ("platform", pick(["ANDROID", "IOS", "WEB"]), "category"),
        ("is_mobile", pick(["true", "false"]), "truth value"),
        ("ts", [f"{d} 08:00:0{i % 10}.000000 UTC" for i, d in enumerate(days())], "date"),
    ],
)
of(
    "mongoexport",
    [
        ("_id", [f"ObjectId(5f{i * 7919:022x})" for i in range(ROWS)], "identifier"),
        ("tags", pick(['["a","b"]', '["a"]', "[]"]), "category"),
        ("age", whole(18, 80), "number"),
    ],
)  # fmt: skip


# R
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
INDEX = [str(i) for i in range(ROWS)]
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

# statistics and surveys
of(
    "SAS, dots for what is missing",
    [
        ("SUBJID", [f"{i:04}" for i in range(1, ROWS + 1)], "identifier"),
        ("WEIGHT", gaps(floats(1), "."), "number"),
        ("VISITDT", [f"{d[8:]}JAN{d[:4]}" for d in days()], "date"),
        ("SEX", pick(["M", "F"]), "category"),
    ],
)
of(
    "Stata, outsheet",
    [
        ("make", [f"make {i}" for i in range(ROWS)], "identifier"),
        ("price", whole(3000, 9000), "number"),
        ("rep78", gaps(whole(1, 6), "."), "number"),
        ("foreign", pick(["Domestic", "Foreign"]), "category"),
    ],
    ".txt",
    separator="\t",
)
of(
    "SPSS, german",
    [
        ("lfdn", COUNTED, "identifier"),
        ("v1", gaps(whole(1, 6), "#NULL!"), "number"),
        ("gewicht", german(floats(3, 1.0)), "number"),
        ("geschlecht", pick(["männlich", "weiblich"]), "category"),
    ],
    separator=";",
    encoding="utf-8-sig",
    end="\r\n",
)
of(
    "survey, questions for names",
    [
        ("Response ID", [f"R_{i * 7919 + 13:x}" for i in range(ROWS)], "identifier"),
        ("Q1: How do you feel, all in all?", pick(["Good", "Fair", "Poor"]), "category"),
        ('Q2: What does "often" mean?\n(in days)', whole(1, 30), "number"),
        ("Finished", ["True"] * ROWS, "constant"),
        ("Q3", [""] * ROWS, "empty"),
    ],
    encoding="utf-8-sig",
)
survey = [
    ("id", COUNTED, "identifier"),
    ("Other", pick("abc"), "category"),
    ("Other (2)", floats(), "number"),
    ("column 4", pick("xy"), "category"),
    ("Other (3)", whole(0, 99), "number"),
]
add(
    "survey, names twice and none",
    plain(["id", "Other", "Other", "", "Other "], [cells for _, cells, _ in survey]),
    survey,
)

# machines
of(
    "log with bars",
    [
        ("time", [f"{d} 10:00:00,123" for d in days()], "date"),
        ("level", pick(["INFO", "WARN", "ERROR"]), "category"),
        ("ms", whole(1, 900), "number"),
        ("message", sentences(), "text"),
    ],
    ".txt",
    write=plain,
    separator="|",
)
spaced = [("time", INDEX, "identifier"), ("x", floats(), "number"), ("y", floats(), "number")]
add(
    "sensor, spaces after commas",
    plain([n for n, *_ in spaced], [c for _, c, _ in spaced], ", "),
    [spaced[0], *((n, [f" {v}" for v in c], kind) for n, c, kind in spaced[1:])],
)
of(
    "sensor, degrees in latin-1",
    [
        ("t (s)", [f"{i * 0.5:.1f}" for i in range(ROWS)], "number"),
        ("temp (°C)", floats(2, 10.0), "number"),
        ("flow (µl/s)", floats(3, 1.0), "number"),
    ],
    encoding="latin-1",
)
of("one column of numbers", [("x", floats(), "number")])
of("one column of decimal commas", [("x", german(floats()), "number")])
of("one column of sentences", [("review", sentences(), "text")], write=plain)
of("one column of words", [("city", pick(CITIES), "category")])
of("nothing but gaps in a column", [("a", [""] * ROWS, "empty"), ("b", floats(), "number")])
of(
    "addresses of pages",
    [
        ("url", [f"https://a.example/p?id={i}&q=a,b;c|d" for i in range(ROWS)], "identifier"),
        ("clicks", whole(0, 500), "number"),
        ("agent", pick(["Mozilla/5.0 (X11; Linux)", "curl/8.1"]), "category"),
    ],
)
of(
    "cells of JSON",
    [
        ("id", COUNTED, "identifier"),
        ("payload", [f'{{"a": {i}, "b": [1, 2]}}' for i in range(ROWS)], "text"),
        ("bytes", whole(100, 9999), "number"),
    ],
)
