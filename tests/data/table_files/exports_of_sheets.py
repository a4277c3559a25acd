"""What spreadsheets write."""

import csv

from export_files import (
    ACCENTS,
    CITIES,
    COUNTED,
    ROWS,
    UMLAUTS,
    add,
    days,
    floats,
    gaps,
    german,
    grouped,
    ids,
    of,
    pick,
    random,
    sales,
    same,
    sentences,
    whole,
)

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
