"""What databases write."""

import csv

from export_files import (
    CITIES,
    COUNTED,
    ROWS,
    add,
    days,
    floats,
    gaps,
    ids,
    of,
    pick,
    plain,
    sales,
    same,
    sentences,
    whole,
)

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
